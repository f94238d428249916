"""Answers of who and stale as trees, in groups, as lines for programs, and again and again."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import replace
from typing import IO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.machinery import PATIENCE_S, Machine
from cli.samples import AFFECTED, EDITOR, HOSTILE, LIBRARY, NGINX
from cli.terminal import Terminal
from restartmanager.cli.output.console import Look
from restartmanager.cli.output.lines import FIELDS, field_from_record, field_to_record, records
from restartmanager.cli.output.render import use_words
from restartmanager.cli.output.text import width_of
from restartmanager.cli.output.tree import Wording, group_lines, tree_lines
from restartmanager.model import Affected

PLAIN, SYMBOLS = Look(), Look(symbols=True)
WORDING = Wording(use_words, "old version")

# -- trees and groups --------------------------------------------------------------------------


def test_a_tree() -> None:
    assert tree_lines([NGINX, EDITOR], None, WORDING, SYMBOLS) == [
        "nginx  pids 812, 813, user uid 987654321, service nginx.service",
        "├─ 812 nginx",
        f"│  ├─ has {LIBRARY} mapped (old version)",
        "│  └─ runs /usr/sbin/nginx",
        "└─ 813 nginx",
        f"   └─ has {LIBRARY} mapped (old version)",
        "editor  pid 900, user uid 987654321, on a terminal",
        f"└─ has {LIBRARY} open and mapped",
    ]


def test_a_tree_in_ascii() -> None:
    assert tree_lines([EDITOR], "file", WORDING, PLAIN) == [
        LIBRARY,
        "`- editor  pid 900, user uid 987654321, on a terminal",
        f"   `- has {LIBRARY} open and mapped",
    ]


def test_by_file_each_has_those_who_use_it_and_nothing_else() -> None:
    assert group_lines([NGINX, EDITOR], "file", WORDING, PLAIN) == [
        LIBRARY,
        "  nginx  pids 812, 813, user uid 987654321, service nginx.service",
        f"    has {LIBRARY} mapped (old version)",
        "  editor  pid 900, user uid 987654321, on a terminal",
        f"    has {LIBRARY} open and mapped",
        "",
        "/usr/sbin/nginx",
        "  nginx  pid 812, user uid 987654321, service nginx.service",
        "    runs /usr/sbin/nginx",
    ]


def test_by_service_and_by_user() -> None:
    services = group_lines([NGINX, EDITOR], "service", WORDING, PLAIN)
    assert [line for line in services if line and not line.startswith(" ")] == [
        "nginx.service",
        "no service",
    ]
    users = group_lines([NGINX, EDITOR], "user", WORDING, PLAIN)
    assert [line for line in users if line and not line.startswith(" ")] == ["uid 987654321"]


@pytest.mark.parametrize("by", [None, "service", "user", "file"])
def test_a_narrow_terminal_and_hostile_names(by: str | None) -> None:
    look = Look(width=40, symbols=True)
    lines = tree_lines([HOSTILE, NGINX], by, WORDING, look)
    lines += group_lines([HOSTILE], by, WORDING, look) if by else []
    assert all(line.isprintable() for line in lines)
    for line in lines:
        assert width_of(line) <= 40 or "/" in line or "\\e" in line  # which are never cut


def test_wide_characters_take_two_columns() -> None:
    wide = replace(EDITOR, name="編集者" * 8)
    look = Look(width=40, symbols=True)
    for line in tree_lines([wide], "user", WORDING, look):
        assert width_of(line) <= 40 or "編" in line or "/" in line  # names and paths are never cut
    (head, *_) = group_lines([wide], "file", WORDING, look)[1:]
    assert head.startswith("  編集者")


# -- lines for programs ------------------------------------------------------------------------


def test_a_line_for_each_use() -> None:
    lines = records(AFFECTED)
    assert lines[0].split("\t") == [
        *("812", "987654321", "service", "nginx.service", "restart", "stale", "mapped"),
        *(LIBRARY, "nginx"),
    ]
    assert lines[2].split("\t")[6] == "executable,mapped"
    assert lines[-1].split("\t") == ["-"] * 5 + ["unseen", "-", "/srv/disk.img", "-"]
    assert {line.count("\t") for line in lines} == {len(FIELDS) - 1}


def test_hostile_names_stay_in_their_field() -> None:
    (line,) = records(Affected((HOSTILE,)))
    assert line.isascii()
    assert line.replace("\t", "").isprintable()
    fields = line.split("\t")
    assert field_from_record(fields[8]) == HOSTILE.name
    assert field_from_record(fields[7]) == HOSTILE.evidence[0].path


@given(st.binary())
def test_whatever_a_field_holds_can_be_read_back(data: bytes) -> None:
    field = field_to_record(os.fsdecode(data))
    assert field.isascii()
    assert field.isprintable()
    assert os.fsencode(field_from_record(field)) == data


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_shells_read_fields_back(shell: str) -> None:
    data = b"a\\b\tc\n\x1b\x01\xff\xc3\xa4 d%s\\0123"
    field = field_to_record(os.fsdecode(data))
    done = subprocess.run(
        [shell, "-c", 'printf %b "$1"', shell, field], capture_output=True, check=True
    )
    assert done.stdout == data


def test_lines_about_real_processes_in_a_locale_without_utf8(machine: Machine) -> None:
    path = machine.folder / "dätei\n"
    path.write_bytes(b"x")
    holder = machine.hold(path=str(path))
    done = machine.run("who", "--lines", str(path), LC_ALL="POSIX", PYTHONUTF8="0")
    assert (done.returncode, done.stderr) == (0, "")
    fields = done.stdout.removesuffix("\n").split("\t")
    assert fields[0] == str(holder.pid)
    assert field_from_record(fields[7]) == str(path)


# -- the verbs ---------------------------------------------------------------------------------


def test_who_as_a_tree_by_file(machine: Machine) -> None:
    holder = machine.hold()
    done = machine.run("who", "--tree", "--by", "file", machine.file, PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    first, second, third = done.stdout.splitlines()
    assert first == machine.file
    assert second.startswith(f"`- editor  pid {holder.pid}, user ")
    assert third == f"   `- has {machine.file} open and mapped"


def test_nobody(machine: Machine) -> None:
    done = machine.run("who", "--tree", machine.file)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Nobody uses it.\n")
    assert machine.run("who", "--lines", machine.file).stdout == ""


def test_stale_by_file(machine: Machine) -> None:
    holder = machine.hold()
    program = machine.replace_program()
    done = machine.run("stale", "--by", "file")
    assert done.returncode == 1
    block = done.stdout.partition(f"{program}\n")[2]
    assert block.startswith(f"  editor  pid {holder.pid}, user ")
    lines = machine.run("stale", "--lines").stdout.splitlines()
    (line,) = (line for line in lines if line.startswith(f"{holder.pid}\t"))
    assert line.split("\t")[4:8] == ["restart", "stale", "script", program]


@pytest.mark.parametrize(
    "wishes",
    [
        *(("who", "--json", wish, "/") for wish in ("--lines", "--tree", "--watch")),
        ("who", "--json", "--by", "user", "/"),
        ("who", "--lines", "--tree", "/"),
        ("who", "--by", "colour", "/"),
        ("who", "--watch", "--interval", "0s", "/"),
        ("stale", "--restart", "--tree"),
        ("stale", "--ignored", "--lines"),
    ],
)
def test_wishes_that_do_not_go_together(machine: Machine, wishes: tuple[str, ...]) -> None:
    assert machine.run(*wishes).returncode == 2


# -- again and again ---------------------------------------------------------------------------


def _line_of(stream: IO[bytes] | None) -> str:
    assert stream is not None
    return stream.readline().decode()


def test_what_comes_and_goes_is_a_line(machine: Machine) -> None:
    holder = machine.hold()
    watching = machine.begin("who", "--watch", "--interval", "1s", machine.file)
    assert _line_of(watching.stdout).startswith(f"+\t{holder.pid}\t")
    other = machine.hold(name="player")
    assert _line_of(watching.stdout).startswith(f"+\t{other.pid}\t")
    holder.child.kill()
    assert _line_of(watching.stdout).startswith(f"-\t{holder.pid}\t")
    watching.send_signal(signal.SIGINT)
    assert watching.wait(PATIENCE_S) == 0  # somebody uses it still


def test_a_reader_that_leaves_ends_the_watching(machine: Machine) -> None:
    holder = machine.hold()
    watching = machine.begin("who", "--watch", "--interval", "1s", machine.file)
    assert _line_of(watching.stdout).startswith(f"+\t{holder.pid}\t")
    assert watching.stdout is not None
    watching.stdout.close()
    holder.child.kill()
    assert watching.wait(PATIENCE_S) == 141


def test_a_terminal_that_cannot_move_its_cursor_shows_lines(machine: Machine) -> None:
    holder = machine.hold()
    terminal = Terminal(machine, "who", "--watch", machine.file, TERM="dumb")
    terminal.await_text(f"+\t{holder.pid}\t")
    terminal.child.send_signal(signal.SIGINT)
    assert terminal.end() == 0
    assert "\x1b" not in terminal.text


def test_a_terminal_shows_the_newest_answer(machine: Machine) -> None:
    holder = machine.hold()
    terminal = Terminal(machine, "who", "--watch", "--interval", "1s", machine.file, NO_COLOR="1")
    terminal.await_text(f"\x1b[H\x1b[2Jeditor  pid {holder.pid}, user ")
    holder.child.kill()
    terminal.await_text("\x1b[H\x1b[2JNobody uses it.")
    terminal.child.send_signal(signal.SIGINT)
    assert terminal.end() == 1
