"""The Windows API on a simulated machine: every code of every function, roles, handles."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restartmanager import rstrtmgr as rm
from restartmanager.api import sessions
from restartmanager.api.primary import PrimarySession
from restartmanager.errors import StoreBusyError, StoreFullError, UnsupportedError
from restartmanager.model import (
    Application,
    AppType,
    FilterAction,
    FilterTrigger,
    RebootReason,
    RestartBy,
    Service,
    Signal,
    Status,
)
from restartmanager.model.identity import UniqueProcess, boot_id
from restartmanager.rstrtmgr import codes as rmcodes
from restartmanager.rstrtmgr import types
from restartmanager.testing.machine import SimulatedScanner
from restartmanager.testing.world import Temper, World
from support.simulated import EDITOR, LIBRARY, REGISTERED, VIEWER, Installer, library_world

if TYPE_CHECKING:
    from enum import IntEnum

STUBBORN = Temper(obeys_after_s=None)
NOBODY = 12345
"""A handle that was never given out."""

FORGED = rm.RM_UNIQUE_PROCESS(7, rm.FILETIME(1, 0))
NOT_DWORDS = rm.RM_UNIQUE_PROCESS(-7, rm.FILETIME(1, 0))


@dataclass
class Stage:
    """A simulated machine, the API on it, a session that has the library registered, and a
    secondary's handle on the same session."""

    patch: pytest.MonkeyPatch
    world: World = field(default_factory=library_world)

    def __post_init__(self) -> None:
        self.installer = Installer(self.world)
        self.patch.setattr(sessions, "make_engine", self.installer.engine)
        code, self.handle, self.key = rm.RmStartSession(0)
        assert code == rm.ERROR_SUCCESS
        code, self.joined = rm.RmJoinSession(self.key)
        assert code == rm.ERROR_SUCCESS
        assert register(self.handle, files=[LIBRARY]) == rm.ERROR_SUCCESS

    def editor(self, temper: Temper | None = None, *, registered: bool = True) -> UniqueProcess:
        registration = REGISTERED if registered else None
        return self.world.run(EDITOR, registration=registration, temper=temper)

    def fails(self, method: str, error: BaseException) -> None:
        """From now on, this method of the store fails."""
        self.patch.setattr(self.installer.store, method, raising(error))

    def apps(self) -> list[rm.RM_PROCESS_INFO]:
        code, _, _, apps, _ = rm.RmGetList(self.handle, 100)
        assert code == rm.ERROR_SUCCESS
        return apps


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setattr(rm, "_handles", rm._Handles())
    return Stage(monkeypatch)


def raising(error: BaseException) -> Callable[..., None]:
    def fails(*_arguments: object, **_options: object) -> None:
        raise error

    return fails


def register(
    handle: int,
    files: list[str] | None = None,
    processes: list[rm.RM_UNIQUE_PROCESS] | None = None,
    services: list[str] | None = None,
) -> rm.WinError:
    return rm.RmRegisterResources(
        handle,
        len(files or ()),
        files,
        len(processes or ()),
        processes,
        len(services or ()),
        services,
    )


# -- the whole table: what Microsoft's pages say each function returns --------------------------

DOCUMENTED = {
    "RmStartSession": {0, 14, 29, 121, 160, 353},
    "RmJoinSession": {0, 14, 29, 121, 160, 353, 1219},
    "RmEndSession": {0, 6, 14, 29, 121},
    "RmRegisterResources": {0, 6, 14, 29, 121, 160},
    "RmGetList": {0, 5, 6, 14, 29, 121, 160, 234, 1223},
    "RmShutdown": {0, 6, 14, 29, 121, 160, 350, 351, 1223},
    "RmRestart": {0, 6, 14, 29, 121, 160, 352, 776, 1223},
    "RmCancelCurrentTask": {0, 6, 14, 160},
    "RmAddFilter": {0, 160, 1219},
    "RmRemoveFilter": {0, 2, 1219},
    "RmGetFilterList": {0, 160, 234, 1219},
}

