"""An application for the tests: NAME FILE [register] [deaf] [crash-on-return] [code].

It has FILE open and mapped, and with "code" runs code that it generated itself. It says "ready"
on standard output once it is, and "asked" when it is asked to exit, which it obeys unless it is
deaf.
"""

import mmap
import os
import signal
import sys


def main() -> None:
    path, *wishes = sys.argv[1:]
    signal.alarm(120)  # whatever becomes of the test
    if "--restored" in wishes and "crash-on-return" in wishes:
        sys.exit(1)

    def asked(number: int, frame: object) -> None:
        os.write(1, b"asked\n")
        if "deaf" not in wishes:
            sys.exit(0)

    signal.signal(signal.SIGTERM, asked)
    with open(path, "rb") as file:
        mapping = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        if "register" in wishes:
            from restartmanager import app

            app.register_application_restart([path, *wishes, "--restored"])
        code = generated_code() if "code" in wishes else None
        os.write(1, b"ready\n")
        while not mapping.closed:
            signal.pause()
        del code


def generated_code() -> mmap.mmap:
    """As a compiler at run time has it: executable memory with a name."""
    file = os.memfd_create("generated code")
    os.truncate(file, mmap.PAGESIZE)
    return mmap.mmap(file, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_EXEC)


main()
