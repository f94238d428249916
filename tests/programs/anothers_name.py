"""One attack by a stranger who wants somebody else to run a file of his; what came of it, as JSON.

    unshare --mount --propagation private --pid --fork --kill-child --mount-proc \
        python anothers_name.py ATTACK

It needs root, and mount and pid namespaces of its own: /mnt and /run are covered. The answer has
the exit status of restartctl and what it said, whether the program under attack still runs, how
often it runs, and as whom the stranger's file was run, if it was.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

STRANGER, SOMEBODY, GROUP = 65002, 65003, 65050
PLACE = Path("/mnt/w")
TOOL = PLACE / "tool"
PROGRAM = TOOL / "prog"
MARK = PLACE / "MARK"
SLEEP = "/bin/sleep"
RESTARTCTL = [sys.executable, "-P", "-m", "restartmanager.cli"]
ALL = ("--yes", "--relaunch", "all")
LIBC = ctypes.CDLL(None, use_errno=True)

EVIL = f"#!/bin/sh\nid -u >{MARK}\nexec sleep 100\n"
EVIL_PYTHON = (
    f"import os, time\nopen({str(MARK)!r}, 'w').write(str(os.getuid()))\ntime.sleep(100)\n"
)
REGISTERING = (
    "import time\n"
    "from restartmanager.app import register_application_restart\n"
    "register_application_restart('--again')\n"
    "print('ready', flush=True)\n"
    "time.sleep(1000)\n"
)
SLEEPING = "import time\nprint('ready', flush=True)\ntime.sleep(1000)\n"
SLEEPING_SHELL = "echo ready\nsleep 1000\n"
PLACING = f"mkdir {TOOL}\ncat >{PROGRAM}\nchmod 755 {PROGRAM}"
SWAPPING = f"mv {PROGRAM} {PROGRAM}.old\ncat >{PROGRAM}\nchmod 755 {PROGRAM}"


class Victim:
    """A program under attack."""

    def __init__(
        self, *command: str, uid: int = 0, cwd: str = "/", says: bool = False, **variables: str
    ) -> None:
        os.chmod(cwd, os.stat(cwd).st_mode)  # it must be there
        self.process = subprocess.Popen(
            command,
            user=uid,
            group=uid,
            extra_groups=[],
            cwd=cwd,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.pid = str(self.process.pid)
        assert self.process.stdout is not None
        if says:
            assert self.process.stdout.readline() == b"ready\n"
        else:
            while len(Path(f"/proc/{self.pid}/auxv").read_bytes()) <= 64:
                os.sched_yield()


def begin() -> None:
    """Mounts that nobody else sees, with a folder in which everybody may write."""
    for path, mode in (("/mnt", "0755"), ("/run", "0755")):
        if LIBC.mount(b"tmpfs", path.encode(), b"tmpfs", 0, f"mode={mode}".encode()):
            sys.exit(f"not possible: {os.strerror(ctypes.get_errno())}")
    os.environ["RESTARTMANAGER_STATE_DIR"] = "/mnt/state"
    folder(PLACE, 0o1777)


def folder(path: Path, mode: int = 0o755, uid: int = 0, gid: int = 0) -> Path:
    path.mkdir()
    os.chown(path, uid, gid)
    os.chmod(path, mode)
    return path


def program(mode: int = 0o755, uid: int = 0, gid: int = 0) -> str:
    """The program, in a folder of its own, which has this owner and mode."""
    folder(TOOL, mode, uid, gid)
    shutil.copy(SLEEP, PROGRAM)
    return str(PROGRAM)


def script(text: str, name: str = "job", place: Path = TOOL) -> str:
    """A script of root's in a folder of root's."""
    if place == TOOL:
        folder(TOOL)
    path = place / name
    path.write_text(text)
    return str(path)


def stranger(commands: str, given: str = EVIL, gid: int = STRANGER) -> None:
    """What the stranger does; he is in one group."""
    subprocess.run(
        ["/bin/sh", "-e", "-c", commands],
        user=STRANGER,
        group=gid,
        extra_groups=[],
        input=given,
        text=True,
        check=True,
        timeout=20,
    )


def restartctl(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it, in the end with a moment for what it has started."""
    return subprocess.run(
        [*RESTARTCTL, *arguments],
        env={**os.environ, "COLUMNS": "999"},
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )


