"""Installers as real processes, which get their orders one by one or all at once."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any, Self

WORKER = str(Path(__file__).with_name("worker.py"))
PATIENCE_S = 40.0
"""No answer may take longer, however many others are at it."""

Order = tuple[Any, ...]


class Worker:
    """One installer."""

    def __init__(self, folder: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "RESTARTMANAGER_STATE_DIR": folder},
        )
        self._unread = b""

    @property
    def pid(self) -> int:
        return self.process.pid

    def tell(self, order: Order) -> None:
        stream = self._stream(self.process.stdin)
        stream.write(json.dumps(order).encode() + b"\n")
        stream.flush()

    def answer(self) -> Any:
        """The next answer; None as well where the worker has ended."""
        stream, deadline = self._stream(self.process.stdout), time.monotonic() + PATIENCE_S
        while b"\n" not in self._unread:
            left = max(0.0, deadline - time.monotonic())
            assert select.select([stream], [], [], left)[0], "no answer in time"
            part = os.read(stream.fileno(), 65536)
            if not part:
                return None
            self._unread += part
        line, _, self._unread = self._unread.partition(b"\n")
        return json.loads(line)

    def kill(self) -> None:
        """Kill it, at whatever it is just doing."""
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            self._stream(stream).close()

    @staticmethod
    def _stream(stream: IO[bytes] | None) -> IO[bytes]:
        assert stream is not None
        return stream


class Crowd:
    """Several of them, at the same session memory."""

    def __init__(self, size: int, folder: str) -> None:
        self.folder = folder
        self.workers = [Worker(folder) for _ in range(size)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            worker.kill()

    def move(self, folder: str) -> None:
        """All of them use another memory from now on."""
        self.folder = folder
        self.ask_together([("use", folder)] * len(self.workers))

    def ask(self, number: int, *order: Any) -> Any:
        """The answer of one."""
        self.workers[number].tell(order)
        return self.workers[number].answer()

    def ask_together(self, orders: list[Order]) -> list[Any]:
        """All get an order at the same moment; their answers."""
        for worker, order in zip(self.workers, orders, strict=True):
            worker.tell(order)
        return [worker.answer() for worker in self.workers]

    def replace(self, number: int) -> None:
        """One is killed, and another one takes its place."""
        self.workers[number].kill()
        self.workers[number] = Worker(self.folder)
