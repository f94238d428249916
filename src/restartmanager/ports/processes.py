"""The door to single processes: looking at them, signalling, awaiting and starting them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from typing import Self

    from restartmanager.model import Process, Recipe, RestartRegistration, Signal
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.model.progress import CancelToken


class ProcessHandle(Protocol):
    """A hold on one process that cannot slip to another one (pidfd_open(2))."""

    @property
    def identity(self) -> UniqueProcess:
        """Which process this is."""
        ...

    def send(self, signal: Signal) -> None:
        """Send a signal.

        Raises ProcessGoneError when it has exited, ProcessAccessError when it may not be signalled.
        """
        ...

    def close(self) -> None:
        """Let go of it; any number of times."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class Processes(Protocol):
    """Looking at, signalling, awaiting and starting single processes."""

    def current(self) -> UniqueProcess:
        """The calling process."""
        ...

    def describe(self, identity: UniqueProcess) -> Process:
        """What is known about it.

        Raises ProcessGoneError when it has exited, is a zombie, or its number belongs to another
        process by now.
        """
        ...

    def lineage(
        self, identity: UniqueProcess, known: Mapping[UniqueProcess, Process] | None = None
    ) -> tuple[Process, ...]:
        """The process and its ancestors, nearest first, as far as they can be seen; who is already
        ``known`` is not looked at again."""
        ...

    def is_alive(self, identity: UniqueProcess) -> bool:
        """Whether it still runs. False only on proof: exited, a zombie, another process under its
        number, or another boot."""
        ...

    def is_at_gate(self, identity: UniqueProcess) -> bool:
        """Whether it is a process that ``start`` has created and that has not begun to run its
        program. One whose installer has died never will, but may take a moment to exit."""
        ...

    def oldest(self, cgroup: str) -> Process | None:
        """The process of this control group that was started first; None when it is empty, or
        cannot be seen."""
        ...

    def registration(self, process: Process) -> RestartRegistration | None:
        """What the process registered about coming back; None when nothing (valid) was."""
        ...

    def recipe(self, process: Process, registration: RestartRegistration | None) -> Recipe:
        """How to start it again: its registered command or, without a registration, the command
        it was started with.

        Raises ProcessGoneError, ProcessAccessError.
        """
        ...

    def open(self, identity: UniqueProcess) -> ProcessHandle:
        """Take hold of it. Raises ProcessGoneError where the identity no longer matches."""
        ...

    def wait(
        self,
        handles: Collection[ProcessHandle],
        deadline: float,
        cancel: CancelToken | None = None,
    ) -> frozenset[UniqueProcess]:
        """Wait until at least one has exited, the monotonic ``deadline`` passes, or ``cancel`` is
        called; which ones have exited."""
        ...

    def start(self, recipe: Recipe, on_created: Callable[[UniqueProcess], object]) -> UniqueProcess:
        """Start a process by its recipe, with its owner's rights, in a session of its own, nobody's
        child, with no descriptor of ours.

        ``on_created`` is called with the new process before it runs its program: when it raises, or
        the caller dies in it, the program is never run. Raises ProcessAccessError when the caller
        may not start it as that user, ProcessError when the program cannot be run.
        """
        ...