CANNOT_OCCUR = {
    ("RmJoinSession", 353): "joining takes no slot: any number of secondaries may join",
    ("RmGetList", 1223): "the list is one short look, over before anybody could call it off",
    ("RmCancelCurrentTask", 160): "the handle is its only argument, and a wrong handle is 6",
}

UNDOCUMENTED = {
    # Microsoft's pages do not say what a secondary gets, nor that filters can fail like the rest.
    ("RmRegisterResources", 5),  # a directory: Windows takes it, and fails in RmGetList
    *((name, 1219) for name in ("RmGetList", "RmShutdown", "RmRestart", "RmCancelCurrentTask")),
    *(
        (name, code)
        for name in ("RmAddFilter", "RmRemoveFilter", "RmGetFilterList")
        for code in (6, 14, 29, 121)
    ),
    ("RmRemoveFilter", 160),
}

CALLS: dict[str, Callable[[int], Any]] = {
    "RmEndSession": rm.RmEndSession,
    "RmRegisterResources": lambda handle: register(handle, files=[LIBRARY]),
    "RmGetList": lambda handle: rm.RmGetList(handle, 100),
    "RmShutdown": lambda handle: rm.RmShutdown(handle, 0, None),
    "RmRestart": lambda handle: rm.RmRestart(handle, 0, None),
    "RmCancelCurrentTask": rm.RmCancelCurrentTask,
    "RmAddFilter": lambda handle: rm.RmAddFilter(handle, EDITOR, None, None, rm.RmNoRestart),
    "RmRemoveFilter": lambda handle: rm.RmRemoveFilter(handle, EDITOR, None, None),
    "RmGetFilterList": lambda handle: rm.RmGetFilterList(handle, 1000),
}
"""One sensible call of each function that takes a handle."""

FOR_BOTH_ROLES = {"RmEndSession", "RmRegisterResources"}

DEPENDS_ON = {
    "RmStartSession": "create_session",
    "RmJoinSession": "add_member",
    "RmEndSession": "delete_session",
    "RmRegisterResources": "add_resources",
    "RmGetList": "journal",
    "RmShutdown": "begin",
    "RmRestart": "begin",
    "RmAddFilter": "set_filter",
    "RmRemoveFilter": "remove_filter",
    "RmGetFilterList": "filters",
}
"""What each function needs of the store."""

FAULTS: dict[int, BaseException] = {
    14: MemoryError(),
    29: StoreFullError("/state"),
    121: StoreBusyError("/state", 10.0),
}

Provoke = Callable[[Stage], Any]


def call(name: str, stage: Stage, handle: int | None = None) -> Any:
    """A sensible call, in a session where everything is prepared for it."""
    handle = stage.handle if handle is None else handle
    if name == "RmStartSession":
        return rm.RmStartSession(0)
    if name == "RmJoinSession":
        return rm.RmJoinSession(stage.key)
    return CALLS[name](handle)


def prepared(stage: Stage) -> None:
    """Something to restart, and a filter to remove."""
    stage.editor()
    assert rm.RmAddFilter(stage.handle, EDITOR, None, None, rm.RmNoRestart) == rm.ERROR_SUCCESS
    assert rm.RmShutdown(stage.handle, 0, None) == rm.ERROR_SUCCESS


def works(name: str) -> Provoke:
    def provoke(stage: Stage) -> Any:
        prepared(stage)
        return call(name, stage)

    return provoke


def faulty(name: str, error: BaseException) -> Provoke:
    def provoke(stage: Stage) -> Any:
        prepared(stage)
        if name == "RmRestart":  # what is owed comes back though the memory is full
            assert call(name, stage) == rm.ERROR_SUCCESS
        stage.fails(DEPENDS_ON[name], error)
        return call(name, stage)

    return provoke


def cancel_fails(stage: Stage) -> Any:
    stage.patch.setattr(PrimarySession, "cancel", raising(MemoryError()))
    return rm.RmCancelCurrentTask(stage.handle)


def busy(stage: Stage) -> Any:
    stage.editor(Temper(obeys_after_s=5.0))
    codes: list[rm.WinError] = []
    stage.world.at(1.0, lambda: codes.append(rm.RmRestart(stage.handle, 0, None)))
    stage.world.at(2.0, lambda: codes.append(rm.RmShutdown(stage.handle, 0, None)))
    assert rm.RmShutdown(stage.handle, 0, None) == rm.ERROR_SUCCESS
    assert codes == [rm.ERROR_SEM_TIMEOUT] * 2
    return codes[0]


