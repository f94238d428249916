"""The doors to the world: what the work needs from outside, as protocols.

Each has a real adapter (``store``, ``linux``) and a simulated one (``testing``), and both pass the
same contract tests (``testing``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from typing import Self

    from restartmanager.identity import UniqueProcess
    from restartmanager.journal import JournalEntry, Operation, SessionRecord
    from restartmanager.model import (
        Entry,
        Filter,
        FilterTrigger,
        Hold,
        Process,
        Recipe,
        Resources,
        RestartRegistration,
        Service,
        ServiceFacts,
        ServiceResult,
        ServiceState,
        Sighting,
        Signal,
        Treatment,
    )
    from restartmanager.policy import Policy
    from restartmanager.progress import CancelToken
    from restartmanager.traces import Trace

__all__ = [
    "Clock",
    "Entries",
    "NoEntries",
    "Packages",
    "ProcessHandle",
    "Processes",
    "Scanner",
    "ServiceManager",
    "Store",
    "Traces",
]


class Clock(Protocol):
    """Time, as seconds."""

    def now(self) -> float:
        """Seconds since 1970: for records only, for it may jump."""
        ...

    def monotonic(self) -> float:
        """Seconds since some instant, never going back: for deadlines."""
        ...


class Store(Protocol):
    """The memory of all sessions of one user, shared between processes.

    Every method is one transaction: it happens wholly or not at all, whatever other processes do
    at the same time, and is on disk when the method returns. All may raise StoreError and its
    kinds. A session that does not exist, or no longer, is NoSuchSessionError.
    """

    def exists(self) -> bool:
        """Whether there is a memory already; asking makes none, as everything else does."""
        ...

    def create_session(self, record: SessionRecord, *, limit: int) -> None:
        """Add a session; SessionLimitError when ``limit`` of them exist already."""
        ...

    def session(self, key: str) -> SessionRecord:
        """The session with this key."""
        ...

    def sessions(self) -> tuple[SessionRecord, ...]:
        """All sessions, oldest first."""
        ...

    def delete_session(self, key: str) -> None:
        """Forget a session with all that belongs to it, secrets erased from the disk as well."""
        ...

    def add_member(self, key: str, member: UniqueProcess) -> None:
        """Note that a secondary joined; a second time changes nothing."""
        ...

    def remove_member(self, key: str, member: UniqueProcess) -> None:
        """Note that it left; no matter whether it had joined."""
        ...

    def add_resources(self, key: str, resources: Resources) -> None:
        """Register more; what is registered already stays as it is. All or nothing.

        A file known under the same path with another identity is kept beside the first: either
        may be in use.
        """
        ...

    def resources(self, key: str) -> Resources:
        """All that was registered, by any process, in order of registration."""
        ...

    def set_filter(self, key: str, item: Filter) -> None:
        """Add a filter, in place of one on the same target."""
        ...

    def remove_filter(self, key: str, trigger: FilterTrigger, target: str | UniqueProcess) -> bool:
        """Remove the filter on that target; whether there was one."""
        ...

    def filters(self, key: str) -> tuple[Filter, ...]:
        """All filters, oldest first."""
        ...

    def begin(
        self,
        key: str,
        operation: Operation,
        worker: UniqueProcess,
        *,
        replacing: UniqueProcess | None = None,
    ) -> bool:
        """Claim the session for an operation; False when ``worker`` is not the one who got it.

        It is a compare-and-set: it succeeds when the session's worker is ``replacing`` (None:
        nobody), and of two that try at the same time one wins. SHUTDOWN also notes that a shutdown
        was asked for.
        """
        ...

    def finish(self, key: str, worker: UniqueProcess) -> None:
        """Give the claim back; nothing where ``worker`` does not have it or the session is gone."""
        ...

    def write_entries(self, key: str, entries: Iterable[JournalEntry]) -> None:
        """Write entries of the journal, each in place of the one for the same application."""
        ...

    def journal(self, key: str) -> tuple[JournalEntry, ...]:
        """All entries, by their sequence."""
        ...


class Packages(Protocol):
    """The package manager, asked for one thing."""

    def files_of(self, name: str) -> tuple[str, ...]:
        """The paths that an installed package owns, without directories.

        Raises UsageError when no such package is installed, UnsupportedError where there is no
        package manager to ask.
        """
        ...


class Entries(Protocol):
    """The desktop's own word on how applications are started."""

    def find(self, process: Process) -> Entry | None:
        """The entry of the application that this process leads, by the name of its scope; None
        where there is none that may be believed and started."""
        ...


