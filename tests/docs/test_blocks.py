"""The examples of the documentation are run as they stand, page by page, on real processes.

A page is one bash script: its ``sh`` blocks and ``python`` blocks in order, in a folder of its own.
What stands in a ``text`` block behind an example is what the example prints, but for numbers, keys,
folders and the user's name. A comment before a block says what is not to be seen from it:

    <!-- file: NAME -->        the block is the contents of a file
    <!-- not run: REASON -->   the block is not run
    <!-- check: COMMAND -->    must succeed at this point, and is not part of the page
"""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from restartmanager.adapters.processes.pidfds import PidfdHandle, wait_for_exit
from restartmanager.errors import ProcessError
from restartmanager.model import Signal
from restartmanager.model.identity import UniqueProcess
from support.paths import ROOT
from support.screens import needs

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE_S = 55
STAGED = (
    "README.md",
    "docs/how-to/shell-installer.md",
    "docs/how-to/python-installer.md",
    "docs/how-to/from-the-windows-api.md",
    "docs/reference/lines.md",
)
"""Pages that begin with an editor at work on libwidget.so, and a new one beside it."""

ONLY_LOOKING = ("docs/how-to/from-the-windows-api.md", "docs/reference/lines.md")
"""Those of them that do not replace it."""

FROM_NOTHING = (
    "docs/tutorial/first-installer.md",
    "docs/how-to/self-updating-application.md",
    "docs/how-to/application-that-is-asked.md",
    "docs/how-to/after-a-reboot.md",
    "docs/how-to/services.md",
    "docs/how-to/elevated-installer.md",
    "docs/how-to/package-scripts.md",
    "docs/how-to/replace-needrestart.md",
)
"""Pages that set up everything themselves."""

_MARK = re.compile(r"<!-- (not run|file|check): (.+) -->")
_BLOCK = "@@ block "
_STAGE = """\
echo "version 1" > libwidget.so
exec 8<> ready
python "$EXAMPLES/editor.py" --library libwidget.so --state work --ready ready 8>&- &
read -r first <&8
"""


@dataclass
class Block:
    """One block of code, with what the comments before it say."""

    kind: str
    line: int
    marks: dict[str, str]
    text: str = ""

    @property
    def runs(self) -> bool:
        return self.kind in {"sh", "python", "check"} and "not run" not in self.marks


@dataclass
class Page:
    """A page's blocks in order; checks are blocks as well."""

    path: str
    blocks: list[Block] = field(default_factory=list)

    def read(self) -> Page:
        marks: dict[str, str] = {}
        block: Block | None = None
        lines = (ROOT / self.path).read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines, 1):
            if block is not None:
                if line == "```":
                    self.blocks.append(block)
                    block = None
                else:
                    block.text += line + "\n"
            elif line.startswith("```"):
                block, marks = Block(line[3:], number, marks), {}
            elif found := _MARK.fullmatch(line):
                if found[1] == "check":
                    self.blocks.append(Block("check", number, {}, found[2] + "\n"))
                else:
                    marks[found[1]] = found[2]
        assert block is None, "a block without an end"
        return self

    def expected(self) -> dict[int, str]:
        """What the blocks must print, by their place."""
        outputs = {}
        for place, block in enumerate(self.blocks):
            if block.kind == "text" and "not run" not in block.marks:
                assert self.blocks[place - 1].runs, f"line {block.line}: output of nothing"
                outputs[place - 1] = block.text
        return outputs

    def script(self, folder: Path, before: str) -> str:
        """The page as a bash script; files that it needs are put into ``folder``."""
        parts = []
        for place, block in enumerate(self.blocks):
            if not block.runs:
                continue
            stored = folder / f"{place}.{'py' if block.kind == 'python' else 'sh'}"
            stored.write_text(block.text, encoding="utf-8")
            parts.append(f"{before}echo '{_BLOCK}{place}'\n")
            if name := block.marks.get("file"):
                parts.append(f"cp {shlex.quote(str(stored))} {shlex.quote(name)}\n")
            elif block.kind == "python":
                parts.append(f"python {shlex.quote(str(stored))}\n")
            else:
                parts.append(block.text)
        return "".join(parts)


