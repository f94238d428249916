"""The page at work, by keyboard alone: its keys, and the steps from looking to bringing back.

What takes long is done by ``Work`` in a thread. Its results come as messages, so that whatever it
meets, the page stays alive and says so.
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual.binding import Binding
from textual.message import Message
from textual.widgets import ProgressBar

from restartmanager.cli.output.live import Waiting
from restartmanager.cli.output.render import count
from restartmanager.cli.screen.choices import merge, next_choice, possible
from restartmanager.cli.screen.page import Page, Phase
from restartmanager.cli.screen.table import Applications
from restartmanager.errors import OperationCancelledError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.binding import BindingType

    from restartmanager.cli.screen.session_work import Work
    from restartmanager.model import Affected, Outcome
    from restartmanager.model.progress import Progress


_Result = TypeVar("_Result")

_WHEN = {
    "go_on": {Phase.CHOOSING, Phase.CLOSED, Phase.OVER},
    "choose": {Phase.CHOOSING},
    "choose_all": {Phase.CHOOSING},
    "look_again": {Phase.CHOOSING},
    "force": {Phase.CHOOSING, Phase.CLOSED},
    "leave": {Phase.LOOKING, Phase.CHOOSING, Phase.OVER},
    "call_off": {Phase.CLOSING},
    "turn_back": {Phase.CLOSED},
}
"""When which keys mean something."""


class FilesInUse(Page):
    """The page; ``phase`` is how far it has come.

    Afterwards ``agreed`` says whether what was chosen is closed and the change may be made, or was;
    ``closed`` and ``returned`` have what became of each; ``trouble`` is what broke it off.

    ``command`` is what makes the change, once the page has ended; without one somebody makes it
    while the page waits, and it brings everything back itself.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "go_on", "Go on", priority=True),
        Binding("space", "choose", "Choose", priority=True),
        Binding("a", "choose_all", "Choose for all"),
        Binding("f", "force", "By force"),
        Binding("r", "look_again", "Look again"),
        Binding("escape,q,ctrl+c,ctrl+q", "leave", "Leave", key_display="esc", priority=True),
        Binding("escape,q,ctrl+c,ctrl+q", "call_off", "Call off", key_display="esc", priority=True),
        Binding(
            "escape,q,ctrl+c,ctrl+q", "turn_back", "Turn back", key_display="esc", priority=True
        ),
    ]

    class Reported(Message):
        """A report of the running operation."""

        def __init__(self, progress: Progress) -> None:
            super().__init__()
            self.progress = progress

    def __init__(self, work: Work, *, command: Sequence[str] = (), force: bool = False) -> None:
        super().__init__(command=command, force=force)
        self.trouble: BaseException | None = None
        self._work = work
        self._leaving = False

    def on_mount(self) -> None:
        """Begin by looking."""
        self.set_interval(1, self._draw)
        self._begin(Phase.LOOKING, self._work.look, self._looked)

    # -- keys ----------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Which keys mean something now; textual asks."""
        del parameters
        if action == "force" and self.phase is Phase.CLOSED:
            return self._still_open
        return self.phase in _WHEN.get(action, Phase)

    def action_choose(self) -> None:
        """Another choice for the one under the cursor."""
        row = self.query_one(Applications).under_cursor
        if row is not None:
            changed = next_choice(row)
            self._rows = [changed if item is row else item for item in self._rows]
            self._draw()

    def action_choose_all(self) -> None:
        """The choice of the one under the cursor for all that can have it."""
        row = self.query_one(Applications).under_cursor
        if row is not None:
            self._rows = [
                replace(item, choice=row.choice)
                if row.choice in possible(item.application)
                else item
                for item in self._rows
            ]
            self._draw()

    def action_force(self) -> None:
        """Kill what does not exit in time, or not."""
        if self.phase is Phase.CLOSED:
            self._force = True
            self._close()
        else:
            self._force = not self._force
            self._draw()

    def action_look_again(self) -> None:
        """A fresh list."""
        self._begin(Phase.LOOKING, self._work.look, self._looked)

    def action_go_on(self) -> None:
        """The next step."""
        if self.phase is Phase.CHOOSING:
            self._begin(Phase.LOOKING, self._work.look, self._checked)
        elif self.phase is Phase.OVER:
            self.exit()
        elif self._command:
            self.agreed = True
            self.exit()
        else:
            self.agreed = True
            self._bring_back()

    def action_leave(self) -> None:
        """End the page: nothing is closed, or all is over."""
        self.exit()

    def action_call_off(self) -> None:
        """Close no more, and bring back what is closed."""
        self._work.call_off()

    def action_turn_back(self) -> None:
        """Bring back what is closed, without the change."""
        self._bring_back()

    def interrupt(self) -> None:
        """Turn back, and leave as soon as nothing is closed any more; from a signal handler."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._leave_soon)

    def _leave_soon(self) -> None:
        self._leaving = True
        match self.phase:
            case Phase.CLOSING:
                self._work.call_off()
            case Phase.CLOSED:
                self._bring_back()
            case Phase.LOOKING | Phase.CHOOSING | Phase.OVER:
                self.exit()

    # -- the steps -----------------------------------------------------------------------------

    def _begin(
        self, phase: Phase, work: Callable[[], _Result], then: Callable[[_Result], object]
    ) -> None:
        """Do this in a thread, and then that here."""
        self.phase = phase
        self._note = ""
        self.run_worker(partial(self._carry_out, work, then), thread=True)
        self._draw()

    def _carry_out(self, work: Callable[[], _Result], then: Callable[[_Result], object]) -> None:
        try:
            result = work()
        except Exception as error:  # noqa: BLE001 - whatever it is, the page must not hang
            self.call_from_thread(self._broken, error)
        else:
            self.call_from_thread(then, result)

    def _looked(self, affected: Affected) -> None:
        self._affected = affected
        self._rows = merge(self._rows, affected.applications)
        self.phase = Phase.CHOOSING
        if self._leaving:
            self.exit()
        self._draw()

    def _checked(self, affected: Affected) -> None:
        """Close, unless there is more than somebody has agreed to."""
        known = {row.key for row in self._rows}
        self._looked(affected)
        more = sum(row.running and row.key not in known for row in self._rows)
        if more:
            self._note = f"{count(more, 'application')} came meanwhile: look again. "
            self._draw()
        elif not self._leaving:
            self._close()

    def _close(self) -> None:
        self._outcomes = {}
        self._waiting = Waiting(force=self._force)
        close = partial(self._work.close, self._rows, self._reported, force=self._force)
        self._begin(Phase.CLOSING, close, self._was_closed)

    def _was_closed(self, outcomes: tuple[Outcome, ...]) -> None:
        self._note_closed(outcomes)
        self.phase = Phase.CLOSED
        if self._leaving:
            self._bring_back()
        elif self._command and not self._still_open:
            self.agreed = True
            self.exit()
        self._draw()

    def _note_closed(self, outcomes: Sequence[Outcome]) -> None:
        """What became of each in the end, of several tries."""
        known = {item.application.key: item for item in (*self.closed, *outcomes)}
        self.closed = tuple(known.values())
        self._outcomes = known

    def _bring_back(self) -> None:
        self._waiting = Waiting(force=self._force)
        self._outcomes = {}
        bring_back = partial(self._work.bring_back, self._reported, force=self._force)
        self._begin(Phase.RETURNING, bring_back, self._returned)

    def _returned(self, outcomes: tuple[Outcome, ...]) -> None:
        self.returned = outcomes
        self._outcomes = {item.application.key: item for item in outcomes}
        self.phase = Phase.OVER
        if self._leaving:
            self.exit()
        self._draw()

    def _broken(self, error: Exception) -> None:
        if isinstance(error, OperationCancelledError) and self.phase is Phase.CLOSING:
            self._note_closed(error.outcomes)
            self._bring_back()
        else:
            self.trouble = error
            self.exit()

    # -- reports -------------------------------------------------------------------------------

    def _reported(self, progress: Progress) -> None:
        """From the thread that does the work."""
        self.post_message(self.Reported(progress))

    def on_files_in_use_reported(self, event: Reported) -> None:
        """Show it."""
        progress = event.progress
        self._waiting.note(progress, time.monotonic())
        self.query_one(ProgressBar).update(progress=progress.percent)
        self._draw()
