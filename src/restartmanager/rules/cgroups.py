"""Units of control groups, found by systemd's own rules (systemd.unit(5), cgroups(7)).

The path is walked from the top: slices are skipped, and the first component that is no slice is the
unit. Everything below it belongs to the unit, whatever its name::

    >>> unit_at("/system.slice/cron.service/delegated/group")
    UnitAddress(name='cron.service', user=None)
    >>> unit_at("/user.slice/user-1000.slice/user@1000.service/app.slice/syncthing.service")
    UnitAddress(name='syncthing.service', user=1000)
"""

from __future__ import annotations

import re
from typing import NamedTuple

_USER_MANAGER = re.compile(r"user@([0-9]{1,10})\.service")
_UNIT = re.compile(r"[A-Za-z0-9:_.\\@-]{1,250}\.(?:service|scope|socket|mount|swap)")


class UnitAddress(NamedTuple):
    """A unit, and the user in whose manager it runs; None for the system's manager."""

    name: str
    user: int | None = None


def unit_at(cgroup: str, root: str = "") -> UnitAddress | None:
    """The unit of this control group; None when it belongs to none.

    ``root`` is the control group above the manager's own, where it runs in a container that shows
    the paths of its host.
    """
    if root and not f"{cgroup}/".startswith(f"{root}/"):
        return None
    name, rest = _first_unit(cgroup[len(root) :].split("/"))
    if name is None:
        return None
    manager = _USER_MANAGER.fullmatch(name)
    if manager is None:
        return UnitAddress(name)
    inner, _ = _first_unit(rest)
    if inner is None:
        return UnitAddress(name)
    return UnitAddress(inner, int(manager[1]))


def _first_unit(components: list[str]) -> tuple[str | None, list[str]]:
    """The first component that names a unit other than a slice, and what follows it."""
    for number, component in enumerate(components):
        name = component.removeprefix("_")  # how systemd escapes a name that cgroups reserve
        if not name or name.endswith(".slice"):
            continue
        if _UNIT.fullmatch(name) is None:
            return None, []
        return name, components[number + 1 :]
    return None, []
