"""Init scripts of a sandbox: real services of OpenRC and SysV init, and what both must do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import restartmanager as rm
from restartmanager.adapters.clock import SystemClock
from restartmanager.adapters.processes.processes import LinuxProcesses
from restartmanager.adapters.services.initscripts.manager import InitScripts
from restartmanager.api.wiring import make_services
from restartmanager.model import Hold, Service, ServiceState
from restartmanager.model.progress import CancelToken
from restartmanager.testing.contracts.services import ServicesContract
from support.daemons import Daemons, kill

if TYPE_CHECKING:
    from collections.abc import Collection

    from restartmanager.adapters.services.initscripts.script_facts import InitSystem
    from restartmanager.model import Process

_NUMBERS = count()
_DIES = """
import os, signal, sys
import restartmanager as rm
from restartmanager.adapters.services.initscripts import manager
class Command(manager.Command):
    def await_end(self, *_):
        os.kill(os.getpid(), signal.SIGKILL)
manager.Command = Command
session = rm.start_session()
session.register(files=[sys.argv[1]])
session.shutdown()
"""


class Scripted(ServicesContract):
    """The contract over init scripts, and a transaction. Derived classes write the scripts."""

    system: InitSystem

    @pytest.fixture(autouse=True)
    def _machine(self, daemons: Daemons) -> None:
        self.daemons = daemons
        self._manager = InitScripts(self.system, LinuxProcesses())

    # -- what differs ----------------------------------------------------------------------------

    def script(self, name: str, command: str, *, needs: str = "") -> str:
        """The text of a script that runs this command as a daemon and waits 60 seconds for its
        end."""
        raise NotImplementedError

    def failing_script(self) -> str:
        """The text of a script whose start fails."""
        raise NotImplementedError

    # -- hooks -----------------------------------------------------------------------------------

    def manager(self) -> InitScripts:
        return self._manager

    def processes(self) -> LinuxProcesses:
        return LinuxProcesses()

    def clock(self) -> SystemClock:
        return SystemClock()

    def running(self, *options: str) -> Service:
        return self._begin(self.stopped(*options))

    def _begin(self, service: Service) -> Service:
        with CancelToken() as cancel:
            (result,) = self.manager().start({service: Hold()}, cancel=cancel)
        assert result.done, result
        self.daemons.await_ready(self._main(service).pid)
        return service

    def stopped(self, *options: str, needs: str = "") -> Service:
        name = f"daemon{next(_NUMBERS)}"
        command = self.daemons.command("reload", "HUP", *options)
        return self._install(name, self.script(name, command, needs=needs))

    def stubborn(self) -> Service:
        return self.running("ignore", "TERM")

    def broken(self) -> Service:
        return self._install(f"broken{next(_NUMBERS)}", self.failing_script())

    def failed(self) -> Service:
        service = self.running()
        kill(self._main(service))
        return service

    def unknown(self) -> Service:
        return Service(self.system.manager, "nothing")

    def names(self, service: Service) -> Collection[str]:
        return set()

    def child_of(self, service: Service) -> Process:
        return self.daemons.child_of(self._main(service).pid)

    def reloadable(self) -> Service:
        return self.running()

    def _install(self, name: str, text: str) -> Service:
        path = Path("/etc/init.d", name)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
        return self.manager().resolve([name])[name]

    # -- the whole transaction -------------------------------------------------------------------

    def test_a_library_is_replaced_under_a_service(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Stopped before, and on the new file afterwards; what did not run still does not."""
        monkeypatch.setenv("RESTARTMANAGER_STATE_DIR", str(tmp_path / "state"))
        library = Path("/srv", f"library{next(_NUMBERS)}")
        library.write_bytes(b"old" * 5000)
        service, untouched = self.running("map", str(library)), self.stopped("map", str(library))
        before = self._main(service)
        with rm.start_session() as session:
            session.register(files=[library])
            (application,) = session.affected().applications
            assert application.service == service
            with session.shutdown() as stopped:
                assert self._facts(service).state is ServiceState.INACTIVE
                new = library.with_name(f"{library.name}.new")
                new.write_bytes(b"new" * 5000)
                new.replace(library)
        (outcome,) = stopped.restarted
        assert (outcome.result, outcome.message) == (rm.Result.DONE, "")
        assert self._main(service) != before
        (user,) = rm.who_uses(library).applications
        assert user.service == service
        assert not any(item.stale for item in user.evidence)
        assert self._facts(untouched).state is ServiceState.INACTIVE

    def test_what_a_dead_installer_was_stopping_is_brought_back(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The script goes on by itself; its service runs yet when recovery looks."""
        monkeypatch.setenv("RESTARTMANAGER_STATE_DIR", str(tmp_path / "state"))
        library = Path("/srv", f"library{next(_NUMBERS)}")
        library.write_bytes(b"old" * 5000)
        service = self.running("map", str(library), "late", "TERM")
        before = self._main(service)
        done = subprocess.run([sys.executable, "-c", _DIES, library], check=False)
        assert done.returncode == -signal.SIGKILL
        assert self.processes().is_alive(before)
        (outcome,) = rm.recover()
        assert outcome.result is rm.Result.DONE
        assert not self.processes().is_alive(before)
        assert self._main(service) == outcome.process
        assert self._facts(service).state is ServiceState.ACTIVE

    def test_only_root_may(self) -> None:
        """Others are told so, and nothing is done."""
        service = self.running()
        os.setresuid(65534, 65534, 0)
        try:
            with CancelToken() as cancel:
                (result,) = self.manager().stop(
                    {service: Hold()}, patience_s=1, force=True, cancel=cancel
                )
        finally:
            os.setresuid(0, 0, 0)
        assert result.trouble == "only root can do this"
        assert self._facts(service).state is ServiceState.ACTIVE

    def test_it_is_the_manager_of_this_machine(self) -> None:
        """Chosen by itself."""
        service = self.running()
        assert make_services().resolve([service.name]) == {service.name: service}