def run(victim: Victim, *command: str, ways: tuple[str, ...] = ALL) -> tuple[Victim, str, int]:
    done = restartctl("run", *ways, "--pid", victim.pid, "--", *(command or ("true",)))
    return victim, done.stdout + done.stderr, done.returncode


Answer = tuple[Victim, str, int]
ATTACKS: dict[str, Callable[[], Answer]] = {}


def attack(function: Callable[[], Answer]) -> Callable[[], Answer]:
    ATTACKS[function.__name__] = function
    return function


# -- the program ---------------------------------------------------------------------------------


def removed(uid: int) -> Victim:
    """Who ran the program has removed it, and the stranger has put his own there."""
    victim = Victim(program(uid=uid), "1000", uid=uid)
    shutil.rmtree(TOOL)
    stranger(PLACING)
    return victim


@attack
def removed_program() -> Answer:
    return run(removed(0))


@attack
def removed_program_of_a_third() -> Answer:
    return run(removed(SOMEBODY))


@attack
def removed_program_and_stale() -> Answer:
    victim = removed(0)
    done = restartctl("stale", "--restart", *ALL)
    return victim, done.stdout + done.stderr, done.returncode


@attack
def folder_of_the_stranger() -> Answer:
    """He exchanges it while it is closed."""
    swap = [*("setpriv", "--reuid", str(STRANGER), "--regid", str(STRANGER), "--clear-groups")]
    swap += ["sh", "-c", f"printf '#!/bin/sh\\nid -u >{MARK}\\n' | ({SWAPPING})"]
    return run(Victim(program(uid=STRANGER), "1000"), *swap)


@attack
def folder_of_a_group() -> Answer:
    victim = Victim(program(0o2775, 0, GROUP), "1000")
    stranger(SWAPPING, gid=GROUP)
    return run(victim)


@attack
def folder_with_an_access_control_list() -> Answer:
    import struct

    victim = Victim(program(), "1000")
    nobody = 0xFFFFFFFF
    entries = [
        (1, 7, nobody),
        (2, 7, STRANGER),
        (4, 5, nobody),
        (0x10, 7, nobody),
        (0x20, 5, nobody),
    ]
    acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    os.setxattr(TOOL, "system.posix_acl_access", acl)
    stranger(SWAPPING)
    return run(victim)


@attack
def program_of_a_group() -> Answer:
    """The folder is root's, but not the file alone."""
    victim = Victim(program(), "1000")
    new = TOOL / "new"
    shutil.copy(SLEEP, new)
    os.chown(new, 0, GROUP)
    os.chmod(new, 0o775)  # noqa: S103 - this is the attack
    new.rename(PROGRAM)
    stranger(f"cat >{PROGRAM}", gid=GROUP)
    return run(victim)


@attack
def second_name_in_a_folder_of_all() -> Answer:
    """Where hard links are not restricted, the stranger chooses which program of root's is run."""
    victim = Victim(shutil.copy(SLEEP, f"{PLACE}/prog"), "1000")
    (PLACE / "prog").unlink()
    Path("/proc/sys/fs/protected_hardlinks").read_text()
    folder(TOOL)
    (TOOL / "other").write_text(EVIL)
    (TOOL / "other").chmod(0o755)
    os.link(TOOL / "other", PLACE / "prog")  # as he could; the sysctl is everybody's
    return run(victim)


@attack
def file_system_of_the_stranger() -> Answer:
    """Its process never answers: who looks into it waits for ever."""
    victim = Victim(program(), "1000")
    shutil.rmtree(TOOL)
    stranger(f"mkdir {TOOL}")
    device = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={device},rootmode=40000,user_id={STRANGER},group_id={STRANGER},allow_other"
    if LIBC.mount(b"hung", os.fsencode(TOOL), b"fuse", 0, options.encode()):
        sys.exit(f"not possible: {os.strerror(ctypes.get_errno())}")
    return run(victim)


