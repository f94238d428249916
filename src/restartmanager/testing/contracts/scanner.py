"""Contract tests of the port ``Scanner``, the same for a real machine and a simulated one.

Derive a class from `ScannerContract` in a test module and define the hooks, by which files and
processes come about on your machine; pytest runs the tests. A check that fails raises
AssertionError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from restartmanager.model import How, Resources

if TYPE_CHECKING:
    from restartmanager.model import Evidence, Sighting
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.ports.machine import FileIdentifier, Scanner

__all__ = ["ScannerContract"]


class ScannerContract:
    """The tests of a scanner, and the hooks by which they get files and processes."""

    def scanner(self) -> Scanner:
        """The scanner under test."""
        raise NotImplementedError

    def files(self) -> FileIdentifier:
        """The adapter that identifies the files that the scanner is asked about."""
        raise NotImplementedError

    def new_folder(self) -> str:
        """The path of a new, empty directory."""
        raise NotImplementedError

    def new_program(self, path: str) -> None:
        """Put a program at this path that runs until it is ended; a new file, also where there is
        one already, which is replaced by renaming."""
        raise NotImplementedError

    def remove(self, path: str) -> None:
        """Remove a file."""
        raise NotImplementedError

    def opens(self, *paths: str) -> UniqueProcess:
        """A process that has these files open."""
        raise NotImplementedError

    def maps(self, path: str) -> UniqueProcess:
        """A process that has this file mapped, and not open."""
        raise NotImplementedError

    def executes(self, path: str) -> UniqueProcess:
        """A process that runs this program."""
        raise NotImplementedError

    def works_in(self, folder: str) -> UniqueProcess:
        """A process whose working directory this is."""
        raise NotImplementedError

    def end(self, process: UniqueProcess) -> None:
        """End a process and wait until it is gone."""
        raise NotImplementedError

    # -- single uses ---------------------------------------------------------------------------

    def test_a_file_that_nobody_uses_has_no_holders(self) -> None:
        """Nobody is nobody."""
        seen = self._look(self._program())
        _same(seen.holders, ())

    def test_a_process_that_has_a_file_open_is_found(self) -> None:
        """A descriptor is a use."""
        path = self._program()
        process = self.opens(path)
        _same(self._uses(path), [(process.pid, path, (How.OPEN,), False)])

    def test_a_process_that_has_a_file_mapped_is_found(self) -> None:
        """A mapping is a use without a descriptor."""
        path = self._program()
        process = self.maps(path)
        _same(self._uses(path), [(process.pid, path, (How.MAPPED,), False)])

    def test_a_running_program_is_found(self) -> None:
        """A program is in use by whoever runs it."""
        path = self._program()
        process = self.executes(path)
        ((pid, _, how, stale),) = self._uses(path)
        _same((pid, how[0], stale), (process.pid, How.EXECUTABLE, False))

    def test_the_holder_is_described(self) -> None:
        """The holder is the very process, not only its number."""
        path = self._program()
        process = self.opens(path)
        _same([holder.process.identity for holder in self._look(path).holders], [process])

    def test_a_process_that_has_ended_is_no_holder(self) -> None:
        """A use ends with the process."""
        path = self._program()
        self.end(self.opens(path))
        _same(self._uses(path), [])

    def test_a_process_comes_once_with_all_its_files(self) -> None:
        """One holder, one evidence for each file."""
        one, two = self._program(), self._program()
        process = self.opens(one, two)
        seen = self._look(one, two)
        _same([holder.process.identity for holder in seen.holders], [process])
        _same([item.path for item in seen.holders[0].evidence], sorted([one, two]))

    # -- identity ------------------------------------------------------------------------------

    def test_a_file_of_the_same_name_elsewhere_is_another_file(self) -> None:
        """A name is not a file."""
        path = f"{self.new_folder()}/program"
        other = f"{self.new_folder()}/program"
        self.new_program(path)
        self.new_program(other)
        self.opens(other)
        _same(self._uses(path), [])

    def test_who_uses_the_old_file_is_found_after_it_was_replaced(self) -> None:
        """The recorded identity finds the user of a file that is no longer at the path."""
        path = self._program()
        resources = self.files().identify([path], [])
        process = self.opens(path)
        self.new_program(path)
        _same(self._evidence(resources), [(process.pid, path, (How.OPEN,), True)])

    def test_who_uses_the_new_file_is_found_as_well(self) -> None:
        """The file that is at the path now counts too, and is not stale."""
        path = self._program()
        resources = self.files().identify([path], [])
        self.new_program(path)
        process = self.opens(path)
        _same(self._evidence(resources), [(process.pid, path, (How.OPEN,), False)])

    def test_who_uses_a_removed_file_is_found(self) -> None:
        """A removed file lives on as long as somebody uses it."""
        path = self._program()
        resources = self.files().identify([path], [])
        process = self.maps(path)
        self.remove(path)
        _same(self._evidence(resources), [(process.pid, path, (How.MAPPED,), True)])

    def test_a_file_that_came_after_registration_is_found(self) -> None:
        """Files need not exist when they are registered, where that is allowed."""
        path = f"{self.new_folder()}/later"
        resources = self.files().identify([path], [], allow_missing=True)
        _same([file.identity for file in resources.files], [None])
        self.new_program(path)
        process = self.opens(path)
        _same(self._evidence(resources), [(process.pid, path, (How.OPEN,), False)])

    # -- trees and processes -------------------------------------------------------------------

    def test_a_file_below_a_tree_is_found_under_its_own_path(self) -> None:
        """A tree stands for everything below it."""
        folder = self.new_folder()
        path = f"{folder}/program"
        self.new_program(path)
        resources = self.files().identify([], [folder])
        process = self.opens(path)
        _same(self._evidence(resources), [(process.pid, path, (How.OPEN,), False)])

    def test_the_working_directory_is_a_use_of_a_tree(self) -> None:
        """A directory is used by who works in it."""
        folder = self.new_folder()
        resources = self.files().identify([], [folder])
        process = self.works_in(folder)
        _same(self._evidence(resources), [(process.pid, folder, (How.CWD,), False)])

    def test_a_registered_process_is_a_holder_without_evidence_while_it_lives(self) -> None:
        """A process can be registered itself."""
        process = self.works_in(self.new_folder())
        resources = Resources(processes=(process,))
        holders = self.scanner().find_holders(resources).holders
        _same([(item.process.identity, item.evidence) for item in holders], [(process, ())])
        self.end(process)
        _same(self.scanner().find_holders(resources).holders, ())

    # -- helpers -------------------------------------------------------------------------------

    def _program(self) -> str:
        path = f"{self.new_folder()}/program"
        self.new_program(path)
        return path

    def _look(self, *paths: str) -> Sighting:
        return self.scanner().find_holders(self.files().identify(paths, []))

    def _uses(self, path: str) -> list[tuple[int, str, tuple[How, ...], bool]]:
        return _plain([item for holder in self._look(path).holders for item in holder.evidence])

    def _evidence(self, resources: Resources) -> list[tuple[int, str, tuple[How, ...], bool]]:
        holders = self.scanner().find_holders(resources).holders
        return _plain([item for holder in holders for item in holder.evidence])


def _plain(evidence: list[Evidence]) -> list[tuple[int, str, tuple[How, ...], bool]]:
    return [(item.pid, item.path, item.how, item.stale) for item in evidence]


def _same(found: object, expected: object) -> None:
    if found != expected:
        raise AssertionError(f"found {found!r}, expected {expected!r}")
