"""A process that makes itself hard to look at: ``hostile.py WAY LIBRARY``.

It has the library open, says so with one byte, and lives until it is told to exit.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import resource
import shutil
import signal
import sys
import tempfile

LIFE_S = 300
ODD = "\x1b[2J\n\u202e (deleted)"


def run_again(executable: str, name: str, *rest: str, **environment: str) -> None:
    """As another program, or by another name: neither leads to Python's library, which therefore is
    named. That is not heard with -I."""
    arguments = [word for word in sys.orig_argv[1:] if word != "-I"]
    home = {"PYTHONHOME": f"{sys.base_prefix}:{sys.base_exec_prefix}"}
    os.execve(executable, [name, *arguments, *rest], {**os.environ, **home, **environment})


def be_deep() -> None:
    """In a directory that no path leads to."""
    os.chdir(tempfile.mkdtemp(dir=os.path.dirname(sys.argv[2])))
    for _ in range(25):
        os.mkdir("d" * 200)
        os.chdir("d" * 200)


def be_talkative() -> None:
    """With a command and an environment of megabytes; the first byte says that it is there."""
    if "x" * 9 not in os.environ:
        environment = {"x" * 9: "y", "z": "\x1b" * 100_000}
        run_again(sys.executable, ODD, *([ODD + "a" * 100_000] * 8), **environment)


def be_called_oddly() -> None:
    with open("/proc/self/comm", "wb") as file:
        file.write(b"a) S 1\n\x1b[2J")


def be_rich() -> None:
    """With thousands of descriptors and mappings of the file."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    for number in range(2000):
        descriptor = os.open(sys.argv[2], os.O_RDONLY)
        protection = mmap.PROT_READ | (mmap.PROT_EXEC if number % 2 else 0)
        HELD.append(mmap.mmap(descriptor, 0, mmap.MAP_PRIVATE, protection))


def be_gone() -> None:
    """The program that it runs is no more."""
    if not sys.executable.startswith(os.path.dirname(sys.argv[2])):
        copy = os.path.join(os.path.dirname(sys.argv[2]), "python (deleted)")
        shutil.copy(sys.executable, copy)
        run_again(copy, copy)
    os.unlink(sys.executable)


def restless() -> None:
    """It runs one program after the other, itself."""
    if os.environ.get("BEGUN"):
        os.execve(sys.executable, sys.orig_argv, dict(os.environ))
    os.write(1, b".")
    os.execve(sys.executable, sys.orig_argv, {**os.environ, "BEGUN": "yes"})


def fertile() -> None:
    """Children come and go, hundreds a second."""
    os.write(1, b".")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        for _ in range(20):
            if os.fork() == 0:
                os._exit(0)
        with contextlib.suppress(ChildProcessError):
            os.wait()


WAYS = {
    "deep": be_deep,
    "talkative": be_talkative,
    "called-oddly": be_called_oddly,
    "rich": be_rich,
    "gone": be_gone,
    "restless": restless,
    "fertile": fertile,
}
HELD: list[object] = []


def main() -> None:
    signal.alarm(LIFE_S)
    HELD.append(os.open(sys.argv[2], os.O_RDONLY))
    os.set_inheritable(HELD[0], True) if isinstance(HELD[0], int) else None
    WAYS[sys.argv[1]]()
    os.write(1, b".")
    while True:
        signal.pause()


main()