# -- scripts, and what they load -----------------------------------------------------------------


@attack
def removed_script_that_registered() -> Answer:
    victim = Victim(sys.executable, script(REGISTERING), says=True)
    shutil.rmtree(TOOL)
    stranger(f"mkdir {TOOL}; cat >{TOOL}/job", EVIL_PYTHON)
    return run(victim, ways=("--yes",))


@attack
def script_behind_a_link() -> Answer:
    """Root removes the link to make it anew; the stranger is quicker."""
    script(SLEEPING_SHELL)
    link = PLACE / "current"
    link.symlink_to(TOOL)
    victim = Victim("/bin/sh", f"{link}/job", says=True)
    link.unlink()
    stranger(f"mkdir {PLACE}/own; cat >{PLACE}/own/job; ln -s own {link}")
    return run(victim)


@attack
def script_in_a_folder_of_all() -> Answer:
    victim = Victim("/bin/sh", script(SLEEPING_SHELL, place=PLACE), says=True)
    (PLACE / "job").unlink()
    stranger(f"cat >{PLACE}/job")
    return run(victim)


@attack
def relative_script_of_a_removed_directory() -> Answer:
    script(SLEEPING_SHELL)
    victim = Victim("/bin/sh", "job", cwd=str(TOOL), says=True)
    shutil.rmtree(TOOL)
    stranger(f"mkdir {TOOL}; cat >{TOOL}/job")
    return run(victim)


@attack
def relative_script_that_is_missing() -> Answer:
    """He makes it while it is closed: the working directory is everybody's."""
    victim = Victim(
        "/bin/sh", script(SLEEPING_SHELL, place=PLACE).split("/")[-1], cwd=str(PLACE), says=True
    )
    (PLACE / "job").unlink()
    make = [*("setpriv", "--reuid", str(STRANGER), "--regid", str(STRANGER), "--clear-groups")]
    make += ["sh", "-c", f"printf 'id -u >{MARK}; sleep 100' >{PLACE}/job"]
    return run(victim, *make)


@attack
def module_in_a_working_directory_of_all() -> Answer:
    script(SLEEPING, "job.py", PLACE)
    victim = Victim(sys.executable, "-m", "job", cwd=str(PLACE), says=True)
    (PLACE / "job.py").unlink()
    stranger(f"cat >{PLACE}/job.py", EVIL_PYTHON)
    return run(victim)


@attack
def module_beside_a_script() -> Answer:
    """What a script imports is looked for beside it first."""
    victim = Victim(
        sys.executable, script("import bisect\n" + SLEEPING, "job.py", PLACE), says=True
    )
    stranger(f"cat >{PLACE}/bisect.py", EVIL_PYTHON)
    return run(victim)


@attack
def environment_of_python() -> Answer:
    """Python finds its packages by the path it was called with."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(TOOL)], check=True)
    job = script(SLEEPING, "job.py", folder(PLACE / "jobs"))
    victim = Victim(f"{TOOL}/bin/python3", job, says=True)
    (site,) = TOOL.glob("lib/python*/site-packages")
    shutil.rmtree(TOOL)
    at = f"mkdir -p {site} {TOOL}/bin; ln -s {sys.executable} {TOOL}/bin/python3; "
    stranger(f"{at} echo home = /usr/bin >{TOOL}/pyvenv.cfg; cat >{site}/evil.pth",
             f"import os; open({str(MARK)!r}, 'w').write(str(os.getuid()))\n")  # fmt: skip
    return run(victim)


@attack
def library_that_is_loaded_first() -> Answer:
    victim = Victim(SLEEP, "1000", LD_PRELOAD=f"{PLACE}/lib.so")  # which is not there
    source = PLACE / "lib.c"
    source.write_text(
        "#include <stdio.h>\n#include <unistd.h>\n"
        "__attribute__((constructor)) static void evil(void) {\n"
        f'    FILE *file = fopen("{MARK}", "w");\n'
        '    if (file) { fprintf(file, "%d", getuid()); fclose(file); }\n'
        "}\n"
    )
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        sys.exit("not possible: there is no C compiler: package gcc")
    stranger(f"{compiler} -shared -fPIC -o {PLACE}/lib.so {source}")
    return run(victim)


# -- at another time -----------------------------------------------------------------------------


@attack
def removed_by_the_command() -> Answer:
    """It was safe when it was closed. Then root's own installer makes room for the stranger."""
    victim = Victim(program(), "1000")
    evil = f"setpriv --reuid {STRANGER} --regid {STRANGER} --clear-groups sh -ec '{PLACING}'"
    return run(victim, "sh", "-ec", f"rm -r {TOOL}; printf '#!/bin/sh\\nid -u >{MARK}\\n' | {evil}")