@dataclass
class Desk:
    """A home with nothing in it but the commands and the examples."""

    home: Path
    environment: dict[str, str]
    apart: tuple[str, ...]
    """Puts a command into a world of processes of its own; empty where that is not possible."""

    def perform(self, script: str, cwd: Path) -> dict[int, str]:
        """Run it; what each block has printed."""
        with (self.home / "output").open("wb") as output:  # a pipe would be waited for
            done = subprocess.run(
                [*self.apart, "/bin/bash", "-c", f"set -eu\n{script}"],
                cwd=cwd,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=PATIENCE_S,
                check=False,
            )
        printed = (self.home / "output").read_text(encoding="utf-8")
        assert done.returncode == 0, printed
        outputs = {}
        for part in printed.split(_BLOCK)[1:]:
            place, _, text = part.partition("\n")
            outputs[int(place)] = text
        return outputs

    def clear(self) -> None:
        """End what was started here, also by way of a restart, and nothing else. A world of its
        own has ended with its first process."""
        if self.apart:
            return
        mark = os.fsencode(
            f"RESTARTMANAGER_STATE_DIR={self.environment['RESTARTMANAGER_STATE_DIR']}"
        )
        for name in filter(str.isdecimal, os.listdir("/proc")):
            with contextlib.suppress(OSError, ProcessError):
                identity = UniqueProcess.of(int(name))
                if mark in Path(f"/proc/{name}/environ").read_bytes().split(b"\0"):
                    with PidfdHandle(identity) as handle:
                        handle.send(Signal.KILL)
                        wait_for_exit([handle], time.monotonic() + PATIENCE_S)


@cache
def _apart() -> tuple[str, ...]:
    """The other processes of the machine can then neither be seen nor be touched, nor do they cost
    time. It takes root's rights."""
    apart = ("unshare", "--mount-proc", "--pid", "--fork", "--kill-child")
    with contextlib.suppress(OSError):
        if subprocess.run([*apart, "true"], capture_output=True, check=False).returncode == 0:
            return apart
    return ()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    commands = tmp_path / "bin"
    commands.mkdir()
    for name, words in ("python", ""), ("restartctl", "-P -m restartmanager.cli "):
        program = commands / name
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {words}"$@"\n')
        program.chmod(0o755)
    with desk_with(commands, tmp_path) as made:
        yield made


@contextlib.contextmanager
def desk_with(commands: Path, tmp_path: Path) -> Iterator[Desk]:
    """A desk where python and restartctl are those in that folder."""
    home = tmp_path / "home"
    shutil.copytree(ROOT / "examples", home / "examples")
    kept = {name: value for name, value in os.environ.items() if name.startswith("COV")}
    environment = {
        **kept,
        "HOME": str(home),
        "PATH": f"{commands}:{os.environ['PATH']}",
        "LC_ALL": "C.UTF-8",
        "EXAMPLES": str(home / "examples"),
        "RESTARTMANAGER_STATE_DIR": str(tmp_path / "state"),
    }
    made = Desk(home, environment, _apart())
    try:
        yield made
    finally:
        made.clear()


def comparable(text: str, home: Path) -> list[str]:
    """The lines of an output without what differs from one run to the next."""
    user = pwd.getpwuid(os.geteuid()).pw_name
    text = text.replace(str(home), "/home/ann").replace(f"user {user}", "user ann")
    text = re.sub(r"\b[0-9a-f]{32}\b", "KEY", text)
    lines = (re.sub(r"\s+", " ", re.sub(r"\d+", "0", line)).strip() for line in text.splitlines())
    return [line for line in lines if line and "could not be looked into" not in line]


def assert_as_shown(page: Page, outputs: dict[int, str], home: Path) -> None:
    for place, text in page.expected().items():
        assert comparable(outputs[place], home) == comparable(text, home)


@pytest.mark.parametrize("path", STAGED)
def test_examples_on_a_running_editor(desk: Desk, tmp_path: Path, path: str) -> None:
    page = Page(path).read()
    folder, blocks = desk.home / "widget", tmp_path / "blocks"
    folder.mkdir()
    blocks.mkdir()
    os.mkfifo(folder / "ready")
    script = page.script(blocks, before='echo "new" > libwidget.so.new\n')
    checked = "".join(block.text for block in page.blocks if block.kind == "check")
    outputs = desk.perform(_STAGE + script, folder)
    assert_as_shown(page, outputs, desk.home)
    assert path in ONLY_LOOKING or "libwidget.so" in checked


@pytest.mark.parametrize("path", FROM_NOTHING)
def test_examples_from_nothing(desk: Desk, tmp_path: Path, path: str) -> None:
    page = Page(path).read()
    for command in "socat", "dpkg-deb", "rpmbuild", "apt-config":
        if any(command in block.text for block in page.blocks if block.runs):
            needs(command)
    blocks = tmp_path / "blocks"
    blocks.mkdir()
    outputs = desk.perform(page.script(blocks, before=""), desk.home)
    assert_as_shown(page, outputs, desk.home)


@pytest.mark.parametrize("path", [*STAGED, *FROM_NOTHING])
def test_what_is_not_run_says_why(path: str) -> None:
    for block in Page(path).read().blocks:
        known = block.kind in {"sh", "python", "text", "check"}
        assert known or "not run" in block.marks, f"{path}, line {block.line}"
        assert len(block.marks.get("not run", "a reason of some length")) > 10


def test_no_page_of_examples_is_forgotten() -> None:
    folders = (ROOT / "docs" / "tutorial", ROOT / "docs" / "how-to")
    found = {str(page.relative_to(ROOT)) for folder in folders for page in folder.glob("*.md")}
    assert found | {"README.md", "docs/reference/lines.md"} == {*STAGED, *FROM_NOTHING}
