"""Programs under a real supervisord, and what hostile ones could answer."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xmlrpc.client import dumps

import pytest
from hypothesis import given
from hypothesis import strategies as st

import restartmanager as rm
from restartmanager.adapters.clock import SystemClock
from restartmanager.adapters.processes.processes import LinuxProcesses
from restartmanager.adapters.services.detection import supervisor_sockets
from restartmanager.adapters.services.parallel import ServiceTroubleError
from restartmanager.adapters.services.supervisord.daemon import (
    Program,
    Supervisor,
    find_supervisors,
)
from restartmanager.adapters.services.supervisord.rpc import parse_answer
from restartmanager.cli.doctor.checks import all_checks
from restartmanager.model import Hold, Service
from restartmanager.model.progress import CancelToken
from restartmanager.testing.contracts.services import ServicesContract
from support.daemons import Daemons, kill
from support.supervised import Supervised

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from contextlib import AbstractContextManager

    from restartmanager.adapters.services.supervisord.manager import SupervisordPrograms
    from restartmanager.model import Process, ServiceResult
    from support.spawning import Spawn


@pytest.fixture
def daemons() -> Iterator[Daemons]:
    with Daemons() as made:
        yield made


@pytest.fixture
def supervised(daemons: Daemons, spawn: Spawn) -> Supervised:
    return Supervised(spawn, daemons)


class TestSupervisordPrograms(ServicesContract):
    @pytest.fixture(autouse=True)
    def _machine(self, supervised: Supervised) -> None:
        self._supervised = supervised

    def manager(self) -> SupervisordPrograms:
        return self._supervised.manager

    def processes(self) -> LinuxProcesses:
        return LinuxProcesses()

    def clock(self) -> SystemClock:
        return SystemClock()

    def running(self) -> Service:
        return self._supervised.started()

    def stopped(self) -> Service:
        return self._supervised.of_kind("daemon")

    def stubborn(self) -> Service:
        return self._supervised.started("stubborn")

    def broken(self) -> Service:
        return self._supervised.of_kind("missing")

    def failed(self) -> Service:
        service = self.running()
        main = self._facts(service).main
        assert main is not None
        kill(main)
        self._supervised.await_exit(service)
        return service

    def unknown(self) -> Service:
        return Service("supervisord", "daemon:nothing", user=self.running().user)

    def names(self, service: Service) -> Collection[str]:
        return {service.name.partition(":")[2]}

    def child_of(self, service: Service) -> Process:
        return self._supervised.daemons.child_of(self._supervised.program(service).pid)

    def reloadable(self) -> Service:
        return self.running()


# -- the whole transaction -----------------------------------------------------------------------


def test_a_library_is_replaced_under_a_program(
    supervised: Supervised, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESTARTMANAGER_SUPERVISORD", supervised.socket)
    monkeypatch.setenv("RESTARTMANAGER_STATE_DIR", str(tmp_path / "state"))
    library = Path(supervised.daemons.path("library"))
    library.write_bytes(b"old" * 5000)
    service, untouched = supervised.started("mapping"), supervised.of_kind("mapping")
    bystander = supervised.started()
    before, beside = supervised.program(service), supervised.program(bystander)
    with rm.start_session() as session:
        session.register(files=[library])
        (application,) = session.affected().applications
        assert application.service == service
        assert {process.pid for process in application.processes} >= {before.pid}
        with session.shutdown() as stopped:
            assert supervised.program(service).statename == "STOPPED"
            new = library.with_name("new")
            new.write_bytes(b"new" * 5000)
            new.replace(library)
    assert [(outcome.result, outcome.message) for outcome in stopped.restarted] == [
        (rm.Result.DONE, "")
    ]
    after = supervised.program(service)
    assert after.statename == "RUNNING"
    assert after.pid != before.pid
    (user,) = rm.who_uses(library).applications
    assert user.service == service
    assert not any(item.stale for item in user.evidence)
    assert supervised.program(untouched).statename == "STOPPED"
    assert supervised.program(bystander) == beside


_DIES = """
import os, signal, sys
import restartmanager as rm
from restartmanager.adapters.services.supervisord import manager
manager._await_stop = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
session = rm.start_session()
session.register(files=[sys.argv[1]])
session.shutdown()
"""


def test_what_a_dead_installer_was_stopping_is_brought_back(
    supervised: Supervised, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """supervisord goes on stopping it, and starts nothing that is not down."""
    monkeypatch.setenv("RESTARTMANAGER_SUPERVISORD", supervised.socket)
    monkeypatch.setenv("RESTARTMANAGER_STATE_DIR", str(tmp_path / "state"))
    library = Path(supervised.daemons.path("library"))
    library.write_bytes(b"old" * 5000)
    service = supervised.started("late")
    before = supervised.program(service)
    done = subprocess.run([sys.executable, "-c", _DIES, library], check=False)
    assert done.returncode == -signal.SIGKILL
    supervised.await_state(service, "STOPPING")
    (outcome,) = rm.recover()
    assert outcome.result is rm.Result.DONE
    after = supervised.program(service)
    assert (after.statename, after.pid != before.pid) == ("RUNNING", True)


def test_doctor_names_the_supervisord(
    supervised: Supervised, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESTARTMANAGER_SUPERVISORD", supervised.socket)
    (check,) = (check for check in all_checks() if check.name == "supervisord")
    assert (check.ok, check.finding) == (True, supervised.socket)


def test_what_does_not_come_up_says_its_last_words(supervised: Supervised) -> None:
    service = supervised.of_kind("complaining")
    with CancelToken() as cancel:
        (result,) = supervised.manager.start({service: Hold()}, cancel=cancel)
    assert result.trouble.endswith("\nno licence")


def stop(
    supervised: Supervised, service: Service, *, patience_s: float, force: bool
) -> ServiceResult:
    with CancelToken() as cancel:
        (result,) = supervised.manager.stop(
            {service: Hold()}, patience_s=patience_s, force=force, cancel=cancel
        )
    return result


def test_helpers_are_killed_with_their_leader(supervised: Supervised) -> None:
    """Though supervisord only knows the leader."""
    service = supervised.started("stubborn")
    child = supervised.daemons.child_of(supervised.program(service).pid)
    result = stop(supervised, service, patience_s=0.1, force=True)
    assert result.remark == "killed, for it did not stop in time"
    assert not LinuxProcesses().is_alive(child.identity)


def test_helpers_that_a_stop_leaves_are_ended(supervised: Supervised) -> None:
    """supervisord ends the leader alone, unless it is told otherwise."""
    service = supervised.started("leaving")
    child = supervised.daemons.child_of(supervised.program(service).pid)
    assert stop(supervised, service, patience_s=20, force=False).done
    assert not LinuxProcesses().is_alive(child.identity)


# -- what others could answer ----------------------------------------------------------------------


class Answering:
    """Somebody at a socket who gives the same answer, whatever he is asked."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(path)
        self._server.listen()
        self._thread = threading.Thread(target=self._serve)
        self._answer = b""

    def __call__(self, answer: bytes) -> Supervisor:
        self._answer = answer
        self._thread.start()
        return Supervisor(self._path, os.geteuid(), LinuxProcesses())

    def listen_as(self, uid: int) -> None:
        """Have it be somebody else from now on."""
        os.setresuid(uid, uid, 0)
        try:
            self._server.listen()
        finally:
            os.setresuid(0, 0, 0)

    def end(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        if self._thread.ident is not None:
            self._thread.join()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                with self._server.accept()[0] as connection:
                    connection.recv(65536)
                    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                        connection.sendall(self._answer)


@pytest.fixture
def answering(daemons: Daemons) -> Iterator[Answering]:
    made = Answering(daemons.path("hostile"))
    yield made
    made.end()


def answer(value: Any) -> bytes:
    return b"HTTP/1.0 200 OK\r\n\r\n" + dumps((value,), methodresponse=True).encode()


STRANGER = 12345
BOMB = (
    b'HTTP/1.0 200 OK\r\n\r\n<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaaaaaaaa">'
    b'<!ENTITY b "&a;&a;&a;&a;&a;">]><methodResponse><params><param><value>&b;</value>'
    b"</param></params></methodResponse>"
)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (BOMB, "document type"),
        (BOMB.decode("ascii").encode("utf-16"), "no answer"),
        (BOMB[:21] + BOMB[21:].decode("ascii").encode("utf-16"), "cannot be read"),
        (b"HTTP/1.0 200 OK\r\n\r\n" + b"<value>" * 10**6, "without end"),
        (b"HTTP/1.0 401 Unauthorized\r\n\r\n", "password"),
        (b"", "no answer"),
        (b"HTTP/1.0 200 OK\r\n\r\n<methodResponse><params><param><value><int>9", "cannot be read"),
    ],
)
def test_no_answer_harms(answering: Answering, given: bytes, said: str) -> None:
    with pytest.raises(ServiceTroubleError, match=said):
        answering(given).call("getAllProcessInfo")


