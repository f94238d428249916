"""Records that never change, for text and documents that must not either."""

from __future__ import annotations

from dataclasses import replace

from restartmanager.model import (
    Affected,
    Application,
    AppType,
    Evidence,
    How,
    Ignored,
    Outcome,
    Process,
    RebootReason,
    Required,
    RestartBy,
    Result,
    Service,
    Status,
    Step,
    Unexplained,
)
from restartmanager.model.identity import UniqueProcess

NOBODY = 987654321
"""A user id that has no name anywhere."""


def process(pid: int, executable: str = "/usr/sbin/nginx") -> Process:
    return Process(
        identity=UniqueProcess(pid, 100 * pid, "b" * 32),
        parent_pid=1,
        name=executable.rpartition("/")[2],
        executable=executable,
        arguments=(executable,),
        uid=NOBODY,
        process_group=pid,
        session=pid,
        terminal=False,
    )


LIBRARY = "/usr/lib/libssl.so.3"
MAPPED = (How.MAPPED,)
PROGRAM = (How.EXECUTABLE, How.MAPPED)

NGINX = Application(
    name="nginx",
    type=AppType.SERVICE,
    main_process=process(812),
    processes=(process(812), process(813)),
    service=Service("systemd", "nginx.service"),
    evidence=(
        Evidence(812, LIBRARY, MAPPED, stale=True),
        Evidence(813, LIBRARY, MAPPED, stale=True),
        Evidence(812, "/usr/sbin/nginx", PROGRAM, stale=False),
    ),
    restart_by=RestartBy.UNIT,
)
EDITOR = Application(
    name="editor",
    type=AppType.CONSOLE,
    main_process=process(900, "/usr/bin/editor"),
    processes=(process(900, "/usr/bin/editor"),),
    evidence=(Evidence(900, LIBRARY, (How.OPEN, How.MAPPED), stale=False),),
)
LOGIN = Application(
    name="login",
    type=AppType.CRITICAL,
    main_process=process(77, "/bin/login"),
    processes=(process(77, "/bin/login"),),
    evidence=(Evidence(77, LIBRARY, MAPPED, stale=False),),
    reboot_reasons=RebootReason.CRITICAL_PROCESS,
    required=Required.RELOGIN,
    reason="it carries a login session",
)
STOPPED = Application(
    name="player",
    type=AppType.UNKNOWN,
    main_process=process(33, "/usr/bin/player"),
    processes=(process(33, "/usr/bin/player"),),
    status=Status.STOPPED,
    restart_by=RestartBy.REGISTERED,
)
HOSTILE = Application(
    name="a\x1b[31mb\nc\udcff\u202e",
    type=AppType.UNKNOWN,
    main_process=process(5, "/tmp/\x1b"),
    processes=(process(5, "/tmp/\x1b"),),
    evidence=(Evidence(5, "/srv/\n\x9b\udc80", (How.CWD,), stale=False),),
    reboot_reasons=RebootReason.DETECTED_SELF,
    reason="because\x1b]0;x\x07",
)
MANAGER = Application(
    name="systemd",
    type=AppType.CRITICAL,
    main_process=process(1, "/usr/lib/systemd/systemd"),
    processes=(process(1, "/usr/lib/systemd/systemd"),),
    evidence=(Evidence(1, LIBRARY, MAPPED, stale=True),),
    reboot_reasons=RebootReason.CRITICAL_PROCESS,
    required=Required.MANAGER_REEXEC,
    reason="the machine does not run without it",
)
USERS_MANAGER = replace(
    MANAGER,
    main_process=process(1200, "/usr/lib/systemd/systemd"),
    processes=(process(1200, "/usr/lib/systemd/systemd"),),
    evidence=(Evidence(1200, LIBRARY, MAPPED, stale=True),),
)
BUS = Application(
    name="dbus-daemon",
    type=AppType.CRITICAL,
    main_process=process(500, "/usr/bin/dbus-daemon"),
    processes=(process(500, "/usr/bin/dbus-daemon"),),
    evidence=(Evidence(500, "/usr/bin/dbus-daemon", PROGRAM, stale=True),),
    reboot_reasons=RebootReason.CRITICAL_PROCESS,
    required=Required.SOFT_REBOOT,
    reason="every program on the message bus would lose its connection",
)
SHELL = Application(
    name="zsh",
    type=AppType.CRITICAL,
    main_process=process(700, "/usr/bin/zsh"),
    processes=(process(700, "/usr/bin/zsh"),),
    evidence=(Evidence(700, "/usr/bin/zsh", PROGRAM, stale=True),),
    reboot_reasons=RebootReason.DETECTED_SELF,
    required=Required.RELOGIN,
    reason="it is this installer, or what the installer was started from",
)
JOB = Application(
    name="job.py",
    type=AppType.UNKNOWN,
    main_process=process(950, "/usr/bin/python3"),
    processes=(process(950, "/usr/bin/python3"),),
    evidence=(Evidence(950, "/opt/job.py", (How.SCRIPT,), stale=True),),
)
IGNORED = (
    Ignored("/memfd:a", "memory with a name", (7, 8)),
    Ignored("/tmp/b\x1b", "a temporary file", (9,)),
    Ignored("/memfd:c", "memory with a name", (1, 2, 3, 4, 5, 6)),
)
AFFECTED = Affected(
    applications=(NGINX, EDITOR, LOGIN, STOPPED),
    unexplained=(Unexplained("/srv/disk.img", "in use, but by no process that can be seen"),),
    inspected=214,
    not_inspectable=2,
)
OUTCOMES = (
    Outcome(EDITOR, Step.STOP, Result.DONE),
    Outcome(LOGIN, Step.STOP, Result.SKIPPED, "a filter of the session excludes it"),
    Outcome(NGINX, Step.STOP, Result.FAILED, "did not exit within 30 seconds (process 812)"),
    Outcome(STOPPED, Step.START, Result.DONE, process=UniqueProcess(4711, 5, "b" * 32)),
    Outcome(STOPPED, Step.START, Result.SKIPPED, "it did not register for being brought back"),
)
