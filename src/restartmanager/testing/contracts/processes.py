# ruff: noqa: S101 - the assertions are what this module is for
"""Contract tests of the port ``Processes``, the same for the real machine and the simulated one.

Derive a class from `ProcessesContract` in a test module and define the hooks; pytest runs the
tests::

    class TestMyProcesses(ProcessesContract):
        @pytest.fixture(autouse=True)
        def _machine(self): ...
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from restartmanager.errors import ProcessError, ProcessGoneError
from restartmanager.model import RestartRegistration, Signal
from restartmanager.model.progress import CancelToken

if TYPE_CHECKING:
    from collections.abc import Callable

    from restartmanager.model import Recipe
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.ports.machine import Clock
    from restartmanager.ports.processes import Processes

__all__ = ["ProcessesContract"]

_PATIENCE_S = 20.0
_E = TypeVar("_E", bound=BaseException)


class ProcessesContract:
    """The tests, and the hooks by which they get processes."""

    # -- hooks -----------------------------------------------------------------------------------

    def processes(self) -> Processes:
        """The adapter."""
        raise NotImplementedError

    def clock(self) -> Clock:
        """The clock that deadlines are counted by."""
        raise NotImplementedError

    def obedient(self) -> UniqueProcess:
        """A new process that exits when it is asked to."""
        raise NotImplementedError

    def stubborn(self) -> UniqueProcess:
        """A new process that ignores every request to exit."""
        raise NotImplementedError

    def exiting(self) -> UniqueProcess:
        """A new process that is about to exit by itself."""
        raise NotImplementedError

    def unrunnable(self, recipe: Recipe) -> Recipe:
        """The same recipe with a program that does not exist."""
        return replace(recipe, executable="/nonexistent/program")

    def risky(self, recipe: Recipe) -> Recipe:
        """The same recipe with a program that everybody can change."""
        raise NotImplementedError

    def started(self, identity: UniqueProcess) -> None:
        """Clear away a process that a test has started; called for each of them."""

    # -- looking ---------------------------------------------------------------------------------

    def test_the_caller_is_alive_and_known(self) -> None:
        """The calling process lives, and its description is about it."""
        me = self.processes().current()
        assert self.processes().is_alive(me)
        assert self.processes().describe(me).identity == me

    def test_a_lineage_begins_with_the_process(self) -> None:
        """Nearest first, each the parent of the one before."""
        identity = self.obedient()
        lineage = self.processes().lineage(identity)
        assert lineage[0].identity == identity
        for child, parent in itertools.pairwise(lineage):
            assert child.parent_pid == parent.pid

    def test_who_is_known_is_not_looked_at_again(self) -> None:
        """In a lineage, what was seen before counts."""
        identity = self.obedient()
        first, *others = self.processes().lineage(identity)
        known = {
            each.identity: replace(each, name=f"known {each.name}") for each in (first, *others)
        }
        again = self.processes().lineage(identity, known)
        assert again == tuple(known.values())

    def test_an_earlier_process_with_the_number_is_gone(self) -> None:
        """Number alone is not identity: it can be neither seen nor taken hold of."""
        identity = self.obedient()
        earlier = identity._replace(start_ticks=identity.start_ticks - 1)
        before_boot = identity._replace(boot_id="0" * 32)
        for forged in (earlier, before_boot):
            assert not self.processes().is_alive(forged)
            _raises(ProcessGoneError, partial(self.processes().open, forged))
        _raises(ProcessGoneError, lambda: self.processes().describe(earlier))
        assert self.processes().is_alive(identity)

    def test_the_file_of_a_program_is_known_before_and_after(self) -> None:
        """A process runs the file that its recipe would start; nobody runs one who is gone."""
        processes, identity = self.processes(), self.obedient()
        recipe = processes.recipe(processes.describe(identity), None)
        assert processes.program(identity) is not None
        assert processes.program(identity) == processes.program(recipe)
        assert processes.program(self.risky(recipe)) is None
        earlier = identity._replace(start_ticks=identity.start_ticks - 1)
        assert processes.program(earlier) is None

    # -- asking and waiting ----------------------------------------------------------------------

    def test_the_obedient_exits_when_asked(self) -> None:
        """After which it is gone for every operation."""
        identity = self.obedient()
        with self.processes().open(identity) as handle:
            assert handle.identity == identity
            handle.send(Signal.TERMINATE)
            assert self.processes().wait([handle], self._soon()) == {identity}
            assert not self.processes().is_alive(identity)
            _raises(ProcessGoneError, lambda: handle.send(Signal.TERMINATE))
        _raises(ProcessGoneError, lambda: self.processes().open(identity))
        _raises(ProcessGoneError, lambda: self.processes().describe(identity))

    def test_the_stubborn_exits_only_when_killed(self) -> None:
        """Asking twice does not help, the third word does."""
        identity = self.stubborn()
        with self.processes().open(identity) as handle:
            handle.send(Signal.TERMINATE)
            handle.send(Signal.HANG_UP)
            assert self.processes().wait([handle], self._now() + 0.1) == frozenset()
            assert self.processes().is_alive(identity)
            handle.send(Signal.KILL)
            assert self.processes().wait([handle], self._soon()) == {identity}

    def test_an_exit_that_nobody_asked_for_ends_the_wait(self) -> None:
        """And only those that have exited are told."""
        other, identity = self.stubborn(), self.exiting()
        with self.processes().open(other) as staying:
            try:
                leaving = self.processes().open(identity)
            except ProcessGoneError:
                return  # it was quicker
            with leaving:
                exited = self.processes().wait([staying, leaving], self._soon())
                assert exited == {identity}

    def test_a_deadline_in_the_past_means_one_look(self) -> None:
        """It says at once who has exited, and who has not is not waited for."""
        with self.processes().open(self.stubborn()) as handle:
            assert self.processes().wait([handle], self._now() - 1) == frozenset()
            handle.send(Signal.KILL)
            assert self.processes().wait([handle], self._soon()) == {handle.identity}
            assert self.processes().wait([handle], self._now() - 1) == {handle.identity}

    def test_a_wait_that_was_called_off_ends_at_once(self) -> None:
        """Without anybody having exited."""
        with CancelToken() as cancel, self.processes().open(self.stubborn()) as handle:
            cancel.cancel()
            began = self._now()
            assert self.processes().wait([handle], began + 1000, cancel) == frozenset()
            assert self._now() - began < _PATIENCE_S

    def test_a_handle_can_be_closed_twice(self) -> None:
        """Letting go of what one does not hold is no fault."""
        handle = self.processes().open(self.obedient())
        handle.close()
        handle.close()

    # -- bringing back ---------------------------------------------------------------------------

    def test_what_was_stopped_comes_back_by_its_recipe(self) -> None:
        """As another process with the same program, user and arguments."""
        identity = self.obedient()
        before = self.processes().describe(identity)
        recipe = self.processes().recipe(before, None)
        self._stop(identity)
        announced: list[tuple[UniqueProcess, bool]] = []

        def announce(process: UniqueProcess) -> None:
            announced.append((process, self.processes().is_at_gate(process)))

        new = self.processes().start(recipe, announce)
        self.started(new)
        assert announced == [(new, True)]
        assert not self.processes().is_at_gate(new)
        assert new != identity
        assert self.processes().is_alive(new)
        after = self.processes().describe(new)
        assert (after.executable, after.uid) == (before.executable, before.uid)
        assert after.arguments == before.arguments

    def test_a_registered_command_takes_the_place_of_the_arguments(self) -> None:
        """The program stays what it is."""
        process = self.processes().describe(self.obedient())
        assert self.processes().registration(process) is None
        plain = self.processes().recipe(process, None)
        registered = self.processes().recipe(process, RestartRegistration(("me", "--restore")))
        assert registered == replace(plain, arguments=("me", "--restore"))

    def test_when_the_announcement_fails_nothing_is_left(self) -> None:
        """The exception arrives, and the process that was announced never runs its program."""
        recipe = self._recipe()
        announced: list[UniqueProcess] = []

        def refuse(identity: UniqueProcess) -> None:
            announced.append(identity)
            raise LookupError("no")

        _raises(LookupError, lambda: self.processes().start(recipe, refuse))
        assert not any(self.processes().is_alive(identity) for identity in announced)

    def test_a_program_that_cannot_be_run_is_an_error(self) -> None:
        """With nothing left of it."""
        recipe = self.unrunnable(self._recipe())
        announced: list[UniqueProcess] = []
        _raises(ProcessError, lambda: self.processes().start(recipe, announced.append))
        for identity in announced:
            self._await_end(identity)

    def test_what_somebody_else_could_change_is_not_started(self) -> None:
        """The risk says who could, and no process is made for it."""
        safe = self._recipe()
        assert self.processes().risk(safe) == ""
        risky = self.risky(safe)
        assert "everybody" in self.processes().risk(risky)
        announced: list[UniqueProcess] = []
        _raises(ProcessError, lambda: self.processes().start(risky, announced.append))
        assert announced == []

    # -- their tools -----------------------------------------------------------------------------

    def _recipe(self) -> Recipe:
        return self.processes().recipe(self.processes().describe(self.obedient()), None)

    def _stop(self, identity: UniqueProcess) -> None:
        with self.processes().open(identity) as handle:
            handle.send(Signal.KILL)
            assert self.processes().wait([handle], self._soon()) == {identity}

    def _await_end(self, identity: UniqueProcess) -> None:
        try:
            handle = self.processes().open(identity)
        except ProcessGoneError:
            return
        with handle:
            assert self.processes().wait([handle], self._soon()) == {identity}

    def _now(self) -> float:
        return self.clock().monotonic()

    def _soon(self) -> float:
        return self._now() + _PATIENCE_S


def _raises(kind: type[_E], call: Callable[[], object]) -> None:
    try:
        call()
    except kind:
        return
    raise AssertionError(f"{kind.__name__} was not raised")
