"""Homes with a systemd manager: scopes with the limits that a unit has.

The limits (systemd.resource-control(5)) are read and set as the manager has them, so that nothing
is lost in between. A user's manager enforces only a few: the others need root, and it takes them
without a word. Nothing else of what it says is believed, for root may have to set it.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from restartmanager.adapters.services.systemd.jobs import Jobs
from restartmanager.adapters.services.systemd.units import read_all
from restartmanager.model.limits import SCOPE_S
from restartmanager.model.progress import CancelToken

if TYPE_CHECKING:
    from collections.abc import Iterable

    from restartmanager.adapters.services.systemd.dbus import Bus
    from restartmanager.model import Home


_INFINITE = 2**64 - 1
_BY_ANYBODY: dict[str, tuple[Any, ...]] = {  # property → what stands for no limit
    "CPUQuotaPerSecUSec": (_INFINITE,),
    "CPUQuotaPeriodUSec": (_INFINITE,),
    "CPUWeight": (_INFINITE, 100),
    "MemoryHigh": (_INFINITE,),
    "MemoryMax": (_INFINITE,),
    "MemorySwapMax": (_INFINITE,),
    "MemoryZSwapMax": (_INFINITE,),
    "TasksMax": (_INFINITE,),
}
_BY_ROOT: dict[str, tuple[Any, ...]] = {
    "AllowedCPUs": ([],),
    "AllowedMemoryNodes": ([],),
    "BPFProgram": ([],),
    "DeviceAllow": ([],),
    "DevicePolicy": ("auto",),
    "IOReadBandwidthMax": ([],),
    "IOReadIOPSMax": ([],),
    "IOWeight": (_INFINITE, 100),
    "IOWriteBandwidthMax": ([],),
    "IOWriteIOPSMax": ([],),
    "IPAddressAllow": ([],),
    "IPAddressDeny": ([],),
    "IPEgressFilterPath": ([],),
    "IPIngressFilterPath": ([],),
    "RestrictNetworkInterfaces": ([False, []],),
    "SocketBindAllow": ([],),
    "SocketBindDeny": ([],),
}


def limits_of(bus: Bus, unit: str, *, by_root: bool) -> dict[str, list[Any]] | None:
    """The limits that a unit has, as ``{property: [signature, value]}``, those that need root only
    where its manager runs as root; None where the manager does not say."""
    properties = read_all(bus, unit)
    if properties is None:
        return None
    found = {}
    for name, nothing in (_BY_ANYBODY | (_BY_ROOT if by_root else {})).items():
        signature, value = _plain(properties.get(name))
        if name in _BY_ANYBODY and (signature != "t" or not isinstance(value, int)):
            continue
        if signature and value not in nothing:
            found[name] = [signature, value]
    return found


def only_by_root(limits: Iterable[str]) -> str:
    """The first of these limits that a user's manager does not enforce; empty for none."""
    return next((name for name in limits if name in _BY_ROOT), "")


def make_scope(bus: Bus, pid: int, name: str, home: Home) -> str:
    """Put a process into a new scope. What went wrong, in words; empty when it was done.

    The manager of a user has the system's one move processes that are not in its own control
    groups; that one sees to it that they are the user's.
    """
    properties = [
        ("PIDs", ("au", [pid])),
        ("Description", ("s", "brought back by the Restart Manager")),
        ("CollectMode", ("s", "inactive-or-failed")),
        ("Slice", ("s", home.slice)),
        *((name, _variant(*value)) for name, value in json.loads(home.limits or "{}").items()),
    ]
    jobs = Jobs(bus)
    jobs.start_transient(name, properties)
    deadline = time.monotonic() + SCOPE_S
    with CancelToken() as never:
        while time.monotonic() < deadline:  # jobs of others wake us as well
            for _, trouble in jobs.finished(deadline, never):
                return trouble
    return "it takes too long"


def _plain(variant: object) -> tuple[str, Any]:
    """The signature and the value of a variant, as JSON can keep them; nothing for what is none."""
    if not isinstance(variant, tuple) or len(variant) != 2:
        return "", None
    signature, value = variant
    return signature, json.loads(json.dumps(value, default=list))


def _variant(signature: str, value: Any) -> tuple[str, Any]:  # noqa: ANN401 - any D-Bus value
    """The variant of which these are the parts; a structure is a tuple (jeepney)."""
    if signature.startswith("("):
        return signature, tuple(value)
    return signature, [tuple(item) for item in value] if signature.startswith("a(") else value
