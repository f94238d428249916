# ruff: noqa: T201 - it talks to the test that runs it
"""An installer that is killed on the way: ``installer.py VERB HOW POINT [LIBRARY]``.

VERB is "update", a whole transaction with a secondary that replaces the library, or "recover". At
point number POINT it is killed; 0 is never, and then it prints the points that it has passed. HOW
is "die"; or "stop", which says "here" instead of dying, and waits for that; or "beside", which says
"closed" before it replaces anything, and waits for a line.
"""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

from crashes.points import Points, numbered_engine
from restartmanager.api.primary import PrimarySession
from restartmanager.api.secondary import JoinedSession

if TYPE_CHECKING:
    from restartmanager.engine.engine import Engine


def update(engine: Engine, library: str, how: str) -> None:
    with PrimarySession(engine, engine.start().key) as session:
        with JoinedSession(engine, engine.join(session.key).key) as secondary:
            secondary.register(files=[library])
        with session.shutdown(force=True):
            if how == "beside":
                print("closed", flush=True)
                sys.stdin.readline()
                return  # it leaves the library as it is, for what runs now must be found again
            replacement = shutil.copyfile(library, f"{library}.new")
            os.replace(replacement, library)


def main() -> None:
    verb, how, point, *arguments = sys.argv[1:]
    points = Points(int(point) or None, stops=how == "stop")
    engine = numbered_engine(points)
    if verb == "update":
        update(engine, arguments[0], how)
    else:
        engine.recover()
    print("\n".join(points.passed))


if __name__ == "__main__":
    main()
