"""restartctl with somebody at the terminal, who reads and presses keys."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time

from cli.machinery import PATIENCE_S, RESTARTCTL, Machine


class Terminal:
    """restartctl on a terminal of its own."""

    def __init__(self, machine: Machine, *arguments: str, **environment: str) -> None:
        self._controller, terminal = pty.openpty()
        self.child = subprocess.Popen(
            [*RESTARTCTL, *arguments],
            env={
                **machine.environment,
                "TERM": "xterm-256color",
                "LC_ALL": "C.UTF-8",
                "COLUMNS": "100",
                "LINES": "30",
                **environment,
            },
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
        )
        machine.started.append(self.child)
        os.close(terminal)
        self.text = ""

    def await_text(self, text: str) -> None:
        """Read until this was written after what was awaited before."""
        deadline = time.monotonic() + PATIENCE_S
        while text not in self.text:
            assert self._read(deadline), self.text[-2000:]
        self.text = self.text.partition(text)[2]

    def press(self, keys: str) -> None:
        os.write(self._controller, keys.encode())

    def end(self) -> int:
        deadline = time.monotonic() + PATIENCE_S
        while self._read(deadline):
            pass
        os.close(self._controller)
        return self.child.wait(PATIENCE_S)

    def _read(self, deadline: float) -> bool:
        """More of its output; whether there is more to come."""
        ready, _, _ = select.select([self._controller], [], [], deadline - time.monotonic())
        assert ready, f"nothing more came after {self.text[-2000:]}"
        try:
            self.text += os.read(self._controller, 65536).decode(errors="replace")
        except OSError:  # EIO: nobody has the terminal open any more
            return False
        return True
