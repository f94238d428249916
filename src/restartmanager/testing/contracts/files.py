"""Contract tests of the port ``FileIdentifier``, the same for real files and simulated ones.

Derive a class from `FileIdentifierContract` in a test module and define the hooks, by which files
come about on your machine; pytest runs the tests. A check that fails raises AssertionError.
"""

# ruff: noqa: S101 - these are tests: they assert

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from restartmanager.errors import DirectoryAmongFilesError, MissingResourceError, UsageError
from restartmanager.model import FileResource, TreeResource

if TYPE_CHECKING:
    from restartmanager.ports.machine import FileIdentifier

__all__ = ["FileIdentifierContract"]


class FileIdentifierContract:
    """The tests of a file identifier, and the hooks by which they get files."""

    def identifier(self) -> FileIdentifier:
        """The identifier under test."""
        raise NotImplementedError

    def new_folder(self) -> str:
        """The path of a new, empty directory."""
        raise NotImplementedError

    def new_file(self, path: str) -> None:
        """Put a file at this path; a new one, also where there is one already, which is replaced
        by renaming."""
        raise NotImplementedError

    # -- to be known again ---------------------------------------------------------------------

    def test_a_file_has_one_identity_as_long_as_it_is_there(self) -> None:
        """Looking twice finds the same file."""
        path = self._file()
        first, second = self._seen(path), self._seen(path)
        assert first == second
        assert (first.path, first.identity is None) == (path, False)

    def test_another_file_under_the_same_name_has_another_identity(self) -> None:
        """A name is not a file."""
        path = self._file()
        before = self._seen(path)
        self.new_file(path)
        assert self._seen(path).identity not in {before.identity, None}

    def test_a_path_that_leads_nowhere_has_no_identity(self) -> None:
        """Where it is allowed that files and trees only come with the change."""
        path = f"{self.new_folder()}/later"
        seen = self.identifier().identify([path], [path + "s"], allow_missing=True)
        assert seen.files == (FileResource(path, None),)
        assert seen.trees == (TreeResource(path + "s"),)

    def test_what_is_missing_is_an_error_that_names_it(self) -> None:
        """Each name once, files and trees apart; what is there beside them changes nothing."""
        file = self._file()
        lost, tree = f"{self.new_folder()}/lost", f"{self.new_folder()}/tree"
        with pytest.raises(MissingResourceError) as caught:
            self.identifier().identify([lost, file, lost], [tree])
        assert caught.value.missing == {"files": (lost,), "trees": (tree,)}

    def test_a_package_may_own_what_is_not_there(self) -> None:
        """Whoever installed it may have left something out; what was named itself stays first."""
        file, lost = self._file(), f"{self.new_folder()}/lost"
        seen = self.identifier().identify([file], [], owned=[lost, file])
        assert [(item.path, item.identity is None) for item in seen.files] == [
            (file, False),
            (lost, True),
        ]
        asked = self.identifier().resources_at([file], owned=[lost])
        assert [item.path for item in asked.files] == [file, lost]

    def test_a_path_that_is_named_twice_counts_once(self) -> None:
        """In its first place."""
        one, two = self._file(), self._file()
        seen = self.identifier().identify([one, two, one], [])
        assert [file.path for file in seen.files] == [one, two]

    def test_a_tree_has_all_that_is_below_it_and_itself(self) -> None:
        """As single files are identified."""
        folder = self.new_folder()
        path = f"{folder}/file"
        self.new_file(path)
        (tree,) = self.identifier().identify([], [folder]).trees
        assert tree.path == folder
        assert {entry.path for entry in tree.entries} == {folder, path}
        assert self._seen(path) in tree.entries
        assert all(entry.identity is not None for entry in tree.entries)

    def test_what_cannot_be_registered_is_refused(self) -> None:
        """Directories among files, files among trees, and what is no path."""
        folder, file = self.new_folder(), self._file()
        with pytest.raises(DirectoryAmongFilesError):
            self.identifier().identify([file, folder], [])
        with pytest.raises(UsageError):
            self.identifier().identify([], [file])
        for wrong in ("", "a\0b"):
            with pytest.raises(UsageError):
                self.identifier().identify([wrong], [])

    # -- to ask about at once ------------------------------------------------------------------

    def test_what_is_asked_about_at_once_is_not_recorded(self) -> None:
        """Directories are trees, all else is a file, whatever is there."""
        folder, file = self.new_folder(), self._file()
        nothing = f"{folder}/nothing"
        seen = self.identifier().resources_at([nothing, folder, file, folder])
        assert seen.files == (FileResource(nothing, None), FileResource(file, None))
        assert seen.trees == (TreeResource(folder),)

    def test_what_is_no_path_cannot_be_asked_about(self) -> None:
        """As it cannot be registered."""
        for wrong in ("", "a\0b"):
            with pytest.raises(UsageError):
                self.identifier().resources_at([wrong])

    # -- helpers -------------------------------------------------------------------------------

    def _file(self) -> str:
        path = f"{self.new_folder()}/file"
        self.new_file(path)
        return path

    def _seen(self, path: str) -> FileResource:
        (found,) = self.identifier().identify([path], []).files
        return found
