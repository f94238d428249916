"""Whether a process runs the program of a desktop entry, from the two commands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restartmanager.rules.entries import Command, is_program_of, without_env

PYTHON = "/usr/bin/python3.11"
APP = "/usr/share/app/app.py"


def command(program: str, *words: str, scripts: tuple[str, ...] = ()) -> Command:
    return Command(program, scripts, words or (program,))


@pytest.mark.parametrize(
    ("entry", "running"),
    [
        (command("/usr/bin/app"), command("/usr/bin/app")),
        (command("/usr/bin/app", "app", "--new"), command("/usr/bin/app", "/usr/bin/app", "a.txt")),
        (command("/usr/bin/app"), command("/usr/bin/app", "app: main window")),
        (command("/usr/bin/vim.basic", "vi"), command("/usr/bin/vim.basic", "vi")),
        (command("/usr/bin/vim.basic", "vi"), command("/usr/bin/vim.basic", "vim.basic")),
        (
            command(PYTHON, "python3", APP, scripts=(APP,)),
            command(PYTHON, "/usr/bin/python3", "-s", APP, "--more", scripts=(APP,)),
        ),
        (command(APP, "app", scripts=(APP,)), command(PYTHON, "python3", APP, scripts=(APP,))),
        (
            command("/usr/bin/java", "java", "-jar", "/opt/a.jar"),
            command("/usr/bin/java", "java", "-Xmx1g", "-jar", "/opt/a.jar", "file"),
        ),
    ],
    ids=["same", "arguments", "title", "link", "real", "script", "shebang", "jar"],
)
def test_the_program_of_the_entry(entry: Command, running: Command) -> None:
    assert is_program_of(entry, running)


@pytest.mark.parametrize(
    ("entry", "running"),
    [
        (command("/usr/bin/app"), command("/usr/bin/other")),
        (command("/usr/bin/app"), command("/opt/app/app")),
        (command("/usr/bin/app"), command("")),
        (command("/usr/bin/busybox", "vi"), command("/usr/bin/busybox", "sh")),
        (command("/usr/bin/busybox", "vi"), Command("/usr/bin/busybox", (), ())),
        (
            command(APP, "app", scripts=(APP,)),
            command(PYTHON, "python3", "/home/a/app.py", scripts=("/home/a/app.py",)),
        ),
        (command(APP, "app", scripts=(APP,)), command("/usr/lib/app/app", "app")),
        (command(PYTHON, "python3"), command(PYTHON, "python3", APP, scripts=(APP,))),
        (command(PYTHON, "python3", APP, scripts=(APP,)), command(PYTHON, "python3", "-c", "0")),
        (
            command(PYTHON, "python3", "app.py", scripts=("",)),
            command(PYTHON, "python3", "app.py", scripts=("",)),
        ),
        (
            command("/usr/bin/java", "java", "-jar", "/opt/a.jar"),
            command("/usr/bin/java", "java", "-jar", "/opt/b.jar"),
        ),
        (
            command("/usr/bin/web", "web", "--app=https://a.example"),
            command("/usr/bin/web", "web", "--app=https://b.example"),
        ),
    ],
    ids=[
        *("another", "same name", "none", "applet", "nameless", "another script", "wrapper"),
        *("a script of it", "no script", "unknown script", "another jar", "another address"),
    ],
)
def test_in_doubt_it_is_another(entry: Command, running: Command) -> None:
    assert not is_program_of(entry, running)


@pytest.mark.parametrize(
    ("words", "rest"),
    [
        (["app"], ("app",)),
        (["env", "app"], ("app",)),
        (["/usr/bin/env", "A=1", "_B2=x y", "app", "C=3"], ("app", "C=3")),
        (["env", "A=1", "env", "B=2", "app"], ("app",)),
        (["env", "-u", "A", "app"], ("-u", "A", "app")),
        (["env"], ()),
        ([], ()),
    ],
)
def test_variables_in_front_of_a_command(words: list[str], rest: tuple[str, ...]) -> None:
    assert without_env(words) == rest


@given(st.lists(st.text(), max_size=5), st.lists(st.text(), max_size=5), st.text(), st.text())
def test_any_arguments_are_judged(
    first: list[str], second: list[str], one: str, other: str
) -> None:
    entry, running = Command(one, (), ("x", *first)), Command(other, (), tuple(second))
    if is_program_of(entry, running):
        assert one == other
    assert without_env(first) == without_env(without_env(first))
