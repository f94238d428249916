"""Choose the adapters: the only module that knows them all.

Adapters are imported inside the functions, so that only what is used is loaded.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from restartmanager.api.settings import (
    EVENTS_VARIABLE,
    JOB_VARIABLE,
    KERNEL_VARIABLE,
    KEY_VARIABLE,
    LEASES_VARIABLE,
    STATE_VARIABLE,
    cache_folder,
    limits,
    policy,
    state_folder,
    supervisor_sockets,
    wanted,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from restartmanager.adapters.services.initscripts.script_facts import InitSystem
    from restartmanager.engine.engine import Engine
    from restartmanager.engine.identifier import ResourceIdentifier
    from restartmanager.engine.inspector import Inspector
    from restartmanager.model import Process
    from restartmanager.ports.applications import Conversations
    from restartmanager.ports.services import ServiceManager
    from restartmanager.ports.store import Store


def make_engine() -> Engine:
    """The engine for the calling user on this machine."""
    from restartmanager.adapters.desktop.entry_lookup import DesktopEntries
    from restartmanager.adapters.desktop.screens import DesktopScreens
    from restartmanager.adapters.event_log import SystemEventLog
    from restartmanager.adapters.store.sqlite import SqliteStore
    from restartmanager.engine.engine import Engine
    from restartmanager.ports.machine import NoEventLog

    inspector = replace(make_inspector(), screens=DesktopScreens(), entries=DesktopEntries())
    return Engine(
        store=SqliteStore(state_folder()),
        identifier=make_identifier(),
        inspector=inspector,
        processes=inspector.processes,
        channels=_Channels(),
        clock=inspector.clock,
        limits=limits(),
        variables=_login_variables,
        still_works=_still_works,
        event_log=SystemEventLog() if wanted(EVENTS_VARIABLE) else NoEventLog(),
    )


def engines_of_callers(engine: Engine) -> Iterator[Engine]:
    """The engines for root in the place of this one, one for each user who may have elevated it;
    they can only join, register and leave. None for anybody else."""
    if os.geteuid() == 0:
        from restartmanager.adapters.processes.processes import LinuxProcesses
        from restartmanager.adapters.store.user_store import stores_of_callers

        for store in stores_of_callers(STATE_VARIABLE, os.environ, LinuxProcesses()):
            yield replace(engine, store=cast("Store", store))


def _login_variables() -> Mapping[str, str]:
    """The environment of the caller's own login, looked at when something comes back after a
    reboot: few operations bring that."""
    from restartmanager.adapters.login import own_variables

    return own_variables(os.environ)


def _still_works(key: str) -> bool:
    """Looked at when the installer of a session is dead."""
    from restartmanager.adapters.processes.jobs import still_works

    return still_works(KEY_VARIABLE, JOB_VARIABLE, key)


class _Channels:
    """The channels of this machine, loaded when somebody is to be asked: few operations do."""

    def open(self, processes: Sequence[Process]) -> Conversations:
        from restartmanager.adapters.processes.channels import LinuxChannels

        return LinuxChannels().open(processes)


def make_identifier() -> ResourceIdentifier:
    """What looks at the files and packages of this machine that a caller names."""
    from restartmanager.adapters.packages import SystemPackages
    from restartmanager.adapters.proc.files import LinuxFileIdentifier
    from restartmanager.engine.identifier import ResourceIdentifier

    return ResourceIdentifier(LinuxFileIdentifier(), SystemPackages())


def make_inspector() -> Inspector:
    """What looks at this machine for the calling user; it remembers nothing."""
    from restartmanager.adapters.clock import SystemClock
    from restartmanager.adapters.logins import LoginFiles
    from restartmanager.adapters.processes.processes import LinuxProcesses
    from restartmanager.adapters.scan.scanner import LinuxScanner
    from restartmanager.engine.inspector import Inspector

    scanner = LinuxScanner(
        leases=wanted(LEASES_VARIABLE),
        kernel=wanted(KERNEL_VARIABLE),
        cache_folder=cache_folder(),
    )
    return Inspector(
        scanner=scanner,
        processes=LinuxProcesses(),
        services=make_services(),
        clock=SystemClock(),
        uid=os.geteuid(),
        load_policy=policy,
        logins=LoginFiles(),
    )


def make_services() -> ServiceManager:
    """The service managers of this machine, as far as the calling user may talk to them."""
    from restartmanager.adapters.services.managers import Managers

    return Managers(_service_managers)


def _init_system(name: str) -> InitSystem:
    if name == "openrc":
        from restartmanager.adapters.services.initscripts.openrc import OpenRC

        return OpenRC()
    from restartmanager.adapters.services.initscripts.sysv import SysV

    return SysV()


def _service_managers() -> dict[str, ServiceManager]:
    """The managers that are there, the one that is asked first coming first: a supervisord is
    itself a service of another one."""
    from restartmanager.adapters.services.detection import init_system

    managers: dict[str, ServiceManager] = {}
    sockets = supervisor_sockets()
    if sockets:
        from restartmanager.adapters.processes.processes import LinuxProcesses
        from restartmanager.adapters.services.supervisord.manager import SupervisordPrograms

        managers["supervisord"] = SupervisordPrograms(sockets, LinuxProcesses())
    system = init_system()
    if system == "systemd":
        from restartmanager.adapters.services.systemd.manager import Systemd

        managers[system] = Systemd(os.geteuid())
    elif system:
        from restartmanager.adapters.processes.processes import LinuxProcesses
        from restartmanager.adapters.services.initscripts.manager import InitScripts

        managers[system] = InitScripts(_init_system(system), LinuxProcesses())
    return managers
