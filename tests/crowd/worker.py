"""One of many installers at the same session memory; it does what it is told, line by line.

An order is a line of JSON, ``[verb, argument…]``; the answer is one as well: the result, or
``{"error": NAME}`` with the class of the error.
"""

from __future__ import annotations

import json
import os
import random
import sys
from typing import TYPE_CHECKING, Any

from restartmanager.api.wiring import make_engine
from restartmanager.errors import RestartManagerError
from restartmanager.model import ResourceSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from restartmanager.engine.engine import Engine


def use(_: Engine, folder: str) -> None:
    os.environ["RESTARTMANAGER_STATE_DIR"] = folder


def start(engine: Engine) -> str:
    return engine.start().key


def join(engine: Engine, key: str) -> None:
    engine.join(key)


def leave(engine: Engine, key: str) -> None:
    engine.leave(key)


def register(engine: Engine, key: str, *names: str) -> None:
    engine.register(key, ResourceSpec(services=names, allow_missing=True))


def registered(engine: Engine, key: str) -> tuple[str, ...]:
    return engine.resources(key).services


def affected(engine: Engine, key: str) -> list[str]:
    return [
        application.name for application in engine.affected(key, relaunch_all=False).applications
    ]


def members(engine: Engine, key: str) -> list[int]:
    return [member.pid for member in engine.store.session(key).members]


def sessions(engine: Engine) -> list[str]:
    return [record.key for record in engine.store.sessions()]


def end(engine: Engine, key: str) -> None:
    engine.end(key)


def recover(engine: Engine) -> list[str]:
    return [outcome.application.name for outcome in engine.recover()]


def hammer(engine: Engine, seed: str, count: int, *keys: str) -> str:
    """Do so many things in a random order, and say at once what was registered."""
    pick = random.Random(seed)  # noqa: S311 - any order will do
    for number in range(count):
        key = pick.choice(keys)
        deed = pick.choice(["register", "register", "list", "join", "leave", "sessions", "recover"])
        if deed == "register":
            name = f"{seed}-{number}"
            register(engine, key, name)
            say([key, name])
        elif deed == "list":
            registered(engine, key)
        elif deed == "join":
            join(engine, key)
        elif deed == "leave":
            leave(engine, key)
        elif deed == "sessions":
            assert len(sessions(engine)) == len(keys)
        else:
            recover(engine)
    return "done"


def say(answer: object) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


VERBS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        use, start, join, leave, register, registered, affected, members, sessions, end, recover,
        hammer,
    )
}  # fmt: skip


def main() -> None:
    engine = make_engine()
    for line in sys.stdin:
        verb, *arguments = json.loads(line)
        try:
            answer = VERBS[verb](engine, *arguments)
        except RestartManagerError as error:
            answer = {"error": type(error).__name__}
        if verb == "use":
            engine = make_engine()
        say(answer)


if __name__ == "__main__":
    main()
