"""Read the settings, choose the adapters: the only module that knows them all.

Adapters are imported inside the functions, so that only what is used is loaded.

Settings come from the environment, of which a privileged program started by sudo(8) gets none:
RESTARTMANAGER_STATE_DIR (where sessions are remembered), RESTARTMANAGER_TIMEOUT_S (how long an
application may take to exit), RESTARTMANAGER_LEASES=0 (do not ask whether a file is in use by way
of a lease), RESTARTMANAGER_KERNEL_ITERATOR=0 (do not ask the kernel by way of BPF),
RESTARTMANAGER_POLICY_DIR (where rules beyond the package's are looked for),
RESTARTMANAGER_SUPERVISORD (the socket of the only supervisord that is asked) and
RESTARTMANAGER_TRACES=0 (tell the machine's log nothing).
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

from restartmanager.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from restartmanager.asking import Conversations
    from restartmanager.engine import Engine
    from restartmanager.equipment import TimeLimits
    from restartmanager.lookout import Lookout
    from restartmanager.model import Process
    from restartmanager.policy import Policy
    from restartmanager.ports.services import ServiceManager

__all__ = [
    "limits",
    "make_engine",
    "make_lookout",
    "make_services",
    "policy",
    "policy_folders",
    "shipped_policy",
    "state_folder",
    "supervisor_sockets",
]

_STATE_VARIABLE = "RESTARTMANAGER_STATE_DIR"
_TIMEOUT_VARIABLE = "RESTARTMANAGER_TIMEOUT_S"
_LEASES_VARIABLE = "RESTARTMANAGER_LEASES"
_KERNEL_VARIABLE = "RESTARTMANAGER_KERNEL_ITERATOR"
_POLICY_VARIABLE = "RESTARTMANAGER_POLICY_DIR"
_SUPERVISORD_VARIABLE = "RESTARTMANAGER_SUPERVISORD"
_TRACES_VARIABLE = "RESTARTMANAGER_TRACES"
_SHIPPED_POLICY = os.path.join(os.path.dirname(__file__), "policy.toml")


def make_engine() -> Engine:
    """The engine for the calling user on this machine."""
    from restartmanager.desktop.applications import DesktopEntries
    from restartmanager.desktop.screens import DesktopScreens
    from restartmanager.linux.traces import NoTraces, SystemTraces
    from restartmanager.store.sqlite import SqliteStore
    from restartmanager.tracing import TracedEngine

    lookout = make_lookout()
    lookout.screens = DesktopScreens()
    lookout.entries = DesktopEntries()
    return TracedEngine(
        store=SqliteStore(state_folder()),
        lookout=lookout,
        processes=lookout.processes,
        channels=_Channels(),
        clock=lookout.clock,
        limits=limits(),
        variables=os.environ,
        traces=SystemTraces() if _wanted(_TRACES_VARIABLE) else NoTraces(),
    )


class _Channels:
    """The channels of this machine, loaded when somebody is to be asked: few operations do."""

    def open(self, processes: Sequence[Process]) -> Conversations:
        from restartmanager.linux.channels import LinuxChannels

        return LinuxChannels().open(processes)


def make_lookout() -> Lookout:
    """What looks at this machine for the calling user; it remembers nothing."""
    from restartmanager.linux.clock import SystemClock
    from restartmanager.linux.packages import SystemPackages
    from restartmanager.linux.processes import LinuxProcesses
    from restartmanager.linux.scanner import LinuxScanner
    from restartmanager.lookout import Lookout

    scanner = LinuxScanner(
        leases=_wanted(_LEASES_VARIABLE),
        kernel=_wanted(_KERNEL_VARIABLE),
        cache_folder=_cache_folder(),
    )
    return Lookout(
        scanner=scanner,
        processes=LinuxProcesses(),
        packages=SystemPackages(),
        services=make_services(),
        clock=SystemClock(),
        uid=os.geteuid(),
        load_policy=policy,
    )


def make_services() -> ServiceManager:
    """The service managers of this machine, as far as the calling user may talk to them."""
    from restartmanager.services.managers import Managers

    return Managers(_service_managers)


def _service_managers() -> dict[str, ServiceManager]:
    """The managers that are there, the one that is asked first coming first: a supervisord is
    itself a service of another one."""
    from restartmanager.services.markers import init_system

    managers: dict[str, ServiceManager] = {}
    sockets = supervisor_sockets()
    if sockets:
        from restartmanager.linux.processes import LinuxProcesses
        from restartmanager.services.supervisord import SupervisordPrograms

        managers["supervisord"] = SupervisordPrograms(sockets, LinuxProcesses())
    system = init_system()
    if system == "systemd":
        from restartmanager.services.systemd import Systemd

        managers[system] = Systemd(os.geteuid())
    elif system:
        from restartmanager.linux.processes import LinuxProcesses
        from restartmanager.services.initscripts import InitScripts
        from restartmanager.services.openrc import OpenRC
        from restartmanager.services.sysv import SysV

        kind = OpenRC if system == "openrc" else SysV
        managers[system] = InitScripts(kind(), LinuxProcesses())
    return managers


def supervisor_sockets() -> tuple[str, ...]:
    """Where a supervisord may be asked for its programs."""
    from restartmanager.services.markers import supervisor_sockets

    chosen = os.environ.get(_SUPERVISORD_VARIABLE)
    if not chosen:
        return supervisor_sockets()
    if not os.path.isabs(chosen):
        raise UsageError(f"{_SUPERVISORD_VARIABLE} is {chosen!r}.", hint="Give an absolute path.")
    return (chosen,)


def state_folder() -> str:
    """The folder in which this user's sessions are remembered."""
    chosen = os.environ.get(_STATE_VARIABLE)
    if chosen:
        if not os.path.isabs(chosen):
            raise UsageError(f"{_STATE_VARIABLE} is {chosen!r}.", hint="Give an absolute path.")
        return chosen
    if os.geteuid() == 0:
        return "/var/lib/restartmanager"
    base = os.environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(base):  # the base directory specification: ignore relative ones
        base = os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.join(base, "restartmanager")


