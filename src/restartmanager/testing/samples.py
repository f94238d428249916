"""Sample records for tests of adapters, with a value in every field, odd text included."""

from __future__ import annotations

from restartmanager.model import (
    Application,
    AppType,
    Evidence,
    FileIdentity,
    FileResource,
    Home,
    How,
    Process,
    RebootReason,
    Recipe,
    Required,
    RestartBy,
    Service,
    Status,
)
from restartmanager.model.identity import UniqueProcess
from restartmanager.model.journal import JournalEntry, JournalStep, SessionRecord
from restartmanager.model.recipes import Attributes, Stream, StreamKind

__all__ = [
    "APPLICATION",
    "BOOT",
    "ENTRY",
    "IDENTITY",
    "KEY",
    "OTHER_KEY",
    "PRIMARY",
    "PROCESS",
    "RECIPE",
    "RECORD",
    "SECONDARY",
    "SERVICE",
    "TERTIARY",
    "UNDECODABLE",
    "file",
]

KEY = "0123456789abcdef" * 2
OTHER_KEY = "fedcba9876543210" * 2
BOOT = "b" * 32
UNDECODABLE = "/tmp/\udcff\udc80 \U0001f600 'quoted' \n"  # noqa: S108 - nothing is opened
PRIMARY = UniqueProcess(100, 5000, BOOT)
SECONDARY = UniqueProcess(101, 5001, BOOT)
TERTIARY = UniqueProcess(102, 5002, BOOT)
IDENTITY = FileIdentity(
    device=2049, inode=77, ctime_ns=1_700_000_000_123_456_789, size=4096, mtime_ns=1
)

RECORD = SessionRecord(
    key=KEY, created_at=1000.5, boot_id=BOOT, owner=PRIMARY, expires_at=2000.25, members=()
)
PROCESS = Process(
    identity=TERTIARY,
    parent_pid=1,
    name="odd (name) \udcfe",
    executable=UNDECODABLE,
    arguments=("prog", "--pass=\udcff", ""),
    uid=1000,
    process_group=102,
    session=102,
    terminal=True,
    cgroup="/user.slice",
    same_pid_namespace=False,
    kernel_thread=False,
)
APPLICATION = Application(
    name="An application",
    type=AppType.CONSOLE,
    main_process=PROCESS,
    processes=(PROCESS,),
    evidence=(Evidence(102, UNDECODABLE, (How.OPEN, How.CWD), stale=True),),
    status=Status.STOPPED | Status.ERROR_ON_RESTART,
    restart_by=RestartBy.COMMAND,
    reboot_reasons=RebootReason.DETECTED_SELF,
    required=Required.RELOGIN,
    reason="because \udcff",
)
SERVICE = Application(
    name="A service",
    type=AppType.SERVICE,
    main_process=None,
    service=Service("systemd", "a.service", "A service"),
)
RECIPE = Recipe(
    executable="/bin/prog",
    arguments=("prog", "\udcff"),
    directory="/",
    environment=(("TOKEN", "secret"), ("ODD", "\udcfe")),
    uid=1000,
    gid=1000,
    groups=(4, 24),
    umask=0o22,
    nice=-5,
    limits=((7, 1024, -1), (9, 2**63, 2**63)),
    home=Home(None, "a-b.slice", limits='{"TasksMax": ["t", 7]}'),
    attributes=Attributes(-500, (3, 0), "0-1", 16390, (1, 13), 50000, 5, 0x33, 0x40000),
    streams=(
        None,
        Stream(StreamKind.FILE, "/var/log/\udcff", reads=True, mode=0o640, identity=(1, 2, 3)),
        Stream(StreamKind.JOURNAL, "/run/systemd/journal/stdout"),
    ),
)
ENTRY = JournalEntry(
    sequence=1,
    application=APPLICATION,
    step=JournalStep.STOP_INTENDED,
    at=1234.5,
    recipe=RECIPE,
    started_as=SECONDARY,
    message="a message \udcff",
)


def file(path: str, inode: int = 1) -> FileResource:
    """A registered file."""
    return FileResource(path, FileIdentity(2049, inode, 1, 1, 1))
