"""An application that uses a file and writes down each of its starts.

comes_back.py FILE STARTS READY [register FLAGS | WORD...]

A start is a line of JSON in STARTS; after that, a line is written to the FIFO READY. With
``register`` it registers for coming back with the word ``restored``.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path


def main() -> None:
    held, starts, ready, *words = sys.argv[1:]
    with open(held, "rb"):
        if words[:1] == ["register"]:
            from restartmanager import app

            app.register_application_restart((held, starts, ready, "restored"), int(words[1]))
        start = {
            "pid": os.getpid(),
            "boot": Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip(),
            "words": words,
            "directory": os.getcwd(),
            "uids": os.getresuid(),
            "gids": os.getresgid(),
            "groups": os.getgroups(),
            "cgroup": Path("/proc/self/cgroup").read_text(encoding="utf-8"),
        }
        with open(starts, "a", encoding="utf-8") as file:
            print(json.dumps(start), file=file)
        with open(ready, "w", encoding="utf-8") as pipe:
            print(file=pipe)
        while True:
            signal.pause()


if __name__ == "__main__":
    main()