def _cache_folder() -> str | None:
    """Where facts about the running kernel are kept, which asking it needs; root alone can ask."""
    if os.environ.get(_STATE_VARIABLE):
        return state_folder() if os.path.isdir(state_folder()) else None
    return "/run/restartmanager" if os.geteuid() == 0 else None


def limits() -> TimeLimits:
    """How long to wait for what."""
    from restartmanager.equipment import TimeLimits

    text = os.environ.get(_TIMEOUT_VARIABLE)
    if not text:
        return TimeLimits()
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds <= 3600:
        raise UsageError(
            f"{_TIMEOUT_VARIABLE} is {text!r}.", hint="Give seconds, more than 0, up to 3600."
        )
    return TimeLimits(application_s=seconds)


def _wanted(variable: str) -> bool:
    """Whether something has not been switched off."""
    text = os.environ.get(variable, "")
    if text not in {"", "0", "1"}:
        raise UsageError(f"{variable} is {text!r}.", hint="It is 0 for off or 1 for on.")
    return text != "0"


@cache
def policy() -> Policy:
    """The rules that come with the package, and those of the administrator over them.

    Raises ConfigurationError for a file that cannot be used.
    """
    from restartmanager.policy_file import load_policy

    return load_policy(_SHIPPED_POLICY, policy_folders(), trusted_uids=frozenset({0, os.geteuid()}))


@cache
def shipped_policy() -> Policy:
    """The rules that come with the package alone."""
    from restartmanager.policy_file import load_policy

    return load_policy(_SHIPPED_POLICY, (), trusted_uids=frozenset())


def policy_folders() -> tuple[str, ...]:
    """Where further rules are looked for, the strongest last; root never looks into a home."""
    chosen = os.environ.get(_POLICY_VARIABLE)
    if chosen:
        if not os.path.isabs(chosen):
            raise UsageError(f"{_POLICY_VARIABLE} is {chosen!r}.", hint="Give an absolute path.")
        return (chosen,)
    folders = ("/usr/lib/restartmanager/policy.d", "/etc/restartmanager/policy.d")
    if os.geteuid() == 0:
        return folders
    base = os.environ.get("XDG_CONFIG_HOME", "")
    if not os.path.isabs(base):
        base = os.path.join(os.path.expanduser("~"), ".config")
    return (*folders, os.path.join(base, "restartmanager", "policy.d"))
