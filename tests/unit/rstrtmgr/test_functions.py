"""The Windows API on a simulated machine: every code of every function, roles, handles."""

from __future__ import annotations

import ctypes
import gc
import inspect
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restartmanager import rstrtmgr as rm
from restartmanager.api.primary import PrimarySession
from restartmanager.errors import StoreBusyError, StoreFullError, UnsupportedError
from restartmanager.model import Signal
from restartmanager.model.identity import UniqueProcess, boot_id
from restartmanager.testing.machine import SimulatedScanner
from restartmanager.testing.world import Temper
from support.simulated import EDITOR, LIBRARY, VIEWER
from unit.rstrtmgr.documented import CANNOT_OCCUR, DOCUMENTED, UNDOCUMENTED
from unit.rstrtmgr.stage import STUBBORN, Stage, raising, register

if TYPE_CHECKING:
    from restartmanager.model import Resources, Sighting

NOBODY = 12345
"""A handle that was never given out."""

FORGED = rm.RM_UNIQUE_PROCESS(7, rm.FILETIME(1, 0))
NOT_DWORDS = rm.RM_UNIQUE_PROCESS(-7, rm.FILETIME(1, 0))
NO_START = rm.RM_UNIQUE_PROCESS(7, 5)  # type: ignore[arg-type]


# -- the whole table: what Microsoft's pages say each function returns --------------------------

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
        if name == "RmRestart":  # what it closed itself, a process brings back without the store
            assert rm.RmShutdown(stage.handle, 0, None) == rm.ERROR_SUCCESS
        else:
            prepared(stage)
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


def cancelled_list(stage: Stage) -> Any:
    stage.editor()
    find = SimulatedScanner.find_holders

    def find_and_be_called_off(scanner: SimulatedScanner, resources: Resources) -> Sighting:
        assert rm.RmCancelCurrentTask(stage.handle) == rm.ERROR_SUCCESS
        return find(scanner, resources)

    stage.patch.setattr(SimulatedScanner, "find_holders", find_and_be_called_off)
    answer = rm.RmGetList(stage.handle, 100)
    assert answer[1:] == (0, 0, [], rm.RmRebootReasonNone)
    return answer


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
            (0, None, 1, [NO_START], 0, None),
            (1, 0, 0, None, 0, None),
            (0, None, 0, None, 1, [None]),
        )
    ),
    ("RmGetList", lambda s: rm.RmGetList(s.handle, -1)),
    ("RmGetList", lambda s: rm.RmGetList(s.handle, None)),  # type: ignore[arg-type]
    ("RmShutdown", lambda s: rm.RmShutdown(s.handle, -1, None)),
    ("RmShutdown", lambda s: rm.RmShutdown(s.handle, 2**32, None)),
    ("RmShutdown", lambda s: rm.RmShutdown(s.handle, None, None)),  # type: ignore[arg-type]
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
            (None, rm.RM_UNIQUE_PROCESS(), None, rm.RmNoRestart),
            (0, 0, 0, rm.RmNoRestart),
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
    ("RmGetList", 1223, cancelled_list),
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


def test_what_was_closed_comes_back_though_the_memory_fails(stage: Stage) -> None:
    stage.editor()
    assert rm.RmShutdown(stage.handle, 0, None) == rm.ERROR_SUCCESS
    for method in ("begin", "write_entries", "journal"):
        stage.fails(method, FAULTS[29])
    assert rm.RmRestart(stage.handle, 0, None) == rm.ERROR_SUCCESS
    assert len(stage.world.running(EDITOR)) == 1


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


# -- what C programs pass ----------------------------------------------------------------------


@pytest.mark.parametrize("unknown", [0, 0x02, 0x100, 0xFFFFFFEE])
def test_unknown_shutdown_flags_ask_for_nothing(stage: Stage, unknown: int) -> None:
    editor = stage.editor(STUBBORN)
    assert rm.RmShutdown(stage.handle, unknown, None) == rm.ERROR_FAIL_SHUTDOWN
    assert stage.world.is_running(editor)
    assert rm.RmShutdown(stage.handle, rm.RmForceShutdown | unknown, None) == rm.ERROR_SUCCESS
    assert not stage.world.is_running(editor)


def test_unknown_shutdown_flags_keep_the_known_ones(stage: Stage) -> None:
    viewer = stage.world.run(VIEWER)
    for flags in (0x11 | 0x100, rm.RM_SHUTDOWN_TYPE(0x100) | rm.RmShutdownOnlyRegistered):
        assert rm.RmShutdown(stage.handle, flags, None) == rm.ERROR_FAIL_SHUTDOWN
    assert stage.world.signals(viewer) == []


class Deaf(list[int]):
    """A callback that is empty, and so false, until it is called: no NULL for all that."""

    def __call__(self, percent: int) -> None:
        self.append(percent)


NULLS = [None, 0, ctypes.CFUNCTYPE(None, ctypes.c_uint)(), ctypes.c_void_p()]


@pytest.mark.parametrize("null", NULLS, ids=["None", "0", "function", "pointer"])
def test_a_callback_that_is_null_is_none(stage: Stage, null: Any) -> None:
    stage.editor()
    assert rm.RmShutdown(stage.handle, 0, null) == rm.ERROR_SUCCESS
    assert rm.RmRestart(stage.handle, 0, null) == rm.ERROR_SUCCESS


