"""restartctl ui: the page by its keys, on a simulated machine, and the whole visit on real
processes."""

from __future__ import annotations

import asyncio
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from textual.widgets import DataTable, Static

from cli.machinery import PATIENCE_S, Machine
from cli.samples import EDITOR as CONSOLE
from cli.samples import LOGIN, NGINX, STOPPED
from cli.terminal import Terminal
from restartmanager.cli.screen.app import FilesInUse
from restartmanager.cli.screen.choices import Choice, Row, merge, next_choice, possible
from restartmanager.cli.screen.page import Phase
from restartmanager.cli.screen.session_work import Work
from restartmanager.errors import StoreBusyError
from restartmanager.model import Result, Signal
from restartmanager.model.answers import Answer, AnswerKind
from restartmanager.testing.channels import Listening, SimulatedChannels
from restartmanager.testing.world import Temper
from support.simulated import EDITOR, LIBRARY, REGISTERED, VIEWER, Installer, library_world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from textual.pilot import Pilot

    from restartmanager.model.identity import UniqueProcess

# -- the page on a simulated machine -----------------------------------------------------------


class Stage:
    """An editor that registered and a viewer that did not use a library, and the page about it."""

    def __init__(self, *, command: tuple[str, ...] = (), **tempers: Temper) -> None:
        self.world = library_world(**tempers)
        self.installer = Installer(self.world)
        self.editor = self.world.run(EDITOR, registration=REGISTERED)
        self.viewer = self.world.run(VIEWER)
        self.session = self.installer.session()
        self.page = FilesInUse(Work(self.session, "registered"), command=command)

    @asynccontextmanager
    async def shown(self, size: tuple[int, int] = (100, 30)) -> AsyncIterator[Pilot[None]]:
        async with self.page.run_test(size=size) as pilot:
            await self.reach(pilot, Phase.CHOOSING)
            yield pilot

    async def reach(self, pilot: Pilot[None], phase: Phase) -> None:
        """Go on until the page has come so far."""
        async with asyncio.timeout(PATIENCE_S):
            while self.page.phase is not phase:
                await self.page.workers.wait_for_complete()
                await pilot.pause()

    def text(self, where: str) -> str:
        return str(self.page.query_one(where, Static).render())

    def cells(self, column: str) -> list[str]:
        return [str(cell) for cell in self.page.query_one(DataTable).get_column(column)]

    def runs(self, process: UniqueProcess) -> bool:
        return self.world.is_running(process)


def test_all_are_closed_and_what_can_come_back_does() -> None:
    stage = Stage()

    async def play() -> None:
        async with stage.shown() as pilot:
            assert stage.text("#title") == "2 applications use what will be changed"
            assert stage.cells("choice") == ["close", "close"]
            assert stage.cells("now") == [
                "comes back by the command it registered",
                "stays closed: it registered nothing to come back by",
            ]
            assert f"has {LIBRARY} mapped" in stage.text("#details")
            await pilot.press("enter")
            await stage.reach(pilot, Phase.CLOSED)
            assert not stage.runs(stage.editor)
            assert not stage.runs(stage.viewer)
            assert [cell[:8] for cell in stage.cells("now")] == ["✓ closed", "✓ closed"]
            stage.world.install(LIBRARY)
            await pilot.press("enter")
            await stage.reach(pilot, Phase.OVER)
            assert stage.text("#title") == "Done"
            assert stage.cells("now")[0].startswith("✓ back as process ")
            assert "✓ back as process " in stage.text("#details")
            await pilot.press("enter")

    asyncio.run(play())
    assert stage.page.agreed
    assert stage.page.trouble is None
    assert len(stage.world.running(EDITOR)) == 1
    assert [outcome.result for outcome in stage.page.returned] == [Result.SKIPPED, Result.DONE]


