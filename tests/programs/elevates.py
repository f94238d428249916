"""An installer of a user that runs a secondary as root: ``elevates.py UID ELEVATE FILE COMMAND…``.

It becomes the user, starts a session, and runs the command through ELEVATE, which makes root of its
caller, as sudo(8) does; KEY in the command is the key. It prints how the command ended, what it
said, and which processes use what is registered then, as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile

import restartmanager as rm
from restartmanager.adapters import rights

ELEVATED = ("--reuid=0", "--regid=0", "--clear-groups")


def main() -> None:
    uid, elevate, path, *command = sys.argv[1:]
    use_all_that_will_be_imported(path)
    rights.become(int(uid), int(uid))
    with rm.start_session() as session:
        words = [session.key if word == "KEY" else word for word in command]
        done = subprocess.run(
            [elevate, *ELEVATED, *words], capture_output=True, text=True, check=False
        )
        users = session.affected().applications
        pids = [process.pid for application in users for process in application.processes]
    print(json.dumps([done.returncode, done.stdout + done.stderr, pids]))  # noqa: T201


def use_all_that_will_be_imported(path: str) -> None:
    """The user may be unable to read where Python lies."""
    chosen = os.environ["RESTARTMANAGER_STATE_DIR"]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["RESTARTMANAGER_STATE_DIR"] = f"{folder}/state"
        with rm.start_session() as session:
            session.register(files=[path])
            session.affected()
    os.environ["RESTARTMANAGER_STATE_DIR"] = chosen


if __name__ == "__main__":
    main()