def cannot_look(stage: Stage) -> Any:
    error = UnsupportedError("Looking at processes", "/proc is not mounted")
    stage.patch.setattr(SimulatedScanner, "find_holders", raising(error))
    return rm.RmGetList(stage.handle, 100)


def full(stage: Stage) -> Any:
    for _ in range(63):
        assert rm.RmStartSession(0)[0] == rm.ERROR_SUCCESS
    answer = rm.RmStartSession(0)
    assert rm.RmEndSession(stage.handle) == rm.ERROR_SUCCESS
    assert rm.RmStartSession(0)[0] == rm.ERROR_SUCCESS
    return answer


def test_what_could_not_come_back_is_not_closed(stage: Stage) -> None:
    editor = stage.editor()
    stage.world.risks[EDITOR] = "user 65002 can change '/usr/bin'"
    assert [app.bRestartable for app in stage.apps()] == [False]
    for flags in (0, rm.RmForceShutdown):
        assert rm.RmShutdown(stage.handle, flags, None) == 351
    assert stage.world.is_running(editor)


def needs_reboot(stage: Stage) -> Any:
    editor = stage.editor()
    me = rm.RM_UNIQUE_PROCESS.like(stage.installer.me)
    assert register(stage.handle, processes=[me]) == rm.ERROR_SUCCESS
    code = rm.RmShutdown(stage.handle, rm.RmForceShutdown, None)
    assert stage.world.signals(editor) == []
    return code


def stubborn(stage: Stage) -> Any:
    editor = stage.editor(STUBBORN)
    code = rm.RmShutdown(stage.handle, 0, None)
    assert stage.world.is_running(editor)
    assert rm.RmShutdown(stage.handle, rm.RmForceShutdown, None) == rm.ERROR_SUCCESS
    assert not stage.world.is_running(editor)
    return code


def not_registered(stage: Stage) -> Any:
    editor, viewer = stage.editor(), stage.world.run(VIEWER)
    code = rm.RmShutdown(stage.handle, rm.RmForceShutdown | rm.RmShutdownOnlyRegistered, None)
    assert stage.world.signals(editor) == stage.world.signals(viewer) == []
    return code


def cancelled_shutdown(stage: Stage) -> Any:
    editor = stage.editor(STUBBORN)
    stage.world.at(1.0, lambda: rm.RmCancelCurrentTask(stage.handle))
    code = rm.RmShutdown(stage.handle, rm.RmForceShutdown, None)
    assert stage.world.is_running(editor)
    assert Signal.KILL not in stage.world.signals(editor)
    return code


def cancelled_restart(stage: Stage) -> Any:
    stage.editor()
    assert rm.RmShutdown(stage.handle, 0, None) == rm.ERROR_SUCCESS
    code = rm.RmRestart(stage.handle, 0, lambda _: rm.RmCancelCurrentTask(stage.handle))
    assert rm.RmRestart(stage.handle, 0, None) == rm.ERROR_SUCCESS
    assert len(stage.world.running(EDITOR)) == 1
    return code


def broken_program(stage: Stage) -> Any:
    stage.editor()
    assert rm.RmShutdown(stage.handle, 0, None) == rm.ERROR_SUCCESS
    program = stage.world.programs[EDITOR]
    stage.world.programs[EDITOR] = replace(program, temper=Temper(starts=False))
    code = rm.RmRestart(stage.handle, 0, None)
    assert stage.apps()[0].AppStatus == rm.RmStatusStopped | rm.RmStatusErrorOnRestart
    return code


def more_data(stage: Stage) -> Any:
    stage.editor()
    code, needed, written, apps, _ = rm.RmGetList(stage.handle, 0)
    assert (needed, written, apps) == (1, 0, [])
    return code


def more_filters(stage: Stage) -> Any:
    prepared(stage)
    return rm.RmGetFilterList(stage.handle, 0)


