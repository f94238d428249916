"""The launcher, ``launcher.py REPORT GATE INSTALLER``: a small program that starts another one.

It is run by ``starting.py`` as ``python -I -S -B launcher.py``, with a recipe on standard input and
three descriptors: a pipe to report to, a pipe that is the gate, and a pidfd of the installer. Where
the installer has restrictions that would stick, systemd runs it: then the pipes are standard output
and standard error, and the installer is named by its number and start.
Running Python code between fork(2) and execve(2) of an installer with threads is not safe; in this
process there is one thread and nothing of the installer. It imports only the standard library.

In order: it forks, so that the program is nobody's child (the installer's child ends at once); the
new process leaves session, terminal, descriptors, signal handling and scheduling of the installer
behind, takes umask, niceness, attributes, groups and user of the recipe, proves that it cannot get
back what it gave up, enters the directory and opens the streams *with the program's rights*,
reports who it is, and waits at the gate.
One byte lets it through; end of file, or the installer's end, and it exits without having run
anything. A failure in any step is reported and nothing is run: a program that starts in "/" because
its directory is missing, or with other rights, would be another program. One that lacks attributes
or streams that it had is still the same: they are taken as far as they can be had.
"""

from __future__ import annotations

import errno
import json
import os
import resource
import select
import signal
import stat
import sys
import time
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

_IOPRIO_WHO_PROCESS = 1  # linux/ioprio.h
_IOPRIO_SET = {  # the system call's number; ioprio_set(2) has no wrapper in the C library
    "x86_64": 251,
    "aarch64": 30,
    "riscv64": 30,
    "loongarch64": 30,
    "ppc64": 273,
    "ppc64le": 273,
    "s390x": 282,
}
_KEYCTL_JOIN_SESSION_KEYRING = 1  # linux/keyctl.h
_KEYCTL = {  # the system call's number; keyctl(2) has no wrapper in the C library
    "x86_64": 250,
    "aarch64": 219,
    "riscv64": 219,
    "loongarch64": 219,
    "ppc64": 271,
    "ppc64le": 271,
    "s390x": 280,
}


class _Failure(Exception):  # noqa: N818 - it ends one step, and never leaves this program
    def __init__(self, step: str, number: int) -> None:
        super().__init__(step)
        self.step = step
        self.number = number


def main() -> NoReturn:
    """Read the recipe, fork, and run it in the child; never returns."""
    report, gate, installer = _descriptors(*sys.argv[1:4])
    recipe = json.loads(sys.stdin.buffer.read())
    try:
        child = os.fork()
    except OSError as error:
        _tell(report, {"step": "fork", "errno": error.errno})
        os._exit(1)
    if child:
        os._exit(0)
    step = "prepare"
    try:
        _leave_installer({report, gate, installer})
        step = "rights"
        journal = _journal_opener(recipe)
        _take_rights(recipe)
        step = "directory"
        os.chdir(_raw(recipe["directory"]))
        _open_streams(recipe["streams"], journal)
        pid, ticks = os.getpid(), _start_ticks()
        arguments = [_raw(word) for word in recipe["arguments"]]
        environment = {_raw(name): _raw(value) for name, value in recipe["environment"]}
        environment.pop(b"RESTARTMANAGER_REPLACES", None)
        if recipe["replaces"]:
            environment[b"RESTARTMANAGER_REPLACES"] = _raw(recipe["replaces"])
        environment[b"RESTARTMANAGER_RESTARTED"] = b"%d:%d" % (pid, ticks)
        _tell(report, {"pid": pid, "start_ticks": ticks})
        if not _pass(gate, installer):
            os._exit(0)
        step = "execute"
        _tell(report, {"running": True})
        _lower_limits(recipe["limits"])  # last: with a small memory limit nothing else goes
        os.execve(_raw(recipe["executable"]), arguments, environment)  # noqa: S606 - on purpose
    except BaseException as error:  # noqa: BLE001 - whatever it is, the installer must hear of it
        _tell_failure(report, step, error)
    finally:
        os._exit(127)


