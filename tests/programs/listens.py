"""Listens to a Restart Manager and prints what it is asked, one line each.

The first argument says how it answers a query (agree, refuse, hang, fail, die), the second what it
runs in (thread, loop, async: a loop with coroutine functions), the third the reason why it refuses.
Orders come on standard input.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

from restartmanager import app

if TYPE_CHECKING:
    from collections.abc import Callable

HOW, WHERE = sys.argv[1:3]
leaving, going_on = threading.Event(), threading.Event()


def say(text: str) -> None:
    os.write(1, f"{text}\n".encode())


def query(reason: app.EndReason) -> str | bool | None:
    say(f"query {reason}")
    if HOW == "refuse":
        return sys.argv[3] if len(sys.argv) > 3 else "a call is\nin progress \x1b[31m"
    if HOW == "hang":
        threading.Event().wait()
    if HOW == "slow":
        going_on.wait()
    if HOW == "fail":
        raise ValueError("the check is broken")
    if HOW == "die":
        os._exit(3)
    return HOW != "refuse-silently"


def end(reason: app.EndReason) -> None:
    say(f"end {reason}")
    if HOW == "exit":
        raise SystemExit
    if HOW != "stay":
        leaving.set()


def cancelled() -> None:
    say("cancelled")


async def query_later(reason: app.EndReason) -> str | bool | None:
    await asyncio.sleep(0)
    return query(reason)


async def end_later(reason: app.EndReason) -> None:
    await asyncio.sleep(0)
    end(reason)


def fork() -> None:
    """The child answers."""
    if os.fork() == 0:
        say("done")
        threading.Event().wait()


def fork_and_listen() -> None:
    if os.fork() == 0:
        app.listen(query, end, cancelled)
        say(f"child {os.getpid()}")
        threading.Event().wait()


def execute() -> None:
    os.set_inheritable(1, False)  # the end of the pipe tells that it has happened
    os.execv("/bin/sleep", ["sleep", "1000"])


ORDERS: dict[str, Callable[[], object]] = {
    "go": going_on.set,
    "stop": app.stop_listening,
    "closefrom": lambda: os.closerange(3, 1000),
    "listen": lambda: app.listen(query, end, cancelled),
    "only-query": lambda: app.listen(query),
    "child": lambda: subprocess.Popen(["/bin/sleep", "1000"], stdout=subprocess.DEVNULL),
}
FORKS = {"fork": fork, "fork-and-listen": fork_and_listen, "exec": execute}


def read_orders() -> None:
    for line in sys.stdin:
        order = line.strip()
        if order in FORKS:
            FORKS[order]()
        else:
            ORDERS[order]()
            say("done")
    leaving.set()


async def in_loop() -> None:
    if WHERE == "async":
        app.listen_in_loop(query_later, end_later, cancelled)
    else:
        app.listen_in_loop(query, end, cancelled)
    say("ready")
    threading.Thread(target=read_orders, daemon=True).start()
    await asyncio.to_thread(leaving.wait)


def main() -> None:
    if WHERE in {"loop", "async"}:
        asyncio.run(in_loop())
        return
    app.listen(query, end, cancelled)
    say("ready")
    threading.Thread(target=read_orders, daemon=True).start()
    leaving.wait()


main()
