"""Ports to the machine: time, packages, desktop entries, the event log, files and their holders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from restartmanager.model import Entry, Process, Resources, Sighting
    from restartmanager.model.logins import Login
    from restartmanager.rules.events import Event
    from restartmanager.rules.policy import Policy


class Clock(Protocol):
    """The port to clocks; all times are in seconds."""

    def now(self) -> float:
        """The time since 1970. It may jump, so it is for records only."""
        ...

    def monotonic(self) -> float:
        """The time since some instant. It never goes back, so deadlines are counted by it."""
        ...


class Packages(Protocol):
    """The port to the package manager."""

    def files_of(self, name: str) -> tuple[str, ...]:
        """The paths that an installed package owns, without directories and devices.

        Raises MissingResourceError when no such package is installed, UsageError for what cannot be
        the name of one, UnsupportedError where there is no package manager to ask.
        """
        ...


class Entries(Protocol):
    """The port to desktop entries, which say how applications are started."""

    def find(self, process: Process) -> Entry | None:
        """The entry of the application that this process leads, found by the name of its scope;
        None where there is none that may be believed and started.

        It has a ``doubt`` where the process belongs to another user than the one whose manager made
        the scope, or where it is not certain that it runs the program of the entry.
        """
        ...


class Logins(Protocol):
    """The port to the login manager."""

    def all(self) -> Sequence[Login]:
        """The logins that there are now; none where nobody keeps account of them."""
        ...


class NoEntries:
    """The Entries of a machine without a desktop."""

    def find(self, process: Process) -> Entry | None:  # noqa: ARG002 - as the port has it
        """No entry."""
        return None


class FileIdentifier(Protocol):
    """The port to the file system, which says what files the caller's paths lead to."""

    def identify(
        self,
        files: Sequence[str],
        trees: Sequence[str],
        *,
        owned: Sequence[str] = (),
        allow_missing: bool = False,
    ) -> Resources:
        """The identities of files and trees as they are now, so that they are known again after the
        change.

        Relative paths are made absolute. ``owned`` are files by the word of a package manager: not
        all of them need be there. Raises MissingResourceError for what else is not there, unless
        that is allowed, DirectoryAmongFilesError and DeviceAmongFilesError for what is no file,
        PathAccessError where the caller may not look, UsageError for a text that cannot be a path
        and for a tree that is no directory.
        """
        ...

    def resources_at(self, paths: Sequence[str], *, owned: Sequence[str] = ()) -> Resources:
        """The resources at these paths, for a question that is asked at once: each directory is a
        tree, anything else a file, whether it exists or not. ``owned`` as in ``identify``.

        No identities are recorded, so this takes less than ``identify``, and a file that is
        replaced meanwhile is not known again. Raises UsageError for a text that cannot be a path,
        PathAccessError for one that the caller may not look at.
        """
        ...


class Scanner(Protocol):
    """The port that finds holders."""

    def find_holders(self, resources: Resources) -> Sighting:
        """The processes that use these files and trees now, found in one look at the machine.

        A file matches by the identity recorded at registration or by the one its path has now.
        Registered processes that still live are holders as well. Services are left to the service
        managers. Processes that come and go meanwhile are facts, not errors. Paths in the evidence
        are the registered ones.
        """
        ...

    def find_stale(self, policy: Policy) -> Sighting:
        """The processes that run replaced code; no resources are needed.

        Replaced files that the policy leaves out of account are listed as ignored.
        """
        ...


class EventLog(Protocol):
    """The port to the machine's own log, which administrators read."""

    def write(self, event: Event) -> None:
        """Write one line, or lose it: it never raises and never waits."""
        ...


class NoEventLog:
    """The EventLog of a caller who wants none."""

    def write(self, event: Event) -> None:
        """No line."""