def test_what_is_left_alone_is_not_touched_and_what_is_restarted_later_runs_through() -> None:
    stage = Stage()

    async def play() -> None:
        async with stage.shown() as pilot:
            await pilot.press("space", "space")
            assert stage.cells("choice") == ["later", "close"]
            await pilot.press("down", "space")
            assert stage.cells("choice") == ["later", "leave"]
            await pilot.press("enter")
            await stage.reach(pilot, Phase.CLOSED)
            assert stage.runs(stage.editor)
            stage.world.install(LIBRARY)
            await pilot.press("enter")
            await stage.reach(pilot, Phase.OVER)
            await pilot.press("enter")

    asyncio.run(play())
    assert stage.runs(stage.viewer)
    assert stage.world.signals(stage.viewer) == []
    assert not stage.runs(stage.editor)
    assert len(stage.world.running(EDITOR)) == 1
    assert [outcome.application.name for outcome in stage.page.returned] == ["editor"]
    assert [row.application.name for row in stage.page.left] == ["viewer"]


def test_one_choice_for_all() -> None:
    stage = Stage()

    async def play() -> None:
        async with stage.shown() as pilot:
            await pilot.press("space", "a")
            assert stage.cells("choice") == ["leave", "leave"]
            await pilot.press("space", "a")
            assert stage.cells("choice") == ["later", "leave"]  # it would stay closed
            await pilot.press("escape")

    asyncio.run(play())
    assert not stage.page.agreed
    assert stage.runs(stage.editor)


@pytest.mark.parametrize("key", ["escape", "q", "ctrl+c"])
def test_leaving_touches_nothing(key: str) -> None:
    stage = Stage()

    async def play() -> None:
        async with stage.shown() as pilot:
            await pilot.press(key)

    asyncio.run(play())
    assert not stage.page.agreed
    assert stage.world.signals(stage.editor) == stage.world.signals(stage.viewer) == []


def test_with_a_command_the_page_ends_when_all_is_closed() -> None:
    stage = Stage(command=("./update",))

    async def play() -> None:
        async with stage.shown() as pilot:
            assert "close 2 applications, then run ./update" in stage.text("#status")
            await pilot.press("enter")
            while stage.page.is_running:
                await stage.page.workers.wait_for_complete()
                await pilot.pause()

    asyncio.run(play())
    assert stage.page.agreed
    assert not stage.runs(stage.editor)
    assert stage.page.returned == ()


def test_turning_back_brings_back_what_is_closed() -> None:
    stage = Stage()

    async def play() -> None:
        async with stage.shown() as pilot:
            await pilot.press("enter")
            await stage.reach(pilot, Phase.CLOSED)
            await pilot.press("escape")
            await stage.reach(pilot, Phase.OVER)
            assert stage.text("#title") == "Called off"

    asyncio.run(play())
    assert not stage.page.agreed
    assert len(stage.world.running(EDITOR)) == 1


def test_what_does_not_close_can_be_closed_by_force() -> None:
    stage = Stage(viewer=Temper(obeys_after_s=None))

    async def play() -> None:
        async with stage.shown() as pilot:
            await pilot.press("enter")
            await stage.reach(pilot, Phase.CLOSED)
            assert stage.text("#title") == "Not everything could be closed"
            assert stage.cells("now")[1].startswith("✗ did not exit within 30 seconds")
            assert stage.runs(stage.viewer)
            await pilot.press("f")
            await stage.reach(pilot, Phase.CLOSED)
            assert stage.text("#title").startswith("All is closed")

    asyncio.run(play())
    assert stage.world.signals(stage.viewer)[-1] is Signal.KILL
    assert not stage.runs(stage.viewer)


def test_who_says_no_is_not_closed_unless_by_force() -> None:
    stage = Stage(command=("./update",))
    channels = SimulatedChannels(stage.world)
    channels.listens(stage.viewer, Listening(query=Answer(AnswerKind.NO, "a film is on")))
    stage.installer.channels = channels
    stage.session = stage.installer.session()
    stage.page = FilesInUse(Work(stage.session, "registered"), command=("./update",))

    async def play() -> None:
        async with stage.shown() as pilot:
            await pilot.press("enter")
            await stage.reach(pilot, Phase.CLOSED)
            assert stage.text("#title") == "Not everything could be closed"
            assert "a film is on" in stage.cells("now")[1]
            assert stage.runs(stage.viewer)
            assert not stage.runs(stage.editor)
            await pilot.press("f")
            while stage.page.is_running:
                await stage.page.workers.wait_for_complete()
                await pilot.pause()

    asyncio.run(play())
    assert stage.page.agreed
    assert not stage.runs(stage.viewer)
    became = {outcome.application.name: outcome.result for outcome in stage.page.closed}
    assert became == {"editor": Result.DONE, "viewer": Result.DONE}


