"""From what a caller names to resources: packages become files, and paths are looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from restartmanager.errors import MissingResourceError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from restartmanager.model import Resources, ResourceSpec
    from restartmanager.ports.machine import FileIdentifier, Packages
    from restartmanager.ports.services import ServiceManager


class ResourceIdentifier:
    """Looks at what a caller names, over the file system and the package manager."""

    def __init__(self, files: FileIdentifier, packages: Packages) -> None:
        self._files = files
        self._packages = packages

    def identify(self, spec: ResourceSpec, services: ServiceManager) -> Resources:
        """These resources as they are now, to be known again once they were changed.

        Raises MissingResourceError for all names that nothing has, unless those are allowed,
        PathAccessError where the caller may not look, DirectoryAmongFilesError and
        DeviceAmongFilesError, UsageError for what cannot be registered at all, UnsupportedError
        where there is no package manager to ask.
        """
        owned, packages = self._files_of(spec.packages)
        unknown = () if spec.allow_missing else _unknown(spec.services, services)
        try:
            seen = self._files.identify(
                spec.files, spec.trees, owned=owned, allow_missing=spec.allow_missing
            )
        except MissingResourceError as error:
            files, trees = error.missing.get("files", ()), error.missing.get("trees", ())
            raise MissingResourceError(
                files=files, trees=trees, packages=packages, services=unknown
            ) from None
        if not spec.allow_missing and (packages or unknown):
            raise MissingResourceError(packages=packages, services=unknown)
        return seen._replace(services=spec.services, processes=spec.processes)

    def resources_at(self, paths: Iterable[str], packages: Iterable[str]) -> Resources:
        """These paths, directories as trees, and the files of these packages, to ask about now.

        Raises UsageError for what cannot be a path and for a package that is not installed,
        PathAccessError where the caller may not look, UnsupportedError where there is no package
        manager to ask.
        """
        owned = [path for name in packages for path in self._packages.files_of(name)]
        return self._files.resources_at(list(paths), owned=owned)

    def _files_of(self, packages: Iterable[str]) -> tuple[list[str], tuple[str, ...]]:
        """The files of the packages that are installed, and the names of the others."""
        owned: list[str] = []
        missing: list[str] = []
        for name in packages:
            try:
                owned += self._packages.files_of(name)
            except MissingResourceError:
                missing.append(name)
        return owned, tuple(dict.fromkeys(missing))


def _unknown(names: Iterable[str], services: ServiceManager) -> tuple[str, ...]:
    wanted = dict.fromkeys(names)
    known = services.resolve(wanted) if wanted else {}
    return tuple(name for name in wanted if name not in known)