def _descriptors(report: str, gate: str, installer: str) -> tuple[int, int, int]:
    """The three as they were passed; or, where systemd has run us, standard output, standard error,
    and the installer as PID:TICKS."""
    if ":" not in installer:
        return int(report), int(gate), int(installer)
    pid, ticks = map(int, installer.split(":"))
    pidfd = os.pidfd_open(pid)
    if _start_ticks(str(pid)) != ticks:
        os._exit(1)  # the installer has died, and another process has its number
    return os.dup(int(report)), os.dup(int(gate)), pidfd


def _raw(text: str) -> bytes:
    """Bytes travel as characters of the same numbers: any byte may occur in a path or variable."""
    return text.encode("latin-1")


def _tell(report: int, message: dict[str, Any]) -> None:
    os.write(report, json.dumps(message).encode("ascii") + b"\n")


def _tell_failure(report: int, step: str, error: BaseException) -> None:
    if isinstance(error, MemoryError):  # then there is no memory for finer words
        os.write(report, b'{"step": "execute", "errno": 12}\n')
    elif isinstance(error, _Failure):
        _tell(report, {"step": error.step, "errno": error.number})
    elif isinstance(error, OSError):
        _tell(report, {"step": step, "errno": error.errno})
    else:
        _tell(report, {"step": step, "errno": 0, "text": repr(error)[:500]})


# -- what the installer had ----------------------------------------------------------------------