def test_who_comes_meanwhile_is_not_closed_unseen() -> None:
    stage = Stage()

    async def play() -> None:
        async with stage.shown() as pilot:
            other = stage.world.run(VIEWER)
            await pilot.press("enter")
            await stage.reach(pilot, Phase.CHOOSING)
            assert stage.text("#title") == "3 applications use what will be changed"
            assert "1 application came meanwhile" in stage.text("#status")
            assert stage.runs(stage.editor)
            await pilot.press("enter")
            await stage.reach(pilot, Phase.CLOSED)
            assert not stage.runs(other)

    asyncio.run(play())


def test_nobody_uses_it() -> None:
    stage = Stage()
    stage.world.end(stage.editor)
    stage.world.end(stage.viewer)

    async def play() -> None:
        async with stage.shown() as pilot:
            assert stage.text("#title") == "Nobody uses what will be changed"
            await pilot.press("space", "a", "enter")
            await stage.reach(pilot, Phase.CLOSED)

    asyncio.run(play())


def test_a_signal_turns_back() -> None:
    stage = Stage()

    async def play() -> None:
        async with stage.shown() as pilot:
            await pilot.press("enter")
            await stage.reach(pilot, Phase.CLOSED)
            stage.page.interrupt()
            while stage.page.is_running:
                await stage.page.workers.wait_for_complete()
                await pilot.pause()

    asyncio.run(play())
    assert not stage.page.agreed
    assert len(stage.world.running(EDITOR)) == 1


def test_trouble_ends_the_page_and_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage()

    def busy(*_: object, **__: object) -> None:
        raise StoreBusyError("/state", 5)

    async def play() -> None:
        async with stage.shown() as pilot:
            monkeypatch.setattr(type(stage.session), "shutdown", busy)
            await pilot.press("enter")
            while stage.page.is_running:
                await stage.page.workers.wait_for_complete()
                await pilot.pause()

    asyncio.run(play())
    assert isinstance(stage.page.trouble, StoreBusyError)
    assert not stage.page.agreed


HOSTILE = "/opt/[red]\x1b[2J[/]\n[@click=app.exit]x\u202e"


@pytest.mark.parametrize("size", [(100, 30), (40, 12), (20, 5)])
def test_hostile_names_are_escaped_and_are_no_markup(size: tuple[int, int]) -> None:
    stage = Stage()
    stage.world.programs[HOSTILE] = stage.world.programs[VIEWER]
    stage.world.run(HOSTILE)

    async def play() -> None:
        async with stage.shown(size) as pilot:
            await pilot.press("down", "down")
            assert stage.cells("name")[2].startswith("]\\n[@click=app.exit]x\\u202e ")
            assert "[@click=app.exit]x" in stage.text("#details")
            shown = stage.page.export_screenshot()
            assert "\x1b" not in shown
            await pilot.press("enter")
            await stage.reach(pilot, Phase.CLOSED)

    asyncio.run(play())


def test_a_narrow_terminal_shows_what_matters_of_wide_names() -> None:
    stage = Stage()
    name = "/opt/編集者"
    stage.world.programs[name] = stage.world.programs[VIEWER]
    stage.world.run(name)

    async def play() -> None:
        async with stage.shown((40, 12)) as pilot:
            await pilot.press("down", "down")
            columns = [str(column.value) for column in stage.page.query_one(DataTable).columns]
            assert columns == ["choice", "name", "now"]
            assert stage.cells("name")[2].startswith("編集者 ")
            await pilot.resize_terminal(100, 12)
            table = stage.page.query_one(DataTable)
            async with asyncio.timeout(PATIENCE_S):
                while "owner" not in {column.value for column in table.columns}:
                    await pilot.pause()
            assert table.cursor_row == 2  # nobody loses their place over it

    asyncio.run(play())


# -- choices -----------------------------------------------------------------------------------


