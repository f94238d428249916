"""Short names of services, which come back as they were given, and find their service again.

::

    >>> names = ServiceNames()
    >>> names.full("nginx")
    'nginx'
    >>> names.short("nginx.service"), names.short("dbus.service")
    ('nginx', 'dbus.service')

The name of a service on Windows has no ending and at most 63 characters. That of a unit may have
both, so it is cut, and the whole of it is remembered.
"""

from __future__ import annotations

from restartmanager.errors import UsageError
from restartmanager.rstrtmgr.codes import CCH_RM_MAX_SVC_NAME

_ENDING = ".service"

_cut: dict[str, set[str]] = {}
"""What each name of the greatest length stands for that this process has got, whatever the session:
an installer that begins anew, with another one, goes on with the list that it has."""


class ServiceNames:
    """The names of services, as the installer calls them by one handle."""

    def __init__(self) -> None:
        self._given: dict[str, str] = {}

    def full(self, name: str) -> str:
        """The name that a service manager knows, of one that the installer gives.

        Raises UsageError for a cut one that stands for several services.
        """
        wholes = _cut.get(name, {name})
        if len(wholes) > 1:
            raise UsageError(f"{name!r} is the beginning of the names of several services.")
        (whole,) = wholes
        self._given[whole.removesuffix(_ENDING)] = name
        return whole

    def called(self, name: str) -> str:
        """What the installer calls the service of that full name: as it gave it, else in full."""
        return self._given.get(name.removesuffix(_ENDING), name)

    def short(self, name: str) -> str:
        """The same with as many characters as ``strServiceShortName`` has."""
        short = self.called(name)[:CCH_RM_MAX_SVC_NAME]
        if len(short) == CCH_RM_MAX_SVC_NAME:
            _cut.setdefault(short, set()).add(name)
        return short
