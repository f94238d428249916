"""The doors to the machine: time, packages, desktop entries, the log, files and who uses them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from restartmanager.model import Entry, Process, Resources, Sighting
    from restartmanager.rules.events import Trace
    from restartmanager.rules.policy import Policy


class Clock(Protocol):
    """Time, as seconds."""

    def now(self) -> float:
        """Seconds since 1970: for records only, for it may jump."""
        ...

    def monotonic(self) -> float:
        """Seconds since some instant, never going back: for deadlines."""
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


class FileIdentifier(Protocol):
    """The file system, asked which files the caller's paths lead to."""

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


class Scanner(Protocol):
    """The finder of holders."""

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


class Traces(Protocol):
    """The log of this machine, which administrators read."""

    def write(self, trace: Trace) -> None:
        """Write one line, or lose it: it never raises and never waits."""
        ...
