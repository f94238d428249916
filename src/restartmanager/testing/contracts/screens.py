# ruff: noqa: S101 - the assertions are what this module is for
"""Contract tests of the port ``Screens``, the same for a real X server with a window manager and
for a simulated one.

Derive a class from `ScreensContract` in a test module and define the hooks; pytest runs the tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from restartmanager.model.answers import WindowKind
from restartmanager.model.progress import CancelToken

if TYPE_CHECKING:
    from restartmanager.model import Process
    from restartmanager.ports.applications import Screens
    from restartmanager.ports.machine import Clock

__all__ = ["ScreensContract"]

_PATIENCE_S = 20.0


class ScreensContract:
    """The tests, and the hooks by which they get programs with windows."""

    # -- hooks -----------------------------------------------------------------------------------

    def screens(self) -> Screens:
        """The adapter."""
        raise NotImplementedError

    def clock(self) -> Clock:
        """The clock that deadlines are counted by."""
        raise NotImplementedError

    def editor(self) -> Process:
        """A new program with a window, which responds and closes when it is asked to."""
        raise NotImplementedError

    def hanging_editor(self) -> Process:
        """A new program with a window that does not respond."""
        raise NotImplementedError

    def unsaved_editor(self) -> Process:
        """A new program with a window, which asks its user before it closes."""
        raise NotImplementedError

    def manager(self) -> Process:
        """The window manager."""
        raise NotImplementedError

    def without(self) -> Process:
        """A new program without windows."""
        raise NotImplementedError

    def await_exit(self, process: Process) -> None:
        """Wait until it has exited."""
        raise NotImplementedError

    def await_question(self, process: Process) -> None:
        """Wait until it asks its user."""
        raise NotImplementedError

    # -- finding ---------------------------------------------------------------------------------

    def test_kinds_of_windows(self) -> None:
        """Those without any are not in the answer."""
        editor, manager, without = self.editor(), self.manager(), self.without()
        found = self.screens().find([editor, manager, without], self._soon())
        assert found[editor.identity].kind is WindowKind.MAIN
        assert found[editor.identity].titles
        assert found[editor.identity].responds is True
        assert found[editor.identity].asked == 0
        assert found[manager.identity].kind is WindowKind.SHELL
        assert without.identity not in found

    def test_who_cancels_gets_nothing(self) -> None:
        """At once."""
        editor = self.editor()
        with CancelToken() as cancel:
            cancel.cancel()
            assert self.screens().find([editor], self._soon(), cancel) == {}

    def test_a_deadline_in_the_past_gives_nothing(self) -> None:
        """Nobody can be asked in no time."""
        assert self.screens().find([self.editor()], self.clock().monotonic()) == {}

    # -- closing ---------------------------------------------------------------------------------

    def test_who_is_asked_exits(self) -> None:
        """And has no windows after that; the others are not touched."""
        editor, other = self.editor(), self.editor()
        asked = self.screens().close([editor], self._soon())
        assert asked[editor.identity].asked == 1
        self.await_exit(editor)
        assert {*self.screens().find([editor, other], self._soon())} == {other.identity}

    def test_who_hangs_is_not_asked(self) -> None:
        """It is known as hanging instead."""
        editor = self.hanging_editor()
        asked = self.screens().close([editor], self._soon())
        assert asked[editor.identity].responds is False
        assert asked[editor.identity].asked == 0

    def test_who_asks_its_user_stays_and_shows_it(self) -> None:
        """And being asked again does not answer the question."""
        editor = self.unsaved_editor()
        assert self.screens().close([editor], self._soon())[editor.identity].asked == 1
        self.await_question(editor)
        self.screens().close([editor], self._soon())
        found = self.screens().find([editor], self._soon())
        assert found[editor.identity].dialogs

    def test_the_shell_is_left_alone(self) -> None:
        """Without it nobody could close anything."""
        manager = self.manager()
        asked = self.screens().close([manager], self._soon())
        assert asked[manager.identity].asked == 0
        assert manager.identity in self.screens().find([manager], self._soon())

    def _soon(self) -> float:
        return self.clock().monotonic() + _PATIENCE_S
