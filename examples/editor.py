"""A small application that the examples close and bring back.

It maps a library into memory, as programs do, registers for being brought back, and has unsaved
work, which it saves when it is asked to exit.

    python editor.py --library LIBRARY --state FILE --ready FILE_OR_FIFO

As soon as it can be asked to exit it writes its process number to the file or FIFO of --ready.
"""

from __future__ import annotations

import argparse
import mmap
import os
import signal

from restartmanager import app


def main() -> None:
    options = parse()
    # Blocked until it is waited for, so that a request that comes early is not lost.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    app.register_application_restart(
        ["--library", options.library, "--state", options.state, "--ready", options.ready]
    )
    with (
        open(options.library, "rb") as library,
        mmap.mmap(library.fileno(), 0, access=mmap.ACCESS_READ),
    ):
        with open(options.ready, "w", encoding="utf-8") as ready:
            ready.write(f"{os.getpid()}\n")
        signal.sigwait({signal.SIGTERM})
    with open(options.state, "a", encoding="utf-8") as state:
        state.write(f"the work of process {os.getpid()}\n")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="An application for the examples.")
    parser.add_argument("--library", required=True, help="what it maps into memory")
    parser.add_argument("--state", required=True, help="where it saves its work on exit")
    parser.add_argument("--ready", required=True, help="where it writes its process number")
    return parser.parse_args()


if __name__ == "__main__":
    main()