def directory(stage: Stage) -> Any:
    stage.world.make_folder("/usr/lib")
    code = register(stage.handle, files=["/etc/passwd", "/usr/lib"])
    assert rm.RmGetList(stage.handle, 0)[0] == rm.ERROR_SUCCESS
    return code


BAD_ARGUMENTS: list[tuple[str, Provoke]] = [
    ("RmStartSession", lambda _: rm.RmStartSession(1)),
    ("RmStartSession", lambda _: rm.RmStartSession(None)),  # type: ignore[arg-type]
    ("RmJoinSession", lambda _: rm.RmJoinSession(None)),  # type: ignore[arg-type]
    ("RmJoinSession", lambda _: rm.RmJoinSession("")),
    ("RmJoinSession", lambda s: rm.RmJoinSession(s.key.encode())),  # type: ignore[arg-type]
    *(
        ("RmRegisterResources", lambda s, a=arguments: rm.RmRegisterResources(s.handle, *a))
        for arguments in (
            (1, None, 0, None, 0, None),
            (0, None, 1, None, 0, None),
            (0, None, 0, None, 1, None),
            (2, [LIBRARY], 0, None, 0, None),
            (-1, [LIBRARY], 0, None, 0, None),
            (None, [LIBRARY], 0, None, 0, None),
            (1, LIBRARY, 0, None, 0, None),
            (1, [None], 0, None, 0, None),
            (1, [""], 0, None, 0, None),
            (1, ["a\0b"], 0, None, 0, None),
            (0, None, 1, [7], 0, None),
            (0, None, 1, [NOT_DWORDS], 0, None),
            (0, None, 0, None, 1, [None]),
        )
    ),
    ("RmGetList", lambda s: rm.RmGetList(s.handle, -1)),
    ("RmGetList", lambda s: rm.RmGetList(s.handle, None)),  # type: ignore[arg-type]
    ("RmShutdown", lambda s: rm.RmShutdown(s.handle, 0x02, None)),
    ("RmShutdown", lambda s: rm.RmShutdown(s.handle, 0x111, None)),
    ("RmShutdown", lambda s: rm.RmShutdown(s.handle, -1, None)),
    ("RmShutdown", lambda s: rm.RmShutdown(s.handle, 0, "bar")),  # type: ignore[arg-type]
    ("RmRestart", lambda s: rm.RmRestart(s.handle, 1, None)),
    ("RmRestart", lambda s: rm.RmRestart(s.handle, 0, "bar")),  # type: ignore[arg-type]
    *(
        ("RmAddFilter", lambda s, a=arguments: rm.RmAddFilter(s.handle, *a))
        for arguments in (
            (None, None, None, rm.RmNoRestart),
            (EDITOR, None, "nginx", rm.RmNoRestart),
            (EDITOR, FORGED, None, rm.RmNoRestart),
            ("", None, None, rm.RmNoRestart),
            (None, None, "", rm.RmNoRestart),
            (None, FORGED, None, rm.RmNoRestart),
            (None, NOT_DWORDS, None, rm.RmNoRestart),
            (None, 7, None, rm.RmNoRestart),
            (7, None, None, rm.RmNoRestart),
            (EDITOR, None, None, rm.RmInvalidFilterAction),
            (EDITOR, None, None, 3),
            (EDITOR, None, None, None),
        )
    ),
    ("RmRemoveFilter", lambda s: rm.RmRemoveFilter(s.handle, None, None, None)),
    ("RmRemoveFilter", lambda s: rm.RmRemoveFilter(s.handle, EDITOR, None, "nginx")),
    ("RmGetFilterList", lambda s: rm.RmGetFilterList(s.handle, -1)),
]

