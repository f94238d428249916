"""Homes: among which control groups a program is started again.

A program goes back to where it was: into a scope of its own, in the slice and with the manager of
the unit that it was part of. What becomes of the installer does not matter to it there, and it
sheds no limit of the slice::

    >>> home_of("/user.slice/user-0.slice/session-3.scope", uid=0, caller=0)
    Home(user=None, slice='user-0.slice', limits='', group='', obstacle='')
    >>> home_of("/user.slice/user-7.slice/user@7.service/app.slice/x.scope", uid=7, caller=0)
    Home(user=7, slice='app.slice', limits='', group='', obstacle='')

Only root may have the system's manager do that. For anybody else it is the user's own manager,
as long as both are below the user's slice.
"""

from __future__ import annotations

from restartmanager.model import Home
from restartmanager.rules.cgroups import UnitAddress, unit_at

_OF_PROGRAMS = "app.slice"
"""The slice of a user's manager for the programs of the user (systemd.special(7))."""
_ROOT_SLICE = "-.slice"


def home_of(
    cgroup: str, uid: int, caller: int, *, own_cgroup: str | None = None, root: str = ""
) -> Home | None:
    """The home of a program of user ``uid`` that is part of a unit, as far as ``caller`` may put it
    there; None where it is part of none, or stays beside the caller, whose group is ``own_cgroup``.
    ``root`` as for ``unit_at``."""
    unit = unit_of_home(cgroup, uid, root)
    if unit is None:
        return None
    if unit.user is not None or caller == 0:
        return Home(unit.user, _slice_of(cgroup[len(root) :], unit))
    if cgroup.startswith(f"{root}/user.slice/user-{uid}.slice/"):
        return Home(uid, _OF_PROGRAMS)
    if cgroup == own_cgroup:
        return None
    return _nowhere(f"only root may put it back beside {unit.name!r}")


def _nowhere(why: str) -> Home:
    return Home(None, "", obstacle=why)


def unit_of_home(cgroup: str, uid: int, root: str = "") -> UnitAddress | None:
    """The unit whose place and limits a program of user ``uid`` gets again; None where it is part
    of none.

    What root leaves in a unit of another user's manager, as sudo(8) does, is not that manager's to
    start: it stays beside the manager.
    """
    unit = unit_at(cgroup, root)
    if unit is None or unit.user in {None, uid}:
        return unit
    return UnitAddress(f"user@{unit.user}.service")


def group_kept(cgroup: str, uid: int, root: str = "") -> str:
    """The control group down to which its home gives a program the same limits; empty where it is
    part of no unit. What another user's manager limits, that user may lift at any time."""
    unit = unit_at(cgroup, root)
    if unit is None or unit.user not in {None, uid}:
        return cgroup if unit else ""
    above, below = _split(cgroup[len(root) :], unit)
    return f"{root}{above}/{below.split('/')[1]}"


def beside(home: Home) -> Home | None:
    """The home for a program of a user whose manager does not run; None where there is no other."""
    return None if home.user is None else Home(None, f"user-{home.user}.slice", home.limits)


def _slice_of(path: str, unit: UnitAddress) -> str:
    above, _ = _split(path, unit)
    last = above.rpartition("/")[2]
    return last if last.endswith(".slice") else _ROOT_SLICE


def _split(path: str, unit: UnitAddress) -> tuple[str, str]:
    """The path above the unit, and the rest, which begins with it."""
    start = 0
    if unit.user is not None:
        manager = f"/user@{unit.user}.service"
        start = path.index(manager) + len(manager)
    for name in (unit.name, f"_{unit.name}"):
        place = f"{path}/".find(f"/{name}/", start)
        if place >= 0:
            return path[:place], path[place:]
    raise ValueError(path)
