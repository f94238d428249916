"""The memory of another user, for root: an installer that was elevated (sudo(8), pkexec(1)) joins
the session of the user who has started it.

Root alone may do that, and only register: what belongs to the primary is not there. Every call is
made by a helper with the rights of that user (``as_user``). So nothing that lies in the state
folder can harm root, no file there becomes root's, and the user gets nothing but names of files.
"""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import restartmanager
from restartmanager.adapters.proc.procfs import ProcDirectory
from restartmanager.adapters.proc.texts import EXECVE_LIMIT
from restartmanager.adapters.processes.recipes import parse_environment
from restartmanager.adapters.processes.starting import memory_file
from restartmanager.adapters.store import codec, messages
from restartmanager.adapters.store.strict import UnreadableError
from restartmanager.errors import (
    NoSuchSessionError,
    ProcessError,
    StoreError,
    UnsupportedError,
)
from restartmanager.model.limits import STORE_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from restartmanager.adapters.processes.processes import LinuxProcesses
    from restartmanager.model import Resources
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.model.journal import SessionRecord

_HELPER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "as_user.py")
_NAMED_BY = ("SUDO_UID", "PKEXEC_UID")
_MARGIN_S = 10.0


class UserStore:
    """What a secondary needs of the memory in a state folder of another user; see ``Store``."""

    def __init__(self, uid: int, folder: str) -> None:
        self._uid = uid
        self._folder = folder

    def session(self, key: str) -> SessionRecord:
        """The session with this key. Raises NoSuchSessionError."""
        found = self._asked("session", key)
        try:
            return messages.session_from_raw(found)
        except UnreadableError as error:
            raise StoreError(self._folder, str(error)) from None

    def add_member(self, key: str, member: UniqueProcess) -> None:
        """Note that a secondary joined."""
        self._asked("add_member", key, codec.encode_process(member))

    def remove_member(self, key: str, member: UniqueProcess) -> None:
        """Note that a secondary left."""
        self._asked("remove_member", key, codec.encode_process(member))

    def add_resources(self, key: str, resources: Resources) -> None:
        """Register more resources."""
        self._asked("add_resources", key, messages.resources_to_raw(resources))

    def _asked(self, call: str, key: str, value: object = None) -> object:
        try:
            account = pwd.getpwuid(self._uid)
        except (KeyError, OverflowError):
            raise NoSuchSessionError(f"Nobody has the number {self._uid}.") from None
        request = {
            "uid": self._uid,
            "gid": account.pw_gid,
            "groups": os.getgrouplist(account.pw_name, account.pw_gid),
            "folder": self._folder,
            "call": call,
            "key": key,
            "value": value,
        }
        answer = self._run(json.dumps(request).encode("ascii"))
        if "failed" in answer:
            raise StoreError(self._folder, f"as user {self._uid}: {answer['failed']}")
        if answer.get("found") is None:
            raise NoSuchSessionError
        return answer["found"]

    def _run(self, request: bytes) -> dict[str, object]:
        if not sys.executable or getattr(sys, "frozen", False):
            why = "this is a program without a Python of its own"
            raise UnsupportedError("Joining the session of another user", why)
        package = os.path.dirname(restartmanager.__path__[0])
        with memory_file("request", request) as asked:
            helper = subprocess.Popen(
                [sys.executable, "-I", "-S", "-B", _HELPER, package],
                stdin=asked,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={"PATH": "/usr/bin:/bin"},
                cwd="/",
                start_new_session=True,
            )
        with helper:
            try:
                said, _ = helper.communicate(timeout=STORE_S + _MARGIN_S)
            except subprocess.TimeoutExpired:
                helper.kill()
                raise StoreError(self._folder, "it does not answer") from None
        with suppress(ValueError, RecursionError):
            answer = json.loads(said)
            if isinstance(answer, dict):
                return answer
        raise StoreError(self._folder, f"user {self._uid} cannot read it")


def stores_of_callers(
    folder_variable: str, variables: Mapping[str, str], processes: LinuxProcesses
) -> Iterator[UserStore]:
    """The memories of the users who may have elevated this process, nearest first: of its
    ancestors, and of those whom sudo(8) and pkexec(1) name.

    Each is looked for where the ancestor has it (``folder_variable``, XDG_STATE_HOME), and in the
    user's home.
    """
    seen = {(0, "")}
    for uid, environment in _callers(variables, processes):
        for folder in _folders(uid, environment, folder_variable) if uid else ():
            if (uid, folder) not in seen:
                seen.add((uid, folder))
                yield UserStore(uid, folder)


def _callers(
    variables: Mapping[str, str], processes: LinuxProcesses
) -> Iterator[tuple[int, Mapping[str, str]]]:
    for process in processes.lineage(processes.current()):
        with suppress(OSError, ProcessError), ProcDirectory(process.pid) as directory:
            text = directory.read("environ", EXECVE_LIMIT) or b""
            yield process.uid, dict(parse_environment(text))
    for name in _NAMED_BY:
        if variables.get(name, "").isdecimal():
            yield int(variables[name]), {}


def _folders(uid: int, environment: Mapping[str, str], variable: str) -> Iterator[str]:
    yield from filter(os.path.isabs, [environment.get(variable, "")])
    base = environment.get("XDG_STATE_HOME", "")
    if os.path.isabs(base):
        yield os.path.join(base, "restartmanager")
    with suppress(KeyError, OverflowError):
        yield os.path.join(pwd.getpwuid(uid).pw_dir, ".local", "state", "restartmanager")
