"""Scripts: their interpreter has read and closed them, so nothing is held at all."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

from scenarios.changes import put_over
from scenarios.stage import NOBODY, Chapter, NotHereError, used_by

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from scenarios.stage import Stage, Truth

CHAPTER = Chapter("Scripts")

IN_PYTHON = ("import sys", "print('.', flush=True)", "sys.stdin.read()")
IN_SH = ("echo .", "read nothing")
IN_PERL = ("$| = 1;", 'print ".";', "<STDIN>;")
IN_NODE = ('process.stdout.write(".");', "process.stdin.resume();")


def interpreter(name: str) -> str:
    """The system's own one: some tools know no others."""
    system = f"/usr/bin/{name}"
    if os.path.exists(system):
        return system
    found = sys.executable if name == "python3" else shutil.which(name)
    if found is None:
        raise NotHereError(f"{name} is not installed")
    return found


def script_situation(name: str, file: str, lines: tuple[str, ...]) -> None:
    def build(stage: Stage) -> Truth:
        script = stage.text(file, *lines)
        stage.register(script)
        return used_by(stage.says_ready(interpreter(name), str(script)))

    CHAPTER.situation(f"a {name} script", f"Started as `{name} {file}`.")(build)


for program, ending, source in (
    ("python3", "py", IN_PYTHON),
    ("perl", "pl", IN_PERL),
    ("sh", "sh", IN_SH),
    ("node", "js", IN_NODE),
):
    script_situation(program, f"script.{ending}", source)


@CHAPTER.situation("a script by its first line", "Run as a program: `#!` names the interpreter.")
def first_line(stage: Stage) -> Truth:
    script = stage.text("script", f"#!{interpreter('python3')}", *IN_PYTHON)
    stage.register(script)
    return used_by(stage.says_ready(str(script)))


@CHAPTER.situation("a script by a relative path", "Only the working directory makes it a file.")
def relative_path(stage: Stage) -> Truth:
    script = stage.text("folder/script.py", *IN_PYTHON)
    stage.register(script)
    command = (interpreter("python3"), "../folder/script.py")
    return used_by(stage.says_ready(*command, cwd=script.parent))


@CHAPTER.situation("`python -m module`", "The arguments name no file at all.")
def module(stage: Stage) -> Truth:
    script = stage.text("package/module.py", *IN_PYTHON)
    stage.register(script)
    return used_by(
        stage.says_ready(interpreter("python3"), "-m", "package.module", cwd=stage.folder)
    )


def replaced(name: str, file: str, lines: tuple[str, ...]) -> Callable[[Stage], Truth]:
    def build(stage: Stage) -> Truth:
        script = stage.text(file, *lines)
        stage.register(script)
        child = stage.says_ready(interpreter(name), str(script))
        stage.time_passes()
        put_over(script, f"{file}.new")
        return used_by(stale=[child])

    return build


CHAPTER.situation(
    "a python3 script renamed over", "The process goes on with what it has read.", upgrade=True
)(replaced("python3", "script.py", IN_PYTHON))
CHAPTER.situation("a perl script renamed over", "The same in Perl.", upgrade=True)(
    replaced("perl", "script.pl", IN_PERL)
)


def bystander(stage: Stage) -> tuple[Path, Path]:
    return stage.text("script.py", *IN_PYTHON), stage.text("other.py", *IN_PYTHON)


@CHAPTER.situation(
    "a script that is only data", "Another script has it as its argument: not a use."
)
def only_data(stage: Stage) -> Truth:
    script, other = bystander(stage)
    stage.register(script)
    stage.says_ready(interpreter("python3"), str(other), str(script))
    return NOBODY


@CHAPTER.situation("a script of the same name elsewhere", "Named relatively: not a use.")
def same_name(stage: Stage) -> Truth:
    script = stage.text("a/script.py", *IN_PYTHON)
    stage.text("b/script.py", *IN_PYTHON)
    stage.register(script)
    stage.says_ready(interpreter("python3"), "script.py", cwd=stage.folder / "b")
    return NOBODY
