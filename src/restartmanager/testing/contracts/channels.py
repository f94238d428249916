# ruff: noqa: S101 - the assertions are what this module is for
"""Contract tests of the port ``Channels``, the same for real applications and simulated ones.

Derive a class from `ChannelsContract` in a test module and define the hooks; pytest runs the tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from restartmanager.model.answers import AnswerKind, EndReason, objections
from restartmanager.model.progress import CancelToken

if TYPE_CHECKING:
    from restartmanager.model import Process
    from restartmanager.ports.applications import Channels
    from restartmanager.ports.machine import Clock

__all__ = ["ChannelsContract"]

_PATIENCE_S = 20.0
_IN_VAIN_S = 0.5
_NO = "a call is in progress"


class ChannelsContract:
    """The tests, and the hooks by which they get applications."""

    # -- hooks -----------------------------------------------------------------------------------

    def channels(self) -> Channels:
        """The adapter."""
        raise NotImplementedError

    def clock(self) -> Clock:
        """The clock that deadlines are counted by."""
        raise NotImplementedError

    def agreeing(self) -> Process:
        """A new application that agrees to be closed, and exits when it is told to."""
        raise NotImplementedError

    def refusing(self, reason: str) -> Process:
        """A new application that refuses, for that reason."""
        raise NotImplementedError

    def hanging(self) -> Process:
        """A new application that listens, and never answers."""
        raise NotImplementedError

    def dying(self) -> Process:
        """A new application that exits when it is asked."""
        raise NotImplementedError

    def deaf(self) -> Process:
        """A new process that does not listen."""
        raise NotImplementedError

    def heard(self, process: Process, count: int) -> list[str]:
        """The next ``count`` requests that it got since it was last looked at."""
        raise NotImplementedError

    # -- the query -------------------------------------------------------------------------------

    def test_every_one_has_its_answer(self) -> None:
        """In one look, whatever the others do; those that do not listen included."""
        processes = [self.agreeing(), self.refusing(_NO), self.dying(), self.deaf()]
        with self.channels().open(processes) as talks:
            answers = talks.query(EndReason.UPDATE, self._soon())
        kinds = [answers[process.identity].kind for process in processes]
        assert kinds == [AnswerKind.YES, AnswerKind.NO, AnswerKind.DIED, AnswerKind.NONE]
        assert answers[processes[1].identity].reason == _NO
        assert {*objections(answers)} == {processes[1].identity}

    def test_who_does_not_answer_is_hung_at_the_deadline(self) -> None:
        """And not before; the others have answered."""
        processes = [self.hanging(), self.agreeing()]
        deadline = self.clock().monotonic() + _IN_VAIN_S
        with self.channels().open(processes) as talks:
            answers = talks.query(EndReason.UPDATE, deadline)
        assert self.clock().monotonic() >= deadline
        kinds = [answers[process.identity].kind for process in processes]
        assert kinds == [AnswerKind.HUNG, AnswerKind.YES]
        assert {*objections(answers)} == {processes[0].identity}

    def test_who_cancels_gets_no_more_answers(self) -> None:
        """It is called off, not hung: nothing is known about it."""
        process = self.hanging()
        with self.channels().open([process]) as talks, CancelToken() as cancel:
            cancel.cancel()
            answers = talks.query(EndReason.UPDATE, self._soon(), cancel)
        assert answers[process.identity].kind is AnswerKind.CALLED_OFF
        assert not objections(answers)

    def test_nobody_at_all(self) -> None:
        """That is nothing to wait for."""
        with self.channels().open([]) as talks:
            assert talks.query(EndReason.UPDATE, self._soon()) == {}

    # -- what follows ----------------------------------------------------------------------------

    def test_the_reason_is_told(self) -> None:
        """Of the query and of the end, each its own."""
        process = self.agreeing()
        with self.channels().open([process]) as talks:
            talks.query(EndReason.SESSION_END, self._soon())
            ended = talks.end([process.identity], EndReason.FORCED, self._soon())
        assert ended[process.identity].kind in {AnswerKind.DONE, AnswerKind.DIED}
        assert self.heard(process, 2) == ["query session-end", "end forced"]

    def test_only_those_that_are_meant_are_ended(self) -> None:
        """The other one is told to go on when it is let go of."""
        one, other = self.agreeing(), self.agreeing()
        with self.channels().open([one, other]) as talks:
            talks.query(EndReason.UPDATE, self._soon())
            ended = talks.end([one.identity], EndReason.UPDATE, self._soon())
        assert {*ended} == {one.identity}
        assert self.heard(one, 2) == ["query update", "end update"]
        assert self.heard(other, 2) == ["query update", "cancelled"]

    def test_who_refused_can_be_ended_all_the_same(self) -> None:
        """With force a "no" is recorded, and overridden."""
        process = self.refusing(_NO)
        with self.channels().open([process]) as talks:
            talks.query(EndReason.FORCED, self._soon())
            ended = talks.end([process.identity], EndReason.FORCED, self._soon())
        assert ended[process.identity].kind in {AnswerKind.DONE, AnswerKind.DIED}
        assert self.heard(process, 2) == ["query forced", "end forced"]

    def test_who_does_not_listen_is_not_ended(self) -> None:
        """Its answer stays what it was."""
        process = self.deaf()
        with self.channels().open([process]) as talks:
            asked = talks.query(EndReason.UPDATE, self._soon())
            assert talks.end([process.identity], EndReason.UPDATE, self._soon()) == asked

    def test_who_agreed_is_told_to_go_on_by_the_end_of_the_connection(self) -> None:
        one, other = self.agreeing(), self.agreeing()
        with self.channels().open([one, other]) as talks:
            talks.query(EndReason.UPDATE, self._soon())
        for process in (one, other):
            assert self.heard(process, 2) == ["query update", "cancelled"]
        with self.channels().open([one]) as talks:
            talks.query(EndReason.UPDATE, self._soon())
        assert self.heard(one, 2) == ["query update", "cancelled"]

    def test_closing_twice_is_closing(self) -> None:
        """And so is leaving the block after it."""
        with self.channels().open([self.agreeing()]) as talks:
            talks.close()
            talks.close()

    def _soon(self) -> float:
        return self.clock().monotonic() + _PATIENCE_S