def test_a_callback_of_ctypes_and_one_that_is_false_are_called(stage: Stage) -> None:
    stage.editor()
    seen: list[int] = []
    callback = ctypes.CFUNCTYPE(None, ctypes.c_uint)(seen.append)
    assert rm.RmShutdown(stage.handle, 0, callback) == rm.ERROR_SUCCESS
    deaf = Deaf()
    assert rm.RmRestart(stage.handle, 0, deaf) == rm.ERROR_SUCCESS
    assert seen[-1] == deaf[-1] == 100


@pytest.mark.parametrize("null", NULLS, ids=["None", "0", "function", "pointer"])
def test_targets_of_a_filter_that_are_null_are_none(stage: Stage, null: Any) -> None:
    add, handle = rm.RmAddFilter, stage.handle
    assert add(handle, EDITOR, null, null, rm.RmNoRestart) == rm.ERROR_SUCCESS
    assert add(handle, null, null, "nginx", rm.RmNoRestart) == rm.ERROR_SUCCESS
    process = rm.RM_UNIQUE_PROCESS.like(stage.editor())
    assert add(handle, null, process, null, rm.RmNoRestart) == rm.ERROR_SUCCESS
    assert rm.RmRemoveFilter(handle, null, process, null) == rm.ERROR_SUCCESS
    code, _, filters = rm.RmGetFilterList(handle, 1000)
    assert (code, len(filters)) == (rm.ERROR_SUCCESS, 2)


def test_lists_that_are_null_may_be_0(stage: Stage) -> None:
    null: Any = 0
    assert rm.RmRegisterResources(stage.handle, 0, null, 0, null, 0, null) == rm.ERROR_SUCCESS


@pytest.mark.parametrize("pid", [0, -1, rm.RM_INVALID_PROCESS])
def test_a_process_that_is_none_is_accepted_and_ignored(stage: Stage, pid: int) -> None:
    nobody = rm.RM_UNIQUE_PROCESS()
    nobody.dwProcessId = pid
    assert register(stage.handle, processes=[nobody]) == rm.ERROR_SUCCESS
    assert rm.RmGetList(stage.handle, 0)[:2] == (rm.ERROR_SUCCESS, 0)


# -- calling a list off ------------------------------------------------------------------------


@dataclass
class Wait:
    """A look at the machine that waits until it is let go on, as one at a dead server does."""

    stage: Stage
    begun: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    go_on: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        find = SimulatedScanner.find_holders

        def wait(scanner: SimulatedScanner, resources: Resources) -> Sighting:
            self.begun.release()
            assert self.go_on.wait(60)
            return find(scanner, resources)

        self.stage.patch.setattr(SimulatedScanner, "find_holders", wait)


@pytest.fixture
def wait(stage: Stage) -> Iterator[Wait]:
    waiting = Wait(stage)
    try:
        yield waiting
    finally:
        waiting.go_on.set()


def listing(handle: int, answers: list[Any]) -> threading.Thread:
    """A thread that asks for the list."""
    thread = threading.Thread(target=lambda: answers.append(rm.RmGetList(handle, 100)[0]))
    thread.start()
    return thread


def test_a_list_that_waits_is_called_off_at_once(stage: Stage, wait: Wait) -> None:
    answers: list[Any] = []
    threads = [listing(stage.handle, answers) for _ in range(2)]
    for _ in threads:
        assert wait.begun.acquire(timeout=60)
    assert rm.RmCancelCurrentTask(stage.handle) == rm.ERROR_SUCCESS
    for thread in threads:
        thread.join(60)
    assert answers == [rm.ERROR_CANCELLED] * 2
    assert not wait.go_on.is_set()


def test_calling_off_is_over_with_the_call(stage: Stage, wait: Wait) -> None:
    stage.editor()
    assert rm.RmCancelCurrentTask(stage.handle) == rm.ERROR_SUCCESS
    wait.go_on.set()
    for _ in range(2):
        assert rm.RmGetList(stage.handle, 100)[:2] == (rm.ERROR_SUCCESS, 1)


def test_calling_off_reaches_its_own_session_only(stage: Stage, wait: Wait) -> None:
    _, other, _ = rm.RmStartSession(0)
    answers: list[Any] = []
    thread = listing(stage.handle, answers)
    assert wait.begun.acquire(timeout=60)
    assert rm.RmCancelCurrentTask(other) == rm.ERROR_SUCCESS
    wait.go_on.set()
    thread.join(60)
    assert answers == [rm.ERROR_SUCCESS]


def test_without_a_thread_the_list_is_made_all_the_same(stage: Stage) -> None:
    stage.editor()
    stage.patch.setattr(threading.Thread, "start", raising(RuntimeError("no more threads")))
    assert len(stage.apps()) == 1


# -- sessions that nobody ends -----------------------------------------------------------------


def test_a_handle_lives_until_it_is_ended(stage: Stage) -> None:
    _, handle, key = rm.RmStartSession(0)
    gc.collect()
    assert rm.RmJoinSession(key)[0] == rm.ERROR_SUCCESS
    assert rm.RmEndSession(handle) == rm.ERROR_SUCCESS