PROVOKED: list[tuple[str, int, Provoke]] = [
    *((name, 0, works(name)) for name in DOCUMENTED),
    *((name, code, faulty(name, e)) for name in DEPENDS_ON for code, e in FAULTS.items()),
    *((name, 6, lambda s, n=name: call(n, s, NOBODY)) for name in CALLS),
    *((n, 1219, lambda s, n=n: call(n, s, s.joined)) for n in CALLS if n not in FOR_BOTH_ROLES),
    *((name, 160, provoke) for name, provoke in BAD_ARGUMENTS),
    ("RmStartSession", 353, full),
    ("RmJoinSession", 1219, lambda _: rm.RmJoinSession("0" * 32)),
    ("RmJoinSession", 1219, lambda _: rm.RmJoinSession("no key at all")),
    ("RmRegisterResources", 5, directory),
    ("RmGetList", 5, cannot_look),
    ("RmGetList", 234, more_data),
    ("RmShutdown", 121, busy),
    ("RmShutdown", 350, needs_reboot),
    ("RmShutdown", 351, stubborn),
    ("RmShutdown", 351, not_registered),
    ("RmShutdown", 1223, cancelled_shutdown),
    ("RmRestart", 352, broken_program),
    ("RmRestart", 776, lambda s: rm.RmRestart(s.handle, 0, None)),
    ("RmRestart", 1223, cancelled_restart),
    ("RmCancelCurrentTask", 14, cancel_fails),
    ("RmRemoveFilter", 2, lambda s: rm.RmRemoveFilter(s.handle, EDITOR, None, None)),
    ("RmGetFilterList", 234, more_filters),
]


def test_no_cell_of_the_table_is_forgotten() -> None:
    documented = {(name, code) for name, codes in DOCUMENTED.items() for code in codes}
    provoked = {(name, code) for name, code, _ in PROVOKED}
    assert provoked | CANNOT_OCCUR.keys() == documented | UNDOCUMENTED
    assert not provoked & CANNOT_OCCUR.keys()
    assert not documented & UNDOCUMENTED
    functions = {name for name in rm.__all__ if inspect.isfunction(getattr(rm, name))}
    assert set(DOCUMENTED) == functions


@pytest.mark.parametrize(
    ("name", "code", "provoke"),
    [pytest.param(*row, id=f"{row[0]}-{row[1]}-{i}") for i, row in enumerate(PROVOKED)],
)
def test_every_code_of_the_table(stage: Stage, name: str, code: int, provoke: Provoke) -> None:
    answer = provoke(stage)
    assert (answer if isinstance(answer, int) else answer[0]) == code


# -- handles -----------------------------------------------------------------------------------


def test_handles_count_from_0_and_none_comes_twice(stage: Stage) -> None:
    assert (stage.handle, stage.joined) == (0, 1)
    assert rm.RmEndSession(0) == rm.ERROR_SUCCESS
    assert rm.RmStartSession(0)[1] == 2


def test_an_ended_handle_is_none_for_every_function(stage: Stage) -> None:
    assert rm.RmEndSession(stage.handle) == rm.ERROR_SUCCESS
    for name in CALLS:
        answer = call(name, stage)
        assert (answer if isinstance(answer, int) else answer[0]) == rm.ERROR_INVALID_HANDLE


@pytest.mark.parametrize("handle", [None, "0", -1, 0.0, rm.FILETIME()])
def test_what_is_no_handle_is_an_invalid_one(stage: Stage, handle: Any) -> None:
    assert rm.RmEndSession(handle) == rm.ERROR_INVALID_HANDLE


def test_the_handle_is_looked_at_before_role_and_arguments(stage: Stage) -> None:
    assert rm.RmGetList(NOBODY, -1)[0] == rm.ERROR_INVALID_HANDLE
    assert rm.RmGetList(stage.joined, -1)[0] == rm.ERROR_SESSION_CREDENTIAL_CONFLICT
    assert rm.RmRestart(stage.joined, 7, None) == rm.ERROR_SESSION_CREDENTIAL_CONFLICT


def test_on_failure_the_handle_is_the_c_programs_invalid_one(stage: Stage) -> None:
    assert rm.RmStartSession(1) == (rm.ERROR_BAD_ARGUMENTS, 0xFFFFFFFF, "")
    assert rm.RmJoinSession("") == (rm.ERROR_BAD_ARGUMENTS, 0xFFFFFFFF)


def test_a_secondary_leaves_and_the_session_lives_on(stage: Stage) -> None:
    stage.editor()
    assert rm.RmEndSession(stage.joined) == rm.ERROR_SUCCESS
    assert rm.RmEndSession(stage.joined) == rm.ERROR_INVALID_HANDLE
    assert len(stage.apps()) == 1


