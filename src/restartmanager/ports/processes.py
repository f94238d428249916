"""The port to single processes: describing, signalling, awaiting and starting them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Callable, Collection, Mapping, Sequence
    from typing import Self

    from restartmanager.model import Home, Process, Recipe, RestartRegistration, Signal
    from restartmanager.model.identity import FileNumbers, UniqueProcess
    from restartmanager.model.progress import CancelToken

_Found = TypeVar("_Found")


class ProcessHandle(Protocol):
    """A hold on one process that cannot slip to another one (pidfd_open(2))."""

    @property
    def identity(self) -> UniqueProcess:
        """The identity of the process."""
        ...

    def send(self, signal: Signal) -> None:
        """Send a signal.

        Raises ProcessGoneError when the process has exited, ProcessAccessError when the caller may
        not signal it.
        """
        ...

    def exit_status(self) -> int | None:
        """The exit status of the process: what it returned, or the negative number of the signal
        that ended it. None while it runs, and where nobody can tell: it is not the caller's child,
        and only newer kernels keep the status."""
        ...

    def close(self) -> None:
        """Let go of the process; any number of times."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class Processes(Protocol):
    """The port to single processes."""

    def watched(self, look: Callable[[], _Found]) -> _Found:
        """Make a look at many processes, which changes nothing, so that it ends; what it found.

        Within it a process that does not answer counts as one that may not be looked into. Raises
        what the look raises.
        """
        ...

    def current(self) -> UniqueProcess:
        """The calling process."""
        ...

    def pipeline(self) -> frozenset[UniqueProcess]:
        """The other processes of the caller's own pipeline: those that read what it writes, write
        what it reads, and so on."""
        ...

    def describe(self, identity: UniqueProcess) -> Process:
        """The facts about a process.

        Raises ProcessGoneError when it has exited, is a zombie, or its number belongs to another
        process by now.
        """
        ...

    def lineage(
        self, identity: UniqueProcess, known: Mapping[UniqueProcess, Process] | None = None
    ) -> tuple[Process, ...]:
        """The process and its ancestors, nearest first, as far as they can be seen. Processes that
        are ``known`` already are not looked at again."""
        ...

    def is_alive(self, identity: UniqueProcess) -> bool:
        """Whether the process still runs. False needs proof: it has exited, is a zombie, another
        process has its number, or the boot is another one."""
        ...

    def suspended(self, identity: UniqueProcess) -> str:
        """Why the process cannot act on anything that it is asked, as the rest of a sentence: it is
        stopped, traced, frozen, or waits in the kernel. Empty where it can, or is gone."""
        ...

    def is_at_gate(self, identity: UniqueProcess) -> bool:
        """Whether ``start`` has created the process and it has not begun to run its program. A
        process whose installer has died never will, but may take a moment to exit."""
        ...

    def seen_otherwise(self, observer: UniqueProcess, paths: Sequence[str]) -> tuple[str, ...]:
        """Those of these paths that lead to another file for this process than for the caller: it
        has another root directory, or other mounts. Empty where that cannot be seen."""
        ...

    def oldest(self, cgroup: str) -> Process | None:
        """The process of this control group that was started first; None when it is empty, or
        cannot be seen."""
        ...

    def members(
        self, cgroup: str, known: Mapping[UniqueProcess, Process] | None = None
    ) -> tuple[Process, ...]:
        """The processes of this control group and of those below it; none where it is empty, or
        cannot be seen. Processes that are ``known`` already are not looked at again."""
        ...

    def registration(self, process: Process) -> RestartRegistration | None:
        """The process's registration about coming back; None when it has no valid one."""
        ...

    def recipe(self, process: Process, registration: RestartRegistration | None) -> Recipe:
        """The recipe that starts the process again: by its registered command or, without a
        registration, by the command that it was started with.

        Raises ProcessGoneError, ProcessAccessError, and NotRestartableError where the process
        cannot be started again as it is.
        """
        ...

    def risk(self, recipe: Recipe) -> str:
        """The risk of following a recipe now: who, beyond root and its user, could change what it
        starts, as a sentence without a full stop that names the file or folder; empty when nobody
        can."""
        ...

    def lost_limit(self, process: Process, home: Home | None) -> str:
        """The limit of its control groups that a process would lose when it is started again in
        this home, or for None beside the caller; as a sentence without a full stop."""
        ...

    def program(self, subject: UniqueProcess | Recipe) -> FileNumbers | None:
        """The file of the program that a process runs, or that a recipe would start now; None where
        it cannot be seen, or others could exchange it."""
        ...

    def open(self, identity: UniqueProcess) -> ProcessHandle:
        """Take hold of a process. Raises ProcessGoneError where the identity no longer matches."""
        ...

    def wait(
        self,
        handles: Collection[ProcessHandle],
        deadline: float,
        cancel: CancelToken | None = None,
    ) -> frozenset[UniqueProcess]:
        """Wait until at least one process has exited, the monotonic ``deadline`` passes, or
        ``cancel`` is called. It returns the processes that have exited."""
        ...

    def turn_to_start(
        self, replaced: UniqueProcess, uid: int
    ) -> contextlib.AbstractContextManager[None]:
        """Have the turn to start something in place of this process, as this user, which one has at
        a time."""
        ...

    def successor(self, replaced: UniqueProcess, uid: int) -> UniqueProcess | None:
        """The process of this user that was started in place of this one, and lives; None where
        there is none to be seen."""
        ...

    def daemon_of(self, starter: UniqueProcess, uid: int) -> UniqueProcess | None:
        """The daemon that a process of this user, which ``start`` has started and which has exited,
        has left behind: a process that left its session, and lives. None where there is none."""
        ...

    def start(
        self,
        recipe: Recipe,
        on_created: Callable[[UniqueProcess], object],
        *,
        replaced: UniqueProcess | None = None,
    ) -> UniqueProcess:
        """Start a process by its recipe.

        The process has its owner's rights, a session of its own and no descriptor of the caller's,
        and is no child of the caller. ``on_created`` is called with it before it runs its program:
        when that raises, or the caller dies in it, the program is never run. Raises
        ProcessAccessError when the caller may not start a process as that user, ProcessError when
        the program cannot be run, or the recipe has a risk.
        """
        ...