@attack
def removed_while_a_session_waits() -> Answer:
    """The steps of a shell script, and a stranger between two of them."""
    victim = Victim(program(), "1000")
    key = restartctl("session", "start").stdout.strip()
    restartctl("session", "register", key, "--pid", victim.pid)
    restartctl("session", "shutdown", key, "--relaunch", "all")
    victim.process.wait(20)
    shutil.rmtree(TOOL)
    stranger(PLACING)
    done = restartctl("session", "restart", key)
    return victim, done.stdout + done.stderr, done.returncode


@attack
def removed_before_recovery() -> Answer:
    """The installer dies, and who recovers comes after the stranger."""
    victim = Victim(program(), "1000")
    command = [*RESTARTCTL, "run", *ALL, "--pid", victim.pid, "--", "sleep", "100"]
    installer = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    victim.process.wait(20)
    os.killpg(installer.pid, signal.SIGKILL)  # both are children of this very program
    installer.wait()
    shutil.rmtree(TOOL)
    stranger(PLACING)
    done = restartctl("recover")
    return victim, done.stdout + done.stderr, done.returncode


# -- what must go on as ever ---------------------------------------------------------------------


@attack
def update_by_root() -> Answer:
    """Another file under the same name, in a folder that only root can write to."""
    victim = Victim(program(), "1000")
    return run(victim, "sh", "-c", f"cp {SLEEP} {TOOL}/new && mv {TOOL}/new {PROGRAM}")


@attack
def update_in_a_folder_of_all() -> Answer:
    """The folder is sticky: what is root's there stays root's."""
    victim = Victim(shutil.copy(SLEEP, f"{PLACE}/prog"), "1000", cwd=str(PLACE))
    return run(victim, "sh", "-c", f"cp {SLEEP} {TOOL} && mv {TOOL} {PLACE}/prog")


@attack
def update_by_somebody_himself() -> Answer:
    victim = Victim(program(0o700, SOMEBODY, SOMEBODY), "1000", uid=SOMEBODY, cwd=str(TOOL))
    return run(victim, "sh", "-c", f"cp {SLEEP} {TOOL}/new && mv {TOOL}/new {PROGRAM}")


@attack
def update_of_a_script_that_registered() -> Answer:
    victim = Victim(sys.executable, script(REGISTERING), says=True)
    return run(victim, "sh", "-c", f"cp {TOOL}/job {TOOL}/new && mv {TOOL}/new {TOOL}/job",
               ways=("--yes",))  # fmt: skip


@attack
def folder_of_roots_group() -> Answer:
    return run(Victim(program(0o775), "1000"))


def main() -> None:
    begin()
    victim, said, status = ATTACKS[sys.argv[1]]()
    deadline = time.monotonic() + 1.0
    while not MARK.exists() and time.monotonic() < deadline:
        time.sleep(0.05)  # for a file that was started: it has run restartctl's settling time long
    answer = {
        "status": status,
        "said": said,
        "open": victim.process.poll() is None,
        "run_as": MARK.read_text().strip() if MARK.exists() else None,
    }
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