def test_after_the_primarys_end_a_secondary_has_no_session(stage: Stage) -> None:
    assert rm.RmEndSession(stage.handle) == rm.ERROR_SUCCESS
    assert register(stage.joined, files=[LIBRARY]) == rm.ERROR_INVALID_HANDLE
    assert rm.RmEndSession(stage.joined) == rm.ERROR_SUCCESS


def test_ending_that_failed_can_be_tried_again(stage: Stage) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage.installer.store, "delete_session", raising(FAULTS[121]))
        assert rm.RmEndSession(stage.handle) == rm.ERROR_SEM_TIMEOUT
    assert rm.RmEndSession(stage.handle) == rm.ERROR_SUCCESS
    assert stage.installer.store.sessions() == ()


def test_a_session_that_vanished_is_an_invalid_handle(stage: Stage) -> None:
    stage.installer.engine().end(stage.key)
    assert rm.RmGetList(stage.handle, 0)[0] == rm.ERROR_INVALID_HANDLE
    assert rm.RmEndSession(stage.handle) == rm.ERROR_INVALID_HANDLE


def test_threads_get_different_handles(stage: Stage) -> None:
    handles: list[int] = []
    threads = [
        threading.Thread(target=lambda: handles.append(rm.RmJoinSession(stage.key)[1]))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(handles)) == 8


def test_a_refused_call_does_not_keep_cancel_from_the_running_one(stage: Stage) -> None:
    editor = stage.editor(STUBBORN)
    codes: list[rm.WinError] = []
    stage.world.at(1.0, lambda: codes.append(rm.RmShutdown(stage.handle, 0, None)))
    stage.world.at(2.0, lambda: codes.append(rm.RmCancelCurrentTask(stage.handle)))
    assert rm.RmShutdown(stage.handle, rm.RmForceShutdown, None) == rm.ERROR_CANCELLED
    assert codes == [rm.ERROR_SEM_TIMEOUT, rm.ERROR_SUCCESS]
    assert stage.world.is_running(editor)


