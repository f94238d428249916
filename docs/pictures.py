"""Make the pictures of the README: what restartctl really prints, and the page as it really is.

``python docs/pictures.py`` starts three programs that use a library, runs restartctl on a terminal
of its own, and writes what came as SVG into docs/pictures. The programs end with it.
"""
# ruff: noqa: INP001, T201 - a program of its own

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import io
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from restartmanager.api import sessions
from restartmanager.cli.screen.app import FilesInUse
from restartmanager.cli.screen.page import Phase
from restartmanager.cli.screen.session_work import Work

if TYPE_CHECKING:
    from collections.abc import Iterator

_HERE = Path(__file__).parent
_EXAMPLES = _HERE.parent / "examples"
_PICTURES = _HERE / "pictures"
_WIDTH = 92
_FONT_FACE = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
_PROGRAMS = ("editor", "player", "indexer")


@contextlib.contextmanager
def stage() -> Iterator[Path]:
    """A folder with a library, and programs that have it mapped."""
    with tempfile.TemporaryDirectory(prefix="widget-") as name:
        folder = Path(name)
        os.environ["RESTARTMANAGER_STATE_DIR"] = str(folder / "state")
        (folder / "libwidget.so").write_text("version 1")
        os.mkfifo(folder / "ready")
        keeps_it_open = os.open(folder / "ready", os.O_RDONLY | os.O_NONBLOCK)
        children = [_start(folder, program) for program in _PROGRAMS]
        try:
            _await(keeps_it_open, len(children))
            yield folder
        finally:
            _end_all(folder)
            for child in children:
                child.wait()
            os.close(keeps_it_open)


def _start(folder: Path, program: str) -> subprocess.Popen[bytes]:
    shutil.copyfile(_EXAMPLES / "editor.py", folder / program)
    words = ["--library", "libwidget.so", "--state", f"{program}.state", "--ready", "ready"]
    return subprocess.Popen([sys.executable, program, *words], cwd=folder)


def _await(ready: int, number: int) -> None:
    """Wait until so many programs have said that they are ready, a line each."""
    os.set_blocking(ready, True)
    said = b""
    while said.count(b"\n") < number:
        said += os.read(ready, 4096)


def _end_all(folder: Path) -> None:
    """End the programs, also those that were brought back."""
    with sessions.start_session() as session:
        session.register(files=[folder / "libwidget.so"])
        session.shutdown().leave_stopped()


def on_terminal(folder: Path, *arguments: str) -> str:
    """What restartctl prints there, colours and all."""
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, _WIDTH, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
    environment.pop("NO_COLOR", None)
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "restartmanager.cli", *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    data = b""
    with contextlib.suppress(OSError):  # EIO: it has ended
        while chunk := os.read(controller, 4096):
            data += chunk
    os.close(controller)
    child.wait()
    shown = data.decode().replace("\r\n", "\n")
    return re.sub(r"\r\x1b\[K[^\n\r]*(?=\r)|\r\x1b\[K", "", shown)  # lines that were overwritten


def picture_of_terminal(name: str, commands: list[tuple[str, str]]) -> None:
    """Commands and their output, as one picture."""
    console = Console(record=True, width=_WIDTH, file=io.StringIO(), force_terminal=True)
    for command, output in commands:
        console.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
        console.print(Text.from_ansi(output))
    write(name, console.export_svg(title="restartctl", unique_id=name))


async def picture_of_page(name: str, folder: Path) -> None:
    """The page, after somebody has chosen."""
    with sessions.start_session() as session:
        session.register(files=[folder / "libwidget.so"])
        page = FilesInUse(Work(session, "registered"), command=["./install.sh"])
        async with page.run_test(size=(_WIDTH, 18)) as pilot:
            while page.phase is not Phase.CHOOSING:
                await pilot.pause()
            await pilot.press("down", "space", "down", "space", "space")
            await pilot.pause()
            write(name, page.export_screenshot(title="restartctl ui"))
            await pilot.press("escape")


def write(name: str, svg: str) -> None:
    """Without fonts that would be fetched from elsewhere."""
    path = _PICTURES / f"{name}.svg"
    svg = _FONT_FACE.sub("", svg).replace("Fira Code", "DejaVu Sans Mono")
    path.write_text("\n".join(line.rstrip() for line in svg.splitlines()) + "\n", encoding="utf-8")
    print(f"wrote {path}")


def main() -> None:
    """Make all of them."""
    _PICTURES.mkdir(exist_ok=True)
    with stage() as folder:
        (folder / "libwidget.so.new").write_text("version 2")
        asyncio.run(picture_of_page("ui", folder))
        who = ["who", "--tree", "libwidget.so"]
        change = ["run", "--file", "libwidget.so", "--", "mv", "libwidget.so.new", "libwidget.so"]
        shown = [
            ("restartctl " + " ".join(arguments), on_terminal(folder, *arguments))
            for arguments in (who, change)
        ]
        picture_of_terminal("terminal", shown)


if __name__ == "__main__":
    main()
