# ruff: noqa: T201 - it talks to the test that runs it
"""Says "ready" and waits for a signal; with --stubborn it ignores the polite ones; with --after-eof
it exits when its standard input ends."""

from __future__ import annotations

import signal
import sys


def main() -> None:
    if "--stubborn" in sys.argv:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    print("ready", flush=True)
    if "--after-eof" in sys.argv:
        sys.stdin.read()
        return
    while True:
        signal.pause()


main()
