"""DWORDs, the unsigned numbers of 32 bits of C, and NULL, as ported programs write them.

::

    >>> ALL_ONES, ALL_ONES == -1, ALL_ONES == 0xFFFFFFFF, -1 != ALL_ONES
    (4294967295, True, True, False)
    >>> is_null(0), is_null(None), is_null("")
    (True, True, False)
"""

from __future__ import annotations

from typing import Self

from restartmanager.errors import UsageError

_GREATEST = 2**32 - 1


class AllOnes(int):
    """The DWORD of which all bits are set. The header writes it as -1, and it equals both numbers.

    C converts -1 before it compares it with a DWORD, and Python does not: with either number alone,
    ``TSSessionId == -1`` or ``TSSessionId == 0xFFFFFFFF`` would be false for ever, unseen. In all
    else it is the number 0xFFFFFFFF. In a set or a dictionary it is found as that one only.
    """

    __slots__ = ()

    def __new__(cls) -> Self:
        """The only value there is."""
        return super().__new__(cls, _GREATEST)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, int):
            return NotImplemented
        return int(other) in {-1, _GREATEST}

    def __ne__(self, other: object) -> bool:  # that of int would not ask __eq__
        if not isinstance(other, int):
            return NotImplemented
        return not self == other

    __hash__ = int.__hash__

    def __reduce__(self) -> tuple[type[AllOnes], tuple[()]]:
        return AllOnes, ()


ALL_ONES = AllOnes()


def dword(number: object) -> int:
    """The number, which is a DWORD. Raises UsageError where it is none."""
    if not isinstance(number, int) or not 0 <= number <= _GREATEST:
        raise UsageError(f"{number!r} is no number of 32 bits.")
    return number


def is_null(value: object) -> bool:
    """Whether this is the NULL of C: None, 0, or a pointer of ``ctypes`` to nothing.

    Calling a null function pointer of ctypes would end the process.
    """
    if value is None or (isinstance(value, int) and value == 0):
        return True
    made_by_ctypes = any(base.__module__ == "_ctypes" for base in type(value).__mro__)
    return made_by_ctypes and not value
