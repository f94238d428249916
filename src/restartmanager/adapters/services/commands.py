"""Commands of service managers: fixed programs, run without a shell of ours and without anything of
our environment, with a time limit.

Their output is kept only where no daemon is started: a daemon inherits the place that output goes
to, and must be able to write there for as long as it lives.
"""

from __future__ import annotations

import fcntl
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from restartmanager.adapters.services.members import Members, processes_with
from restartmanager.adapters.services.parallel import CalledOffError, ServiceTroubleError
from restartmanager.errors import ProcessGoneError
from restartmanager.model.identity import UniqueProcess
from restartmanager.model.limits import KILL_S

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence

    from restartmanager.model.progress import CancelToken
    from restartmanager.ports.processes import Processes


_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C",
    "HOME": "/",
    "TERM": "dumb",
}
_OUTPUT_LIMIT = 64 * 1024  # a writer that wants more gets an error


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a command: its exit status, and what it wrote where that was kept."""

    status: int
    output: str = ""


class Command:
    """A command that runs, in a session of its own, with the descriptors ``inherited``. Raises
    OSError where it cannot be run."""

    def __init__(
        self,
        command: Sequence[str],
        processes: Processes,
        *,
        keep: bool = False,
        inherited: Sequence[int] = (),
    ) -> None:
        import subprocess

        self._processes = processes
        self._output = _bounded_file() if keep else -1
        place = self._output if keep else subprocess.DEVNULL
        try:
            self._child: subprocess.Popen[bytes] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=place,
                stderr=place,
                cwd="/",
                env=_ENVIRONMENT,
                umask=0o022,
                start_new_session=True,
                pass_fds=inherited,
            )
        except BaseException:
            self._forget_output()
            raise

    @property
    def pid(self) -> int:
        """The number of the command's process, and of its session, for showing."""
        return self._child.pid

    def await_end(self, until: float, cancel: CancelToken | None = None) -> Ended:
        """The end of the command, awaited until then (monotonic seconds).

        Raises TimeoutError while it still runs, and CalledOffError when ``cancel`` was called; then
        it goes on by itself, for half of a stop is worse than a stop.
        """
        try:
            with self._processes.open(UniqueProcess.of(self._child.pid)) as handle:
                exited = self._processes.wait([handle], until, cancel)
        except ProcessGoneError:  # it is not reaped yet, so the number is still its own
            exited = frozenset({UniqueProcess.of(self._child.pid)})
        if not exited:
            if cancel is not None and cancel.cancelled:
                self._forget_output()
                self._reap_later()
                raise CalledOffError
            raise TimeoutError
        return Ended(self._child.wait(), self._forget_output())

    def ended_by(self, until: float) -> Ended:
        """The end of the command, awaited until then (monotonic seconds); after that it is killed,
        and ServiceTroubleError raised."""
        try:
            return self.await_end(until)
        except TimeoutError:
            self.kill()
            raise ServiceTroubleError("the command of its manager did not end in time") from None

    def kill(self) -> None:
        """End it, with all that it has started in its session."""
        session = processes_with(self._processes, os.getsid, frozenset({self._child.pid}))
        with Members(self._processes, session) as members:
            members.kill()
            members.await_end(time.monotonic() + KILL_S)
        self._child.wait()
        self._forget_output()

    def _reap_later(self) -> None:
        from threading import Thread

        Thread(target=self._child.wait, daemon=True).start()

    def _forget_output(self) -> str:
        """The output so far, which is then given up."""
        descriptor, self._output = self._output, -1
        if descriptor < 0:
            return ""
        size = os.lseek(descriptor, 0, os.SEEK_CUR)  # as far as it has written
        text = os.pread(descriptor, size, 0)
        os.close(descriptor)
        return text.decode("utf-8", "replace")


def _bounded_file() -> int:
    """A file in memory that cannot grow, whoever writes into it."""
    descriptor = os.memfd_create("output", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, _OUTPUT_LIMIT)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK)
    return descriptor