@given(st.binary())
def test_any_answer_is_a_value_or_trouble(body: bytes) -> None:
    with contextlib.suppress(ServiceTroubleError):
        parse_answer(b"HTTP/1.0 200 OK\r\n\r\n" + body)


def test_only_a_child_of_supervisord_is_its_program(answering: Answering, spawn: Spawn) -> None:
    """Who claims other processes to be its programs gets none of them stopped."""
    stranger = spawn.holding()
    claim = answering(answer(os.getpid() + 10**6))
    program = Program("group", "claimed", "RUNNING", stranger.pid, "", 0)
    assert claim.mains([program]) == {}


def test_what_makes_no_sense_is_no_program(answering: Answering) -> None:
    odd = [1, {}, {"group": "g", "name": 7, "statename": "RUNNING", "pid": 1, "exitstatus": 0}]
    assert answering(answer(odd)).programs() == {}


@pytest.mark.root
def test_a_strangers_socket_is_no_manager(
    daemons: Daemons,
    answering: Answering,
    as_nobody: Callable[[], AbstractContextManager[None]],
) -> None:
    """Root's is everybody's; that of another user is asked by root alone, as that user's."""
    path, processes = daemons.path("hostile"), LinuxProcesses()
    os.chmod(daemons.folder, 0o777)  # noqa: S103 - everybody must reach the socket
    os.chmod(path, 0o666)  # noqa: S103 - likewise
    answering(answer("3.0"))
    with as_nobody():
        assert [found.user for found in find_supervisors([path], processes)] == [None]
    answering.listen_as(STRANGER)
    assert [found.user for found in find_supervisors([path], processes)] == [STRANGER]
    with as_nobody():
        assert list(find_supervisors([path], processes)) == []
    os.symlink(path, daemons.path("link"))
    assert list(find_supervisors([daemons.path("link")], processes)) == []


@pytest.mark.root
def test_somebody_else_behind_the_socket_is_told_nothing(answering: Answering) -> None:
    supervisor = answering(answer([]))
    answering.listen_as(STRANGER)
    with pytest.raises(ServiceTroubleError, match="somebody else answers"):
        supervisor.programs()


def test_sockets_are_named_by_roots_configuration_alone(daemons: Daemons) -> None:
    path = Path(daemons.path("supervisord.conf"))
    named = Path(daemons.path("named.sock"))
    named.touch()
    path.write_text("[unix_http_server]\nfile = %(here)s/named.sock ; the socket\n")
    ours = (str(named),) if os.geteuid() == 0 else ()
    assert supervisor_sockets((str(path),))[-1:] == ours
    path.chmod(0o666)
    assert str(named) not in supervisor_sockets((str(path),))