class NoEntries:
    """Entries where nobody asks for them."""

    def find(self, process: Process) -> Entry | None:  # noqa: ARG002 - as the port has it
        """None."""
        return None


class Scanner(Protocol):
    """The finder of holders."""

    def identify(self, files: Sequence[str], trees: Sequence[str]) -> Resources:
        """Look at what will be changed as it is now, so that it is known again afterwards.

        Relative paths are made absolute; files need not exist. Raises DirectoryAmongFilesError
        for a directory among ``files``, UsageError for what cannot be a path and for a tree that
        is no directory.
        """
        ...

    def resources_at(self, paths: Sequence[str]) -> Resources:
        """What these paths lead to, for a question that is asked at once: each directory is a tree,
        all else a file, whatever there is now or will be then.

        Nothing is recorded, so it takes less than ``identify``, and nothing that was replaced
        meanwhile is known again. Raises UsageError for what cannot be a path.
        """
        ...

    def find_holders(self, resources: Resources) -> Sighting:
        """Who uses these files and trees now, in one look at the machine.

        A file matches by the identity recorded at registration or by the one its path has now.
        Registered processes that still live are holders as well. Services are left to the service
        managers. Processes that come and go meanwhile are facts, not errors. Paths in the evidence
        are the registered ones.
        """
        ...

    def find_stale(self, policy: Policy) -> Sighting:
        """Who runs code that was replaced, without anything having been registered.

        What the policy leaves out of account is listed as ignored.
        """
        ...


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


class ServiceManager(Protocol):
    """Who runs services: looking at them, stopping and starting them.

    Asking never raises: where a manager cannot be reached, the facts say so. Acting yields a
    result for each service as soon as it is known, and never raises either: what goes wrong is
    the result. When ``cancel`` is called, acting ends early: what has not begun is left alone, and
    a service without a result must be looked at.
    """

    def resolve(self, names: Iterable[str]) -> Mapping[str, Service]:
        """Which service is meant by each of these names, as people write them: without the
        ending, or by an alias. Names that nobody knows are missing."""
        ...

    def owners(self, processes: Iterable[Process]) -> Mapping[UniqueProcess, Service]:
        """Which of these processes belong to which service; those of none are missing."""
        ...

    def describe(self, services: Iterable[Service]) -> Mapping[Service, ServiceFacts]:
        """What is known about these services now; those that do not exist are missing."""
        ...

    def states(self, services: Iterable[Service]) -> Mapping[Service, ServiceState]:
        """Whether these services run now: what can be said quickly. Those that do not exist, or
        whose manager cannot be reached, are missing."""
        ...

    def failed(self, like: Iterable[Service]) -> frozenset[Service]:
        """All services that have failed, in the managers of these services."""
        ...

    def stop(
        self, holds: Mapping[Service, Hold], *, patience_s: float, force: bool, cancel: CancelToken
    ) -> Iterator[ServiceResult]:
        """Stop services side by side, with what their holds name.

        A service has the time that its manager gives it, and at least ``patience_s``; with
        ``force`` it is killed after ``patience_s``.
        """
        ...

    def start(
        self, holds: Mapping[Service, Hold], *, cancel: CancelToken
    ) -> Iterator[ServiceResult]:
        """Undo the holds and start services; in this order, where the manager knows none itself.

        Changed definitions are read first. A service that runs already stays as it is.
        """
        ...

    def release(self, holds: Mapping[Service, Hold]) -> Iterator[ServiceResult]:
        """Undo the holds without starting the services."""
        ...

    def renew(
        self, treatments: Mapping[Service, Treatment], *, cancel: CancelToken
    ) -> Iterator[ServiceResult]:
        """Restart or reload services in place; changed definitions are read first.

        What depends on a service and runs is restarted with it.
        """
        ...

    def adopt(self, process: UniqueProcess, user: int, name: str) -> str:
        """Have the user's own manager take a process in as a scope with this name. What went
        wrong, in words; empty when it was done."""
        ...

    def reexecute(self, user: int | None) -> str:
        """Have a manager run its own program anew, with all its services going on: that of a user,
        or the system's. What went wrong, in words; empty when it was done."""
        ...


class Traces(Protocol):
    """The log of this machine, which administrators read."""

    def write(self, trace: Trace) -> None:
        """Write one line, or lose it: it never raises and never waits."""
        ...
