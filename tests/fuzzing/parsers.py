"""Everything that reads what somebody else wrote: one line in a table each.

A parser takes bytes. It may refuse them with the errors that its documentation names, and with
nothing else. A new one is a new line here; ``test_parsers`` and ``make fuzz`` do the rest.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from restartmanager.adapters import packages
from restartmanager.adapters.bpf import btf, kernel_layout
from restartmanager.adapters.desktop import entry_files, entry_lookup, windows
from restartmanager.adapters.policy_files import parse_policy
from restartmanager.adapters.proc import formats, maps, mounts, texts
from restartmanager.adapters.processes import recipes
from restartmanager.adapters.scan import descriptors, hidden, kernel_holders, sockets, stale
from restartmanager.adapters.services.parallel import ServiceTroubleError
from restartmanager.adapters.services.supervisord import rpc
from restartmanager.adapters.services.systemd import unit_facts
from restartmanager.adapters.store import codec
from restartmanager.adapters.store.strict import UnreadableError
from restartmanager.app import registration
from restartmanager.app.protocol import LineReader, Reply, Request, socket_owner
from restartmanager.errors import ConfigurationError, NoSuchSessionError, UsageError
from restartmanager.model import RestartRegistration, identity
from restartmanager.model.escaping import escape
from restartmanager.rules import arguments, cgroups, containers, interpreters
from restartmanager.testing import samples
from support.made_up_btf import Kernel

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Parser:
    """One reader, what it is fed with, and the errors with which it may refuse."""

    name: str
    read: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    refusals: tuple[type[Exception], ...] = ()

    def survives(self, data: bytes) -> bool:
        """Feed it; whether it took these bytes. Whatever else it raises goes through."""
        try:
            self.read(data)
        except self.refusals:
            return False
        return True


def text(data: bytes) -> str:
    return os.fsdecode(data)


def words(data: bytes) -> list[str]:
    return text(data).split("\0")


def candidates(data: bytes) -> object:
    executable, *rest = words(data)
    return interpreters.script_candidates(executable, rest)


def maybe_script(data: bytes) -> object:
    path, _, head = data.partition(b"\0")
    return interpreters.could_be_script(text(path), head)


def policy(data: bytes) -> object:
    found = parse_policy(data.decode("utf-8", "replace"), "/etc/policy.toml")
    return found.ignores("/tmp/x"), found.rule_for("/usr/bin/x")


def cgroup_line(data: bytes) -> object:
    return formats.parse_cgroup(data), formats.parse_cgroup(b"0::" + data)


def mapping(data: bytes) -> object:
    return [maps.parse_mapping(line[cut:]) for line in data.split(b"\n") for cut in (0, maps.CUT)]


def map_files(data: bytes) -> object:
    lines = data.split(b"\n")
    return [maps.map_files_name(line[maps.CUT :], data) for line in lines[:20]]


def kept_facts(data: bytes) -> object:
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        return kernel_layout._read_kept(file.name, "a kernel")


def requests(data: bytes) -> object:
    return [Request.parse(line) for line in LineReader().feed(data)]


def replies(data: bytes) -> object:
    return [Reply.parse(line) for line in LineReader().feed(data)]


def unit(data: bytes) -> object:
    return cgroups.unit_at(text(data)), cgroups.unit_at(text(data), "/a.slice")


def container(data: bytes) -> object:
    return containers._named(text(data))


def entry(data: bytes) -> object:
    return codec.decode_entry(1, text(data), None)


def session(data: bytes) -> object:
    return codec.decode_session(
        ("k", 1.0, "b", text(data), None, 0, None, text(data)), [text(data)]
    )


def filter_row(data: bytes) -> object:
    return codec.decode_filter(1, text(data), 1)


PROC_STAT = b"812 (a) b) S 1 812 812 34816 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 100 0 0\n"
MAPS = (
    b"7f1234560000-7f1234580000 r-xp 00000000 fe:00 131                        /usr/lib/a.so\n"
    b"7f1234580000-7f1234590000 rw-s 00001000 00:2b 4711    /tmp/x\\012y (deleted)\n"
    b"7ffc0000-7ffd0000 rw-p 00000000 00:00 0                          [stack]\n"
)
STATUS = (
    b"Name:\tx\nUmask:\t0022\nUid:\t0\t0\t0\t0\nGid:\t1\t1\t1\t1\nGroups:\t4 24 \nNSpid:\t5\t1\n"
    b"CapBnd:\t000001ffffffffff\nNoNewPrivs:\t0\nSeccomp:\t0\n"
)
MOUNTS = (
    b"1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
    b"2 1 0:40 / /net\\040work rw,relatime shared:1 - nfs4 server:/x rw\n"
)
UNIX = (
    b"Num       RefCount Protocol Flags    Type St Inode Path\n"
    b"0000000000000000: 00000002 00000000 00010000 0001 01 1234 /run/a b\n"
    b"0000000000000000: 00000003 00000000 00000000 0001 03 1235 @abstract\n"
)
LIMITS = (
    b"Limit                     Soft Limit           Hard Limit           Units     \n"
    b"Max cpu time              unlimited            unlimited            seconds   \n"
    b"Max open files            1024                 524288               files     \n"
)
FDINFO = (
    b"pos:\t0\nflags:\t0100000\nmnt_id:\t24\nino:\t3\nscm_fds: 2\nUserFiles:\t2\n 0: /a\\040b\n"
)
LOCKS = b"1: POSIX  ADVISORY  WRITE 812 fe:00:131 0 EOF\n2: -> FLOCK ADVISORY READ 9 08:1:2 0 9\n"
SWAPS = (
    b"Filename\t\tType\t\tSize\n/swap\\040file   file\t\t1\t\t0\t\t-2\n/dev/sda2 partition 1 0 -3\n"
)
AUXILIARY = b"".join(
    number.to_bytes(8, "little") for number in (11, 0, 13, 0, 23, 0, 25, 2**47, 0, 0)
)
COMMANDS = tuple(
    b"\0".join(line)
    for line in (
        [b"/usr/bin/python3", b"python3", b"-Werror", b"-m", b"http.server", b"8000"],
        [b"/usr/bin/perl", b"perl", b"-I", b"lib", b"-e1", b"x.pl"],
        [b"/bin/bash", b"bash", b"-o", b"errexit", b"+x", b"--", b"/dev/fd/9"],
        [b"/usr/bin/node", b"node", b"--import=data:a", b"--require", b"./x.js", b"app"],
        [b"/usr/bin/php", b"php", b"-d", b"a=b", b"-f", b"x.php"],
        [b"/usr/bin/ruby", b"ruby", b"-ractive", b"-S", b"rake"],
        [b"/bin/busybox", b"sh", b"-x", b"script"],
        [b"/usr/bin/lua5.4", b"lua", b"-l", b"socket", b"-", b"x"],
    )
)
POLICY = (
    b'folders = ["/usr/bin"]\n[[critical]]\nexecutables = ["systemd"]\nrequired = "reboot"\n'
    b'reason = "it is the first"\n[[ignore]]\npaths = ["/memfd:*", "/tmp/[a"]\nreason = "none"\n'
)
ENTRY = (
    b'[Desktop Entry]\nType=Application\nName=An editor\nExec="/opt/an editor" --new %U\n'
    b"TryExec=editor\nDBusActivatable=false\nTerminal=false\nPath=/\n[Desktop Action x]\nExec=a\n"
)
UNIT = b"[Unit]\nDescription=a\nX-RestartManager=never\n[Service]\nExecStart=/bin/a\n"
CONTAINERS = (
    b"/system.slice/docker-" + b"0123456789abcdef" * 4 + b".scope",
    b"/kubepods.slice/kubepods-pod1.slice/cri-containerd-" + b"0123456789abcdef" * 4 + b".scope",
    b"/machine.slice/machine-a\\x2db.scope/payload",
    b"/lxc.payload.web/init.scope",
)
SUPERVISORD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n<?xml version='1.0'?><methodResponse>"
    b"<params><param><value><array><data><value><struct><member><name>pid</name><value><int>812"
    b"</int></value></member></struct></value></data></array></value></param></params>"
    b"</methodResponse>"
)
REGISTRATION = registration.pack(samples.PRIMARY, RestartRegistration(("/usr/bin/a", "--x")))
FACTS = b'{"kernel": "a kernel", "facts": {"task_iterator": 1, "meta_seq": 0}}'


def encoded(value: str) -> bytes:
    return os.fsencode(value)


UNREADABLE = (UnreadableError,)

PARSERS = (
    Parser("proc stat", formats.ProcStat.parse, (PROC_STAT,), (ValueError,)),
    Parser("proc start time", identity.parse_start_ticks, (PROC_STAT,), (ValueError,)),
    Parser("proc arguments", formats.parse_arguments, (b"a\0-b\0\0",)),
    Parser("proc cgroup", cgroup_line, (b"12:cpu:/x\n0::/a.slice/b.service (deleted)\n",)),
    Parser("proc status", recipes.parse_status, (STATUS,)),
    Parser("proc environment", recipes.parse_environment, (b"A=b\0C\0=d\0A=e",)),
    Parser("proc limits", recipes.parse_limits, (LIMITS,)),
    Parser("proc auxv", recipes.parse_auxiliary, (AUXILIARY,)),
    Parser("proc maps", mapping, (MAPS,)),
    Parser("proc map_files", map_files, (MAPS,)),
    Parser("stale maps", stale._executable, (MAPS,)),
    Parser("proc mountinfo", mounts.parse_mountinfo, (MOUNTS,)),
    Parser("proc net unix", sockets.parse_unix, (UNIX,)),
    Parser("proc fdinfo inode", descriptors.parse_inode, (FDINFO,)),
    Parser("proc fdinfo ring", hidden.parse_registered, (FDINFO,)),
    Parser("proc fdinfo socket", hidden.parse_waiting, (FDINFO,)),
    Parser("proc locks", hidden.parse_locks, (LOCKS,)),
    Parser("proc escapes", texts.unescaped, (b"/a\\040b",)),
    Parser("proc swaps", kernel_holders.parse_swaps, (SWAPS,)),
    Parser("sysfs device", mounts.parse_device, (b"7:0",)),
    Parser("kernel types", btf.parse_facts, (Kernel().bytes(),), (btf.BtfError,)),
    Parser("kernel facts", kept_facts, (FACTS,)),
    Parser("command line", candidates, COMMANDS),
    Parser("script", maybe_script, (b"/usr/bin/x.py\0#! /usr/bin/env python3\n",)),
    Parser("policy", policy, (POLICY,), (ConfigurationError,)),
    Parser("package listing", packages.parse_listing, (b"/.\n/usr/bin/a\ndiverted by x to: /b\n",)),
    Parser("application's requests", requests, (b"restartmanager 1 query update\n",)),
    Parser("application's replies", replies, (b"no a document is open\n", b"yes\ndone\n")),
    Parser("application's socket", lambda data: socket_owner(text(data)), (b"812-100",)),
    Parser("display", windows.parse_display, (b"DISPLAY=:10.0\0XAUTHORITY=/home/a/.Xauthority\0",)),
    Parser(
        "desktop entry",
        lambda data: entry_files.parse_entry(data, "/usr/share/applications/a.desktop"),
        (ENTRY,),
        (ConfigurationError,),
    ),
    Parser(
        "name of a scope",
        lambda data: entry_lookup.application_id(text(data)),
        (b"app-gnome-org.gnome.Maps-812.scope", b"app-a\\x2db@1.service"),
    ),
    Parser(
        "unit of a cgroup",
        unit,
        (b"/user.slice/user-1000.slice/user@1000.service/app.slice/a.service",),
    ),
    Parser("unit file", lambda data: unit_facts.declared_wish(text(data)), (UNIT,)),
    Parser("container of a cgroup", container, CONTAINERS),
    Parser(
        "supervisord's answer",
        rpc.parse_answer,
        (SUPERVISORD,),
        (rpc.FaultError, ServiceTroubleError),
    ),
    Parser("registration", registration.unpack, (REGISTRATION,)),
    Parser(
        "session key",
        lambda data: arguments.normalise_key(text(data)),
        (b"0123456789abcdef0123456789ABCDEF\n",),
        (UsageError, NoSuchSessionError),
    ),
    Parser("stored session", session, (b"812:100:abc",), UNREADABLE),
    Parser(
        "stored process", lambda data: codec.decode_process(text(data)), (b"1:2:b",), UNREADABLE
    ),
    Parser("stored filter", filter_row, (b'"nginx.service"', b'[1,2,"b"]'), UNREADABLE),
    Parser("stored entry", entry, (encoded(codec.encode_entry(samples.ENTRY)),), UNREADABLE),
    Parser(
        "stored recipe",
        lambda data: codec.decode_recipe(text(data)),
        (encoded(codec.encode_recipe(samples.RECIPE)),),
        UNREADABLE,
    ),
    Parser(
        "text for a terminal", lambda data: escape(text(data)), (b"a\x1b[31m\n\xff\xe2\x80\xae",)
    ),
)
