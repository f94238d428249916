"""Real runs of restartctl, with a session memory of their own, against real processes."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

import restartmanager
from restartmanager.adapters.processes.pidfds import PidfdHandle, wait_for_exit
from restartmanager.errors import ProcessError
from restartmanager.model import Signal
from restartmanager.model.identity import UniqueProcess

SCHEMAS = Path(restartmanager.__file__).parent / "cli" / "output" / "schemas"
PROGRAM = Path(__file__).parent / "holder_program.py"
RESTARTCTL = [sys.executable, "-P", "-m", "restartmanager.cli"]
PATIENCE_S = 40


@dataclass
class Holder:
    """A child process that has a file open and mapped."""

    child: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        return self.child.pid

    def await_word(self, word: str) -> None:
        assert self.child.stdout is not None
        assert self.child.stdout.readline() == f"{word}\n".encode()

    @property
    def lives(self) -> bool:
        return self.child.poll() is None


@dataclass
class Machine:
    """A folder, a session memory, and what was started."""

    folder: Path
    environment: dict[str, str]
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def file(self) -> str:
        return str(self.folder / "data.bin")

    @property
    def state(self) -> Path:
        return Path(self.environment["RESTARTMANAGER_STATE_DIR"])

    def hold(self, *wishes: str, name: str = "editor", path: str | None = None) -> Holder:
        program = self.folder / "bin" / name
        if not program.exists():
            shutil.copyfile(PROGRAM, program)
        child = subprocess.Popen(
            [sys.executable, str(program), path or self.file, *wishes],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self.started.append(child)
        holder = Holder(child)
        holder.await_word("ready")
        return holder

    def begin(self, *arguments: str) -> subprocess.Popen[bytes]:
        return self.begin_through([], *arguments)

    def begin_through(self, before: list[str], *arguments: str) -> subprocess.Popen[bytes]:
        """Run it behind another command."""
        child = subprocess.Popen(
            [*before, *RESTARTCTL, *arguments],
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.started.append(child)
        return child

    def run(
        self, *arguments: str, given: str = "", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*RESTARTCTL, *arguments],
            env={**self.environment, **environment},
            cwd=self.folder,
            input=given,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def run_with(
        self, patch: str, *arguments: str, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run it with something of ours in it that this Python code changes."""
        program = f"{patch}\nfrom restartmanager.cli.app import main\nmain()"
        return subprocess.run(
            [sys.executable, "-P", "-c", program, *arguments],
            env={**self.environment, **environment},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def package(self) -> str:
        """A patch for ``run_with``: the package "widget" is installed and owns the file."""
        return (
            "from restartmanager.adapters.packages import SystemPackages\n"
            f"SystemPackages.files_of = lambda self, name: {{'widget': ({self.file!r},)}}[name]"
        )

    def replace_program(self, name: str = "editor") -> str:
        """As an update does it: another file at the path of the program, which is a script."""
        program = self.folder / "bin" / name
        new = program.with_name("new")
        shutil.copyfile(PROGRAM, new)
        new.replace(program)
        return str(program)

    def ok(self, *arguments: str, **environment: str) -> str:
        done = self.run(*arguments, **environment)
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout

    def json(self, *arguments: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.run(*arguments, "--json").stdout)
        return document

    def holders(self) -> list[int]:
        """Who of ours really has the file, asked without the program under test."""
        return sorted(identity.pid for identity in self._ours() if _has(identity.pid, self.file))

    def _ours(self) -> list[UniqueProcess]:
        """What was started here, also by way of a restart: only that is ever ended."""
        mark = os.fsencode(f"RESTARTMANAGER_STATE_DIR={self.state}")
        ours = []
        for name in filter(str.isdecimal, os.listdir("/proc")):
            with contextlib.suppress(OSError, ProcessError):
                identity = UniqueProcess.of(int(name))
                if mark in Path(f"/proc/{name}/environ").read_bytes().split(b"\0"):
                    ours.append(identity)
        return [identity for identity in ours if identity.pid != os.getpid()]

    def clear(self) -> None:
        for identity in self._ours():
            _kill(identity)
        for child in self.started:
            child.kill()
            with contextlib.suppress(BrokenPipeError):
                child.communicate(timeout=PATIENCE_S)


def _has(pid: int, path: str) -> bool:
    """Whether the process has this file mapped or open."""
    with contextlib.suppress(OSError):
        if os.fsencode(path) in Path(f"/proc/{pid}/maps").read_bytes():
            return True
        return any(
            os.readlink(f"/proc/{pid}/fd/{number}") == path
            for number in os.listdir(f"/proc/{pid}/fd")
        )
    return False


def _kill(identity: UniqueProcess) -> None:
    with contextlib.suppress(ProcessError), PidfdHandle(identity) as handle:
        handle.send(Signal.KILL)
        wait_for_exit([handle], time.monotonic() + PATIENCE_S)


def schema(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((SCHEMAS / f"{name}-1.json").read_text())
    return document


def assert_valid(name: str, document: dict[str, Any]) -> None:
    """The document says what its published schema says."""
    shared = Resource.from_contents(schema("affected"))
    registry: Registry[Any] = Registry().with_resource(schema("affected")["$id"], shared)
    Draft202012Validator(schema(name), registry=registry).validate(document)