def _leave_installer(ours: set[int]) -> None:
    os.setsid()
    for number in map(int, os.listdir("/proc/self/fd")):
        if number > 2 and number not in ours:
            try:
                os.close(number)
            except OSError as error:
                if error.errno != errno.EBADF:  # the descriptor of that very listing
                    raise
    null = os.open("/dev/null", os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    if null > 2:
        os.close(null)
    for number in ours:
        os.set_inheritable(number, False)  # noqa: FBT003 - it takes no keyword
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    if os.sched_getscheduler(0) != os.SCHED_OTHER:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    _forget_oom_protection()


def _forget_oom_protection() -> None:
    """An installer's service may be exempt from the out-of-memory killer; what it starts is not."""
    try:
        with open("/proc/self/oom_score_adj", "r+b", buffering=0) as file:
            if int(file.read()) < 0:
                file.write(b"0")
    except (OSError, ValueError):
        pass  # a kernel without it protects nobody


# -- what the program had ------------------------------------------------------------------------


def _take_rights(recipe: dict[str, Any]) -> None:
    """Become the recipe's user, with no right beyond."""
    uid, gid, groups = recipe["uid"], recipe["gid"], recipe["groups"]
    privileged = os.geteuid() == 0
    os.umask(recipe["umask"])
    _set_niceness(recipe["nice"])
    _raise_limits(recipe["limits"])
    _take_attributes(recipe)
    raise_oom_score = _oom_score_setter(recipe["oom_score"])
    new_keyring = _keyring_joiner() if privileged and uid != 0 else None
    if privileged:
        os.setgroups(groups)
    elif {*os.getgroups(), os.getgid()} != {*groups, gid}:
        raise _Failure("rights", errno.EPERM)
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    _verify_rights(uid, gid, groups, privileged=privileged)
    raise_oom_score()
    if new_keyring is not None:
        new_keyring()


def _verify_rights(uid: int, gid: int, groups: list[int], *, privileged: bool) -> None:
    """Prove it, instead of believing return codes: nothing of root is left, nor can be got back."""
    held = (os.getresuid(), os.getresgid(), {*os.getgroups(), gid})
    if held != ((uid, uid, uid), (gid, gid, gid), {*groups, gid}):
        raise _Failure("rights", errno.EPERM)
    if uid == 0:
        return
    try:
        os.setresuid(0, 0, 0)
    except OSError:
        pass
    else:
        raise _Failure("rights", errno.EPERM)
    capabilities = (b"CapAmb", b"CapPrm", b"CapEff") if privileged else (b"CapAmb",)
    with open("/proc/self/status", "rb") as file:  # a codec could not be imported any more
        for line in file:
            name, _, value = line.partition(b":")
            if name in capabilities and int(value, 16):
                raise _Failure("capabilities", errno.EPERM)


def _keyring_joiner() -> Any:  # noqa: ANN401 - a function of the C library, or None
    """The call that gives the program a session keyring of its own, for root's holds root's keys
    (session-keyring(7)); None where its number is not known. It is prepared while the library can
    still be read."""
    number = _KEYCTL.get(os.uname().machine) if sys.maxsize > 2**32 else None
    if number is None:
        return None
    import ctypes

    call = ctypes.CDLL(None, use_errno=True).syscall

    def join() -> None:
        if call(number, _KEYCTL_JOIN_SESSION_KEYRING, None) >= 0:
            return
        failed = ctypes.get_errno()
        if failed not in {errno.ENOSYS, errno.EPERM, errno.EOPNOTSUPP}:  # then there are no keys
            raise _Failure("keyring", failed)

    return join


def _set_niceness(nice: int) -> None:
    """Take this niceness, or the nearest to it that the caller may have (setpriority(2))."""
    now = os.getpriority(os.PRIO_PROCESS, 0)
    while now != nice:
        try:
            os.setpriority(os.PRIO_PROCESS, 0, nice)
        except PermissionError:
            nice += 1
        else:
            return


def _take_attributes(recipe: dict[str, Any]) -> None:
    """What belongs to a process beside its rights, while it may have all of it."""
    policy, priority = recipe["scheduler"]
    _attempt(os.sched_setaffinity, 0, recipe["processors"])
    _attempt(os.sched_setscheduler, 0, policy, os.sched_param(priority))
    if recipe["io_priority"] is not None:
        _attempt(_set_io_priority, recipe["io_priority"])
    if recipe["autogroup_nice"]:
        _attempt(_set_autogroup, recipe["autogroup_nice"])
    if recipe["timer_slack_ns"] is not None:
        _attempt(_write, "/proc/self/timerslack_ns", recipe["timer_slack_ns"])
    if recipe["core_filter"] is not None:
        _attempt(_write, "/proc/self/coredump_filter", recipe["core_filter"])
    if recipe["personality"] is not None:
        _attempt(_set_personality, recipe["personality"])
    for number in recipe["ignored_signals"]:
        _attempt(signal.signal, number, signal.SIG_IGN)


def _attempt(setting: Callable[..., object], *values: object) -> None:
    try:  # noqa: SIM105 - contextlib takes as long to load as all the rest
        setting(*values)
    except (OSError, ValueError, ImportError):  # a small Python may lack ctypes
        pass


def _write(path: str, number: int) -> None:
    with open(path, "r+b", buffering=0) as file:
        file.write(b"%d" % number)


def _set_io_priority(priority: int) -> None:
    number = _IOPRIO_SET.get(os.uname().machine) if sys.maxsize > 2**32 else None
    if number is not None:
        import ctypes

        ctypes.CDLL(None).syscall(number, _IOPRIO_WHO_PROCESS, 0, priority)


def _set_personality(personality: int) -> None:
    import ctypes

    ctypes.CDLL(None).personality(ctypes.c_ulong(personality))


def _set_autogroup(nice: int) -> None:
    """Users can do that ten times a second, all of them together (kernel: autogroup.c)."""
    for _ in range(10):
        try:
            _write("/proc/self/autogroup", nice)
        except BlockingIOError:
            time.sleep(0.1)
        else:
            return


def _oom_score_setter(score: int) -> Callable[[], None]:
    """Lower the score if need be, which takes root's rights; or else the call that raises it, made
    without them: then the program may lower it again itself."""
    try:
        file = open("/proc/self/oom_score_adj", "r+b", buffering=0)  # noqa: SIM115 - until execve(2)
        now = int(file.read())
        if score < now:
            file.write(b"%d" % score)
    except (OSError, ValueError):
        return lambda: None
    return (lambda: None) if score <= now else lambda: _attempt(file.write, b"%d" % score)


def _raise_limits(limits: list[tuple[int, int, int]]) -> None:
    """Hard limits that are higher than ours, while we may; those that cannot be raised stay."""
    for number, _, hard in limits:
        soft_now, hard_now = resource.getrlimit(number)
        if _greater(hard, hard_now):
            try:
                resource.setrlimit(number, (soft_now, _number(hard)))
            except (PermissionError, ValueError):
                continue  # setrlimit(2): EPERM; Python says ValueError


def _lower_limits(limits: list[tuple[int, int, int]]) -> None:
    for number, soft, hard in limits:
        _, hard_now = resource.getrlimit(number)
        reachable = hard_now if _greater(hard, hard_now) else _number(hard)
        lowered = reachable if _greater(soft, reachable) else _number(soft)
        resource.setrlimit(number, (lowered, reachable))


def _greater(one: int, other: int) -> bool:
    """Whether a limit is higher than another; a negative one is no limit."""
    one, other = _number(one), _number(other)
    if resource.RLIM_INFINITY in {one, other}:
        return one == resource.RLIM_INFINITY != other
    return one > other


def _number(limit: int) -> int:
    return resource.RLIM_INFINITY if limit < 0 else limit


# -- the streams -----------------------------------------------------------------------------------


def _open_streams(
    streams: list[dict[str, Any] | None], journal: Callable[[bytes], int] | None
) -> None:
    """Standard input, output and error, where they led to what can be had again."""
    for number, stream in enumerate(streams):
        if stream is None:
            continue
        path = _raw(stream["path"])
        try:
            opened = (
                journal(path) if journal and stream["kind"] == "journal" else _file(path, stream)
            )
        except OSError:
            continue  # it stays with /dev/null
        os.dup2(opened, number)
        os.close(opened)


def _file(path: bytes, stream: dict[str, Any]) -> int:
    """A file, opened at its end. What is none may let us wait; what lies where others may put files
    must be the very one of before."""
    access = (os.O_RDWR if stream["reads"] else os.O_WRONLY) if stream["writes"] else os.O_RDONLY
    writing = os.O_APPEND if stream["writes"] else 0
    making = os.O_CREAT if stream["writes"] and stream["trust"] else 0
    flags = access | writing | making | os.O_NONBLOCK | os.O_NOCTTY
    opened = os.open(path, flags, stream["mode"])
    facts = os.fstat(opened)
    same = [facts.st_dev, facts.st_ino, facts.st_uid] == stream["identity"]
    if not stat.S_ISREG(facts.st_mode) or not (same or stream["trust"]):
        os.close(opened)
        raise OSError(errno.EINVAL, "another file")
    os.set_blocking(opened, True)
    return opened


def _journal_opener(recipe: dict[str, Any]) -> Callable[[bytes], int] | None:
    """What connects to a journal, as systemd-cat(1) does; None where nothing is to be. It is
    prepared while the library can still be read."""
    if not any(stream and stream["kind"] == "journal" for stream in recipe["streams"]):
        return None
    import socket

    name = os.path.basename(_raw(recipe["executable"])).replace(b"\n", b"?")

    def connected(path: bytes) -> int:
        with socket.socket(socket.AF_UNIX) as stream:
            stream.settimeout(1.0)
            stream.connect(path)
            stream.shutdown(socket.SHUT_RD)
            # name, unit, priority (6, information), "<6>" counts, and nobody else is told
            stream.sendall(name + b"\n\n6\n1\n0\n0\n0\n")
            stream.setblocking(True)  # noqa: FBT003 - it takes no keyword
            return stream.detach()

    return connected


# -- the gate ------------------------------------------------------------------------------------


def _start_ticks(process: str = "self") -> int:
    with open(f"/proc/{process}/stat", "rb") as file:
        text = file.read()
    return int(text[text.rindex(b")") + 1 :].split()[19])


def _pass(gate: int, installer: int) -> bool:
    """Wait until the installer lets us through; False when it does not, or has died.

    End of file alone would not do: a process that another thread of the installer forked holds the
    gate open as well. A byte that was sent counts, also when the installer died after it.
    """
    poll = select.poll()
    poll.register(gate, select.POLLIN)
    poll.register(installer, select.POLLIN)
    ready = {number for number, _ in poll.poll()}
    if gate not in ready:
        poll.unregister(installer)
        if not poll.poll(0):
            return False
    return bool(os.read(gate, 1))


if __name__ == "__main__":
    main()