def test_what_can_be_chosen() -> None:
    assert possible(NGINX) == (Choice.CLOSE, Choice.LEAVE, Choice.LATER)
    assert possible(CONSOLE) == (Choice.CLOSE, Choice.LEAVE)
    assert possible(LOGIN) == (Choice.LEAVE,)
    assert not Row(STOPPED, Choice.CLOSE).running
    assert next_choice(Row(LOGIN, Choice.LEAVE)).choice is Choice.LEAVE


def test_a_choice_outlives_a_fresh_list_where_it_is_still_possible() -> None:
    rows = [Row(NGINX, Choice.LATER), Row(CONSOLE, Choice.LEAVE)]
    merged = merge(rows, [CONSOLE, LOGIN, NGINX])
    assert [row.choice for row in merged] == [Choice.LEAVE, Choice.LEAVE, Choice.LATER]


# -- real processes, on a terminal -------------------------------------------------------------


def test_a_whole_visit(machine: Machine) -> None:
    holder, other = machine.hold("register"), machine.hold("register", name="player")
    terminal = Terminal(machine, "ui", "--file", machine.file)
    terminal.await_text("2 applications use")
    terminal.press("\r")
    terminal.await_text("All is closed")
    assert machine.holders() == []
    terminal.press("\r")
    terminal.await_text("Done")
    terminal.press("\r")
    assert terminal.end() == 0
    assert "editor: closed (was process" in terminal.text
    assert "player: back as process" in terminal.text
    assert not holder.lives
    assert not other.lives
    assert len(machine.holders()) == 2


def test_a_visit_with_a_command(machine: Machine) -> None:
    machine.hold("register")
    done = machine.folder / "done"
    command = ["sh", "-c", f"echo it runs; touch {done}; exit 7"]
    terminal = Terminal(machine, "ui", "--file", machine.file, "--", *command)
    terminal.await_text("1 application uses")
    terminal.press("\r")
    assert terminal.end() == 7
    _, _, after = terminal.text.partition("it runs")
    assert "editor: back as process" in after
    assert done.exists()
    assert len(machine.holders()) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_visit_leaves_nothing_closed(machine: Machine, number: int) -> None:
    machine.hold("register")
    terminal = Terminal(machine, "ui", "--file", machine.file)
    terminal.await_text("1 application uses")
    terminal.press("\r")
    terminal.await_text("All is closed")
    terminal.child.send_signal(number)
    assert terminal.end() == 7
    assert len(machine.holders()) == 1


def test_leaving_says_that_nothing_was_closed(machine: Machine) -> None:
    holder = machine.hold("register")
    terminal = Terminal(machine, "ui", "--file", machine.file, "--", "true")
    terminal.await_text("1 application uses")
    terminal.press("q")
    assert terminal.end() == 125
    assert "Nothing was closed." in terminal.text
    assert holder.lives


# -- where there is no page --------------------------------------------------------------------


def test_without_a_terminal(machine: Machine) -> None:
    done = machine.run("ui", "--file", machine.file)
    assert done.returncode == 2
    assert "'restartctl run' does the same anywhere." in done.stderr


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"PYTHONIOENCODING": "latin-1"}])
def test_terminals_that_cannot_show_it(machine: Machine, environment: dict[str, str]) -> None:
    terminal = Terminal(machine, "ui", "--file", machine.file, **environment)
    assert terminal.end() == 2
    assert "restartctl run" in terminal.text


def test_without_the_extra(machine: Machine) -> None:
    """The name stands for a module that is not there."""
    patch = "import sys; sys.modules['textual'] = None\nimport restartmanager.cli.verbs.ui as ui\n"
    patch += "ui._insist_on_a_terminal = lambda: None"
    done = machine.run_with(patch, "ui", "--file", machine.file)
    assert done.returncode == 8
    assert "textual, which is not installed" in done.stderr
    assert "hint: pip install 'restartmanager[ui]'" in done.stderr


def test_resources_are_needed(machine: Machine) -> None:
    assert machine.run("ui").returncode == 2


def test_a_command_that_is_not_there(machine: Machine) -> None:
    terminal = Terminal(machine, "ui", "--file", machine.file, "--", "no-such-command-anywhere")
    assert terminal.end() == 127
