"""The other tools: each is asked in the way of its manual that finds most, and believed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

from scenarios.answers import Answer, Question

if TYPE_CHECKING:
    from scenarios.answers import Asked, Peer

__all__ = ["PEERS"]


def run(*command: str) -> tuple[str, str]:
    """What a command writes, on both of its ways; its exit status says different things in each
    tool, and here nothing."""
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False
    )
    return done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


def first_number(text: str) -> str:
    found = re.search(r"\d+(?:\.\d+)+", text)
    return found[0] if found else "of unknown version"


def numbers(words: list[str]) -> frozenset[int]:
    return frozenset(int(word) for word in words if word.isdigit())


def everything(asked: Asked) -> list[str]:
    """The files, and for trees all that is in them now, for tools that know no trees."""
    paths = list(asked.files)
    for tree in asked.trees:
        for folder, _, files in os.walk(tree):
            paths += [folder, *(os.path.join(folder, name) for name in files)]
    return paths


class Fuser:
    """``fuser -v FILE…``: numbers on standard output, and "kernel" where it is the kernel."""

    name = "fuser"
    question = Question.USERS

    def version(self) -> str | None:
        return first_number("".join(run("fuser", "-V"))) if shutil.which("fuser") else None

    def ask(self, asked: Asked) -> Answer:
        words = run("fuser", "-v", *everything(asked))[0].split()
        return Answer(numbers(words), unseen="kernel" in words)


class Lsof:
    """``lsof -t FILE…``, and ``lsof -t +D TREE``."""

    name = "lsof"
    question = Question.USERS

    def version(self) -> str | None:
        text = "".join(run("lsof", "-v"))
        return first_number(text) if shutil.which("lsof") else None

    def ask(self, asked: Asked) -> Answer:
        words = run("lsof", "-w", "-t", "--", *asked.files)[0].split() if asked.files else []
        for tree in asked.trees:
            words += run("lsof", "-w", "-t", "+D", tree)[0].split()
        return Answer(numbers(words))


class Lsfd:
    """``lsfd`` with a filter: by the path's inode and device, or by its name."""

    name = "lsfd"
    question = Question.USERS

    def version(self) -> str | None:
        return first_number(run("lsfd", "--version")[0]) if shutil.which("lsfd") else None

    def ask(self, asked: Asked) -> Answer:
        filters = [_quoted(path) for path in everything(asked)]
        words = run("lsfd", "-n", "-r", "-o", "PID", "-Q", " or ".join(filters))[0].split()
        return Answer(numbers(words))


def _quoted(path: str) -> str:
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    by_name = f'(NAME == "{escaped}")'
    try:
        facts = os.stat(path)
    except OSError:
        return by_name
    device = f"{os.major(facts.st_dev)}:{os.minor(facts.st_dev)}"
    return f'{by_name} or ((INODE == {facts.st_ino}) and (DEV == "{device}"))'


class Needrestart:
    """``needrestart -b -l -v``: the verbose lines have the processes."""

    name = "needrestart"
    question = Question.REPLACED
    _LINE = re.compile(r"#(\d+) uses (?:obsolete|deleted|non-existing)")

    def version(self) -> str | None:
        if not shutil.which("needrestart"):
            return None
        return first_number(run("needrestart", "-b", "-k")[0])

    def ask(self, asked: Asked) -> Answer:
        told = run("needrestart", "-b", "-l", "-r", "l", "-v")[1]
        return Answer(numbers(self._LINE.findall(told)) & asked.processes)


class Checkrestart:
    """``checkrestart -m -v``: one line for each file of a process."""

    name = "checkrestart"
    question = Question.REPLACED
    _LINE = re.compile(r"^file\t(\d+)\t", re.MULTILINE)

    def version(self) -> str | None:
        if not shutil.which("checkrestart"):
            return None
        package = "".join(run("dpkg-query", "-W", "-f", "${Version}", "debian-goodies"))
        return first_number(package)

    def ask(self, asked: Asked) -> Answer:
        told = run("checkrestart", "-m", "-v")[0]
        return Answer(numbers(self._LINE.findall(told)) & asked.processes)


PEERS: tuple[Peer, ...] = (Fuser(), Lsof(), Lsfd(), Needrestart(), Checkrestart())