def test_what_is_not_ours_is_raised(stage: Stage) -> None:
    stage.fails("journal", ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        rm.RmGetList(stage.handle, 0)


# -- the list ----------------------------------------------------------------------------------


def test_nothing_affected_needs_no_room(stage: Stage) -> None:
    assert rm.RmGetList(stage.handle, 0) == (rm.ERROR_SUCCESS, 0, 0, [], rm.RmRebootReasonNone)


def test_the_list_may_grow_between_two_calls(stage: Stage) -> None:
    stage.editor()
    assert rm.RmGetList(stage.handle, 0)[:2] == (rm.ERROR_MORE_DATA, 1)
    stage.world.run(VIEWER)
    assert rm.RmGetList(stage.handle, 1)[:4] == (rm.ERROR_MORE_DATA, 2, 0, [])
    code, needed, written, apps, _ = rm.RmGetList(stage.handle, 2)
    assert (code, needed, written) == (rm.ERROR_SUCCESS, 2, 2)
    assert [app.strAppName for app in apps] == ["editor", "viewer"]


def test_the_reasons_are_told_without_room_too(stage: Stage) -> None:
    me = rm.RM_UNIQUE_PROCESS.like(stage.installer.me)
    assert register(stage.handle, processes=[me]) == rm.ERROR_SUCCESS
    code, _, _, _, reasons = rm.RmGetList(stage.handle, 0)
    assert (code, reasons) == (rm.ERROR_MORE_DATA, rm.RmRebootReasonDetectedSelf)
    assert stage.apps()[0].ApplicationType == rm.RmCritical


def test_history_is_told_in_the_list(stage: Stage) -> None:
    old = stage.editor()
    assert stage.apps()[0].bRestartable
    assert rm.RmShutdown(stage.handle, 0, None) == rm.ERROR_SUCCESS
    assert stage.apps()[0].AppStatus == rm.RmStatusStopped
    assert rm.RmRestart(stage.handle, 0, None) == rm.ERROR_SUCCESS
    (app,) = stage.apps()
    assert app.AppStatus == rm.RmStatusRunning | rm.RmStatusStopped | rm.RmStatusRestarted
    assert app.Process != rm.RM_UNIQUE_PROCESS.like(old)


def test_progress_reaches_the_callback(stage: Stage) -> None:
    stage.editor()
    seen: list[int] = []
    assert rm.RmShutdown(stage.handle, 0, seen.append) == rm.ERROR_SUCCESS
    assert (seen[0], seen[-1]) == (0, 100)


def test_ending_leaves_stopped_what_is_stopped(stage: Stage) -> None:
    stage.editor()
    assert rm.RmShutdown(stage.handle, 0, None) == rm.ERROR_SUCCESS
    assert rm.RmEndSession(stage.handle) == rm.ERROR_SUCCESS
    assert stage.world.running(EDITOR) == []


def test_the_counts_say_how_much_of_the_lists_is_meant(stage: Stage) -> None:
    code = rm.RmRegisterResources(stage.handle, 1, ["/a", "/b"], 0, None, 0, ["nginx"])
    assert code == rm.ERROR_SUCCESS
    resources = stage.installer.engine().resources(stage.key)
    assert [file.path for file in resources.files] == [LIBRARY, "/a"]
    assert resources.services == ()


def test_nothing_at_all_may_be_registered(stage: Stage) -> None:
    assert register(stage.handle) == rm.ERROR_SUCCESS


# -- processes ---------------------------------------------------------------------------------


@pytest.mark.parametrize("difference", [1, -1, 100_000, -100_000, 2**40])
def test_a_forged_start_time_is_accepted_and_ignored(stage: Stage, difference: int) -> None:
    victim = stage.world.run("/usr/bin/innocent")
    start = rm.FILETIME.of(victim.filetime + difference)
    forged = rm.RM_UNIQUE_PROCESS(victim.pid, start)
    assert register(stage.handle, processes=[forged]) == rm.ERROR_SUCCESS
    assert stage.apps() == []
    assert rm.RmShutdown(stage.handle, rm.RmForceShutdown, None) == rm.ERROR_SUCCESS
    assert stage.world.signals(victim) == []


def test_a_registered_process_is_stopped(stage: Stage) -> None:
    victim = stage.world.run("/usr/bin/victim")
    process = rm.RM_UNIQUE_PROCESS.like(victim)
    assert register(stage.handle, processes=[process]) == rm.ERROR_SUCCESS
    assert stage.apps()[0].Process == process
    assert rm.RmShutdown(stage.handle, 0, None) == rm.ERROR_SUCCESS
    assert not stage.world.is_running(victim)


@given(st.integers(1, 2**22), st.integers(0, 2**40))
def test_process_and_structure_are_the_same(pid: int, ticks: int) -> None:
    identity = UniqueProcess(pid, ticks, boot_id())
    assert rm.RM_UNIQUE_PROCESS.like(identity).identity() == identity


def test_the_process_of_a_number_is_found() -> None:
    me = UniqueProcess.current()
    assert rm.RM_UNIQUE_PROCESS.of(me.pid).identity() == me


@given(st.integers(0, 2**64 - 1))
def test_a_filetime_has_two_halves(value: int) -> None:
    time = rm.FILETIME.of(value)
    assert time.value == value
    assert max(time.dwLowDateTime, time.dwHighDateTime) < 2**32


# -- filters -----------------------------------------------------------------------------------


def test_filters_are_told_as_they_lie_in_the_buffer(stage: Stage) -> None:
    process = rm.RM_UNIQUE_PROCESS.like(stage.editor())
    targets: list[tuple[str | None, rm.RM_UNIQUE_PROCESS | None, str | None]] = [
        (EDITOR, None, None),
        (None, process, None),
        (None, None, "nginx"),
    ]
    for target in targets:
        code = rm.RmAddFilter(stage.handle, *target, FilterAction=rm.RmNoShutdown)
        assert code == rm.ERROR_SUCCESS
    needed = 3 * 32 + 2 * (len(EDITOR) + 1) + 2 * (len("nginx") + 1)
    assert rm.RmGetFilterList(stage.handle, needed - 1) == (rm.ERROR_MORE_DATA, needed, [])
    code, size, filters = rm.RmGetFilterList(stage.handle, needed)
    assert (code, size) == (rm.ERROR_SUCCESS, needed)
    action = rm.RmNoShutdown
    assert filters == [
        rm.RM_FILTER_INFO(action, rm.RmFilterTriggerFile, 32, strFilename=EDITOR),
        rm.RM_FILTER_INFO(action, rm.RmFilterTriggerProcess, 32, Process=process),
        rm.RM_FILTER_INFO(action, rm.RmFilterTriggerService, 0, strServiceShortName="nginx"),
    ]
    for target in targets:
        assert rm.RmRemoveFilter(stage.handle, *target) == rm.ERROR_SUCCESS
    assert rm.RmGetFilterList(stage.handle, 0) == (rm.ERROR_SUCCESS, 0, [])


def test_a_masked_application_survives_and_says_so(stage: Stage) -> None:
    editor = stage.editor()
    assert rm.RmAddFilter(stage.handle, EDITOR, None, None, rm.RmNoShutdown) == rm.ERROR_SUCCESS
    assert rm.RmShutdown(stage.handle, rm.RmForceShutdown, None) == rm.ERROR_SUCCESS
    assert stage.world.is_running(editor)
    assert stage.apps()[0].AppStatus == rm.RmStatusRunning | rm.RmStatusShutdownMasked


# -- what the header declares ------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind",
    [
        rm.WinError,
        rm.RmAppType,
        rm.RmShutdownType,
        rm.RM_APP_STATUS,
        rm.RM_REBOOT_REASON,
        rm.RM_FILTER_ACTION,
        rm.RM_FILTER_TRIGGER,
    ],
)
def test_members_are_names_of_the_module_as_in_c(kind: type[IntEnum]) -> None:
    for name, member in kind.__members__.items():
        assert getattr(rm, name) is member
        assert name in rm.__all__


