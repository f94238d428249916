"""What ``restartctl doctor`` looks at besides: rules, users' managers, displays, extras."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING

from restartmanager.cli.output.records import Check
from restartmanager.errors import RestartManagerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


_RUNTIME_FOLDERS = "/run/user"
_DISPLAY_SOCKETS = "/tmp/.X11-unix"  # noqa: S108 - the X protocol's own place; only listed


def environment_checks() -> Iterable[Check]:
    """What makes a difference and can be missing, none of it everywhere."""
    yield policy_files()
    if os.path.isdir("/run/systemd/system"):  # sd_booted(3)
        yield user_managers(_RUNTIME_FOLDERS, os.geteuid())
    yield displays(served_displays(), installed=_is_installed("Xlib"))
    yield page(installed=_is_installed("textual"))


def policy_files() -> Check:
    """Whether the rules can be read: where they cannot, nothing is stopped."""
    from restartmanager.api.settings import policy, policy_folders

    name = "Policy"
    try:
        folders = policy_folders()
        policy()
    except RestartManagerError as error:
        meaning = "nothing is closed until it is mended"
        return Check(
            name,
            ok=False,
            finding=error.message,
            meaning=meaning,
            remedy=error.hint,
            essential=True,
        )
    found = [
        os.path.join(folder, file)
        for folder in folders
        for file in _listed(folder)
        if file.endswith(".toml")
    ]
    more = f", and {', '.join(found)}" if found else ""
    return Check(name, ok=True, finding=f"the package's own rules{more}", essential=True)


def user_managers(folder: str, uid: int) -> Check:
    """Whose service managers can be talked to: everybody's by root, one's own by others."""
    users = [user for user in _listed(folder) if user.isdecimal()]
    running = [user for user in users if _has_manager(os.path.join(folder, user))]
    mine = running if uid == 0 else [user for user in running if user == str(uid)]
    return Check(
        "User managers",
        ok=bool(mine) or not users,
        finding=_users(mine) if mine else "no user has one that can be talked to",
        meaning="services of users are seen as the processes they are",
        remedy="log in, or 'loginctl enable-linger' for users whose services run without a login",
    )


def served_displays(folder: str = _DISPLAY_SOCKETS) -> list[str]:
    """The sockets of displays that somebody has: a server that was killed leaves its file."""
    from restartmanager.adapters.scan.sockets import parse_unix

    try:
        with open("/proc/net/unix", "rb") as file:
            paths = set(parse_unix(file.read()).values())
    except OSError:
        return []
    return [name for name in _listed(folder) if os.path.join(folder, name) in paths]


def displays(sockets: Sequence[str], *, installed: bool) -> Check:
    """Whether X displays that are here can be talked to."""
    names = ", ".join(f":{name[1:]}" for name in sockets if name[:1] == "X")
    return Check(
        "X11",
        ok=installed or not names,
        finding=f"{f'displays {names}' if names else 'no display'}, python-xlib "
        f"{'is' if installed else 'is not'} installed",
        meaning="windows cannot be asked to close: their programs get a signal instead",
        remedy="pip install 'restartmanager[x11]'",
    )


def page(*, installed: bool) -> Check:
    """Whether ``restartctl ui`` can be shown."""
    return Check(
        "Full-screen view",
        ok=installed,
        finding=f"textual {'is' if installed else 'is not'} installed",
        meaning="'restartctl ui' cannot be shown; 'restartctl run' does the same",
        remedy="pip install 'restartmanager[ui]'",
    )


def _users(uids: Sequence[str]) -> str:
    from restartmanager.cli.output.render import user_name

    return f"of {', '.join(user_name(int(uid)) for uid in uids)}"


def _has_manager(folder: str) -> bool:
    return os.path.exists(os.path.join(folder, "systemd", "private"))


def _listed(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _is_installed(module: str) -> bool:
    return find_spec(module) is not None
