"""``restartctl demo``: the scenario of a primary and a secondary installer, on real processes."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from typing import TYPE_CHECKING

import click

from restartmanager.cli.commands import Command, examples

if TYPE_CHECKING:
    from restartmanager.api.primary import PrimarySession
    from restartmanager.cli.demo.stage import Stage
    from restartmanager.cli.output.console import Console
    from restartmanager.model import Application, Outcome
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.model.progress import Progress


_NAMES = ("editor", "player")
_SECONDARY = ("session", "register", "--file")


@examples(("See it work:", "restartctl demo"))
@click.command(cls=Command)
def demo() -> int:
    """Play the scenario that this program was made for, on real processes.

    Two small applications use a shared library. Two installers want to replace it: a primary, and
    a secondary that joins the primary's session. The applications are closed, the library is
    replaced, and they come back with the new one. All of it happens in a temporary folder, with
    processes that the demo has started itself; nothing is left behind.

    Exit status: 0 all went as it should, 3 it did not (the step is named).
    """
    from restartmanager.cli.demo.stage import Stage, StageError
    from restartmanager.cli.exitcodes import ExitCode
    from restartmanager.cli.interrupts import Interrupts
    from restartmanager.cli.output.console import Console
    from restartmanager.errors import RestartManagerError
    from restartmanager.model.escaping import escape

    out, began = Console(sys.stdout), time.monotonic()
    play = None
    with Interrupts() as interrupts:
        try:
            try:
                with interrupts.deferred():
                    play = _Play(out, Stage(interrupts.deferred))
                play.perform()
            finally:
                if play is not None:
                    with interrupts.postponed():
                        play.clean_up()
        except (StageError, RestartManagerError, OSError) as error:
            step = f"Step {play.step} went wrong" if play and play.step else "It cannot begin"
            Console(sys.stderr).problem(f"{step}: {escape(str(error))}", program="restartctl demo")
            return ExitCode.INCOMPLETE
    out.say()
    out.say(f"Done in {time.monotonic() - began:.1f} s. Nothing was left behind.")
    return ExitCode.DONE


class _Play:
    """The scenario, step by step; every step sees to it that it went as it should."""

    def __init__(self, out: Console, stage: Stage) -> None:
        self.step = 0
        self._out = out
        self._stage = stage
        self._first: dict[str, UniqueProcess] = {}
        self._session: PrimarySession | None = None
        self._back: tuple[Outcome, ...] = ()
        self._new_inode = 0

    def perform(self) -> None:
        """All steps, in the order of the document that this follows."""
        from restartmanager.cli.output.text import fill

        look = self._out.look
        title = fill("A library is replaced while two applications use it", look.width)
        self._out.lines(map(look.bold, title))
        self._out.say(look.dim(f"in {self._stage.folder}"))
        self._start_applications()
        session = self._start_session()
        self._let_secondary_join(session)
        self._register(session)
        self._list(session)
        self._shut_down(session)
        self._replace_library()
        self._restart(session)
        self._verify()
        self._title("The primary ends the session")
        session.end()

    # -- the steps -----------------------------------------------------------------------------

    def _start_applications(self) -> None:
        library = os.path.basename(self._stage.library)
        self._title(f"Two applications run, both with the same {library} mapped")
        for name in _NAMES:
            process = self._stage.start(name)
            self._first[name] = process
            inodes = self._mapped(process)
            _expect(len(inodes) == 1, f"{name} does not have the library mapped")
            self._tell(f"{name:<8}pid {process.pid}, inode {inodes.pop()}")

    def _start_session(self) -> PrimarySession:
        from restartmanager.api import sessions

        self._title("The primary installer starts a session")
        session = self._session = sessions.start_session()
        self._tell(f"key {session.key[:8]}..., handed over in the environment")
        return session

    def _let_secondary_join(self, session: PrimarySession) -> None:
        self._title("The secondary, a process of its own, joins and registers the library")
        pid = self._stage.run([*_SECONDARY, self._stage.library], session.environ())
        self._tell(f"pid {pid}: restartctl {' '.join(_SECONDARY)} {self._short_library}")
        files = [item.path for item in session.resources().files]
        _expect(files == [self._stage.library], "the session does not know the library")

    def _register(self, session: PrimarySession) -> None:
        self._title("The primary registers the programs that it will replace itself")
        session.register(files=[os.path.join(self._stage.folder, name) for name in _NAMES])
        self._tell(", ".join(_NAMES))

    def _list(self, session: PrimarySession) -> None:
        from restartmanager.cli.output.text import table

        self._title("Who is affected?")
        affected = session.affected()
        found = {app.name: app for app in affected.applications}
        _expect(set(found) == set(_NAMES), f"the list has {', '.join(found) or 'nobody'}")
        _expect(not affected.reboot_reasons, "the list says that a reboot is needed")
        rows = [self._row(found[name]) for name in _NAMES]
        width = (self._out.look.width or 80) - 4
        for line in table(("NAME", "PID", "COMES BACK", "WHY"), rows, width):
            self._tell(line)

    def _row(self, application: Application) -> tuple[str, str, str, str]:
        from restartmanager.cli.output.render import evidence_words
        from restartmanager.model import RestartBy

        main = application.main_process
        _expect(main is not None and main.identity == self._first[application.name], "wrong one")
        registered = application.restart_by is RestartBy.REGISTERED
        _expect(registered, f"{application.name} did not register for being brought back")
        seen = [
            evidence_words(item._replace(path=os.path.basename(item.path)))
            for item in application.evidence
        ]
        _expect(len(seen) == 2, f"{application.name} is listed for {seen}")
        pid = str(main.pid) if main else ""
        return application.name, pid, "as registered", ", ".join(sorted(seen))

    def _shut_down(self, session: PrimarySession) -> None:
        self._title("They are asked to exit")
        outcomes = session.shutdown(on_event=self._show).outcomes
        _expect(len(outcomes) == len(_NAMES), "not every application was closed")
        for name in _NAMES:
            with open(self._stage.document(name), encoding="ascii") as file:
                saved = file.read() == f"saved by {self._first[name].pid}\n"
            _expect(saved, f"{name} had no time to save its document")
        self._tell("both saved their documents first")

    def _replace_library(self) -> None:
        self._title("The installer replaces the library")
        old, self._new_inode = self._stage.replace_library()
        _expect(old != self._new_inode, "the file is still the same")
        self._tell(f"{self._short_library}: inode {old} {self._arrow} {self._new_inode}")

    def _restart(self, session: PrimarySession) -> None:
        self._title("They are brought back")
        self._back = session.restart(on_event=self._show)
        names = sorted(outcome.application.name for outcome in self._back if outcome.process)
        _expect(names == sorted(_NAMES), f"back are only {', '.join(names) or 'none'}")

    def _verify(self) -> None:
        self._title("Are they what they should be?")
        for outcome in reversed(self._back):
            name, process = outcome.application.name, outcome.process
            assert process is not None  # noqa: S101 - the step before has made sure
            old = self._first[name]
            _expect(process != old, f"{name} is still the old process")
            inodes = self._mapped(process)
            _expect(inodes == {self._new_inode}, f"{name} has inode {inodes} mapped")
            with open(f"/proc/{process.pid}/cmdline", "rb") as file:
                restored = b"--restored" in file.read().split(b"\0")
            _expect(restored, f"{name} was not given the arguments that it registered")
            facts = f"pid {old.pid} {self._arrow} {process.pid}, inode {self._new_inode}"
            self._tell(f"{self._out.look.good()} {name:<8}{facts}, its own arguments")

    # -- afterwards ----------------------------------------------------------------------------

    def clean_up(self) -> None:
        """End the session and everything that was started, however far the play has come."""
        from restartmanager.errors import RestartManagerError

        started = {outcome.process for outcome in self._back if outcome.process is not None}
        if self._session is not None:
            with contextlib.suppress(RestartManagerError):
                started |= _restarted_in(self._session.key)
            with contextlib.suppress(RestartManagerError):
                self._session.end(leave_stopped=True)
        self._stage.clear(started)

    # -- telling -------------------------------------------------------------------------------

    @property
    def _short_library(self) -> str:
        return os.path.basename(self._stage.library)

    @property
    def _arrow(self) -> str:
        return self._out.look.arrow

    def _mapped(self, process: UniqueProcess) -> set[int]:
        from restartmanager.cli.demo.stage import await_mapping

        return await_mapping(process, self._stage.library)

    def _title(self, text: str) -> None:
        from restartmanager.cli.output.text import fill

        self.step += 1
        self._out.say()
        first, *rest = fill(text, self._out.look.width, f"{self.step:2}  ")
        self._out.lines((first[:4] + self._out.look.bold(first[4:]), *rest))

    def _tell(self, text: str) -> None:
        from restartmanager.cli.output.text import fill

        self._out.lines(fill(text, self._out.look.width, "    ", "      "))

    def _show(self, progress: Progress) -> None:
        from restartmanager.cli.output.outcomes import progress_line

        if progress.application is not None:
            self._tell(progress_line(progress))


def _restarted_in(key: str) -> set[UniqueProcess]:
    """What was started before an interruption: the journal knows it before it runs."""
    from restartmanager.api.journal import read_session

    journal = read_session(key).journal
    return {entry.started_as for entry in journal if entry.started_as is not None}


def _expect(condition: bool, otherwise: str) -> None:  # noqa: FBT001 - that is what it is about
    from restartmanager.cli.demo.stage import StageError

    if not condition:
        raise StageError(otherwise)