def test_all_constants_are_there() -> None:
    constants = {name for name in rmcodes.__all__ if name.startswith(("CCH_", "RM_"))}
    assert constants <= set(rm.__all__)
    assert set(types.__all__) <= set(rm.__all__)
    assert len(set(rm.__all__)) == len(rm.__all__)


@pytest.mark.parametrize(
    ("theirs", "ours", "prefix"),
    [
        (rm.RM_APP_STATUS, Status, "RmStatus"),
        (rm.RM_REBOOT_REASON, RebootReason, "RmRebootReason"),
        (rm.RM_FILTER_ACTION, FilterAction, "Rm"),
        (rm.RM_FILTER_TRIGGER, FilterTrigger, "RmFilterTrigger"),
    ],
)
def test_numbers_are_those_of_the_model(theirs: Any, ours: Any, prefix: str) -> None:
    found = {
        name.removeprefix(prefix).lower(): member.value
        for name, member in theirs.__members__.items()
        if "Invalid" not in name
    }
    other_words = {"executable": "file"}
    expected = {name.replace("_", "").lower(): int(m) for name, m in ours.__members__.items()}
    assert found == {other_words.get(name, name): value for name, value in expected.items()}


def test_a_service_has_two_names_and_perhaps_no_process() -> None:
    service = Service("systemd", "x" * 70, "y" * 300)
    info = rm.RM_PROCESS_INFO.like(
        Application("web", AppType.SERVICE, None, service=service, restart_by=RestartBy.UNIT)
    )
    assert info.Process.dwProcessId == rm.RM_INVALID_PROCESS
    assert info.strAppName == "y" * rm.CCH_RM_MAX_APP_NAME
    assert info.strServiceShortName == "x" * rm.CCH_RM_MAX_SVC_NAME
    assert (info.ApplicationType, info.bRestartable) == (rm.RmService, True)
    assert info.TSSessionId == rm.RM_INVALID_TS_SESSION


def test_a_service_without_description_is_called_by_its_name() -> None:
    application = Application("web", AppType.SERVICE, None, service=Service("systemd", "nginx"))
    assert rm.RM_PROCESS_INFO.like(application).strAppName == "nginx"
