"""From what a caller names to resources: packages become files, and paths are looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from restartmanager.model import Resources, ResourceSpec
    from restartmanager.ports.machine import FileIdentifier, Packages


class ResourceIdentifier:
    """Looks at what a caller names, over the file system and the package manager."""

    def __init__(self, files: FileIdentifier, packages: Packages) -> None:
        self._files = files
        self._packages = packages

    def identify(self, spec: ResourceSpec) -> Resources:
        """These resources as they are now, to be known again once they were changed.

        Raises DirectoryAmongFilesError, UsageError for what cannot be registered, UnsupportedError
        where there is no package manager to ask.
        """
        seen = self._files.identify(self._with_packages(spec.files, spec.packages), spec.trees)
        return seen._replace(services=spec.services, processes=spec.processes)

    def resources_at(self, paths: Iterable[str], packages: Iterable[str]) -> Resources:
        """These paths, directories as trees, and the files of these packages, to ask about now.

        Raises UsageError for what cannot be a path and for a package that is not installed,
        UnsupportedError where there is no package manager to ask.
        """
        return self._files.resources_at(self._with_packages(paths, packages))

    def _with_packages(self, paths: Iterable[str], packages: Iterable[str]) -> list[str]:
        return [*paths, *(path for name in packages for path in self._packages.files_of(name))]
