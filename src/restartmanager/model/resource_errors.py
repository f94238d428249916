"""Errors about names that cannot be registered: nothing has them, a device has, or the caller may
not look.

A call may name very many, so the first five of the bad ones are said, and how many more there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from restartmanager.model.errors import RestartManagerError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAMED_AT_MOST = 5
_SHOWN_AT_MOST = 200
_HINT = (
    "Mend the name, or say that it only comes with the change: --allow-missing, or "
    "register(allow_missing=True)."
)
_ASK_DOCTOR = " 'restartctl doctor' shows which service managers answer."


class MissingResourceError(UsageError, LookupError):
    """Files, trees, packages or services do not exist; nothing of that call was registered.

    ``missing`` has their names, by the parameter of ``register`` that they were given to.
    """

    def __init__(
        self,
        *,
        files: Sequence[str] = (),
        trees: Sequence[str] = (),
        packages: Sequence[str] = (),
        services: Sequence[str] = (),
        hint: str = "",
    ) -> None:
        words = (
            (files, ("file", "exists"), ("files", "exist")),
            (trees, ("directory", "exists"), ("directories", "exist")),
            (packages, ("package", "is installed"), ("packages", "are installed")),
            (services, ("service", "is known here"), ("services", "are known here")),
        )
        super().__init__(
            _sentence([_none(*kind) for kind in words if kind[0]]),
            hint=hint or (_HINT + _ASK_DOCTOR if services else _HINT),
        )
        named = {"files": files, "trees": trees, "packages": packages, "services": services}
        self.missing = {kind: tuple(names) for kind, names in named.items() if names}


class DeviceAmongFilesError(UsageError):
    """Devices stand among ``files``; nothing of that call was registered. ``paths`` are theirs."""

    def __init__(self, paths: Sequence[str]) -> None:
        what = "is a device and no file" if len(paths) == 1 else "are devices and no files"
        super().__init__(
            f"{_some(paths)} {what}.",
            hint="Programs that have nothing to do with each other use a device: register the "
            "service or the process that is meant.",
        )
        self.paths = tuple(paths)


class PathAccessError(RestartManagerError, PermissionError):
    """The caller may not look at files or directories, so nobody can say whether they exist or who
    uses them; nothing was done. ``paths`` are theirs."""

    def __init__(self, paths: Sequence[str]) -> None:
        super().__init__(
            f"{_some(paths)}: permission denied.",
            hint="Run as root, or as a user who may look there.",
        )
        self.paths = tuple(paths)


class OtherFilesError(UsageError):
    """Paths mean other files to the installer whose session it is; nothing of that call was
    registered. ``paths`` are theirs."""

    def __init__(self, paths: Sequence[str]) -> None:
        what = "is another file" if len(paths) == 1 else "are other files"
        super().__init__(
            f"{_some(paths)} {what} for the installer that started the session.",
            hint="It has other mounts or another root directory, as in a container: register there "
            "what is meant, or register the processes or services.",
        )
        self.paths = tuple(paths)


def _some(names: Sequence[str]) -> str:
    """The first five of these names, and how many more there are."""
    shown = [_shown(name) for name in names[:_NAMED_AT_MOST]]
    more = len(names) - len(shown)
    return _listed([*shown, f"{more} more"] if more else shown)


def _shown(name: str) -> str:
    return repr(name if len(name) <= _SHOWN_AT_MOST else f"{name[: _SHOWN_AT_MOST - 1]}…")


def _none(names: Sequence[str], one: tuple[str, str], many: tuple[str, str]) -> str:
    kind, verb = one if len(names) == 1 else many
    return f"no {kind} {_some(names)} {verb}"


def _listed(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def _sentence(parts: Sequence[str]) -> str:
    text = _listed(parts)
    return f"{text[:1].upper()}{text[1:]}."
