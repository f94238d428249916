# ruff: noqa: T201 - it talks to the test that runs it
"""Registers its arguments for restart, and obeys orders on standard input, one answer for each.

Every answer is a line of JSON: the number of the process that answers, and what it has registered.
"""

from __future__ import annotations

import json
import os
import signal
import sys

from restartmanager import app


def answer() -> None:
    found = app.application_restart_settings()
    settings = None if found is None else [list(found.command), int(found.flags)]
    print(json.dumps({"pid": os.getpid(), "settings": settings}), flush=True)


def fork(then: str) -> None:
    """The child answers, not the parent."""
    if os.fork():
        return
    if then == "register":
        app.register_application_restart(["from-child"])
    answer()
    while True:
        signal.pause()


def main() -> None:
    app.register_application_restart(sys.argv[1:])
    answer()
    for line in sys.stdin:
        order, *words = line.split()
        if order == "fork":
            fork("nothing")
        elif order == "fork-and-register":
            fork("register")
        elif order == "exec":
            os.set_inheritable(1, False)  # the end of the pipe tells that it has happened
            os.execv("/bin/sleep", ["sleep", "1000"])
        elif order == "chdir":
            os.chdir(words[0])
            app.register_application_restart(["after-chdir"])
            answer()
        elif order == "unregister":
            app.unregister_application_restart()
            answer()


if __name__ == "__main__":
    main()
