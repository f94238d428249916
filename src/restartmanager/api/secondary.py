"""The handle of a secondary, and what both roles can do with a session."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from restartmanager.api.settings import handed_on
from restartmanager.errors import NoSuchSessionError, SessionEndedError
from restartmanager.model import ResourceSpec
from restartmanager.rules import arguments

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from restartmanager.engine.engine import Engine
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.rules.arguments import PathLike


class SessionHandle:
    """What both roles can do: register and leave. ``installer`` is the primary, where that is
    another process."""

    def __init__(self, engine: Engine, key: str, installer: UniqueProcess | None = None) -> None:
        self._engine = engine
        self._key = arguments.normalise_key(key)
        self._installer = installer
        self._ended = False

    @property
    def key(self) -> str:
        """The session key, 32 hexadecimal digits: who has it and is the same user may join."""
        return self._key

    def environ(self) -> dict[str, str]:
        """The environment variables that hand the key to a secondary, as a dictionary. While what
        has them works, the session is not abandoned, though its installer may be dead."""
        return handed_on(self._key)

    def register(  # noqa: PLR0913 - each kind of resource, and one wish
        self,
        *,
        files: Iterable[PathLike] = (),
        trees: Iterable[PathLike] = (),
        packages: Iterable[str] = (),
        services: Iterable[str] = (),
        processes: Iterable[UniqueProcess] = (),
        allow_missing: bool = False,
    ) -> None:
        """Register what will be changed; call it before anything is replaced.

        Relative paths are made absolute. ``trees`` are directories below which anything may change.
        ``packages`` stand for the files that they own now. A file, tree, package or service that
        does not exist is an error, since it is mistyped as a rule; ``allow_missing`` takes those
        that only come with the change. A link that leads nowhere exists, for it may be what is
        replaced; so do FIFOs and sockets. All of a call is registered or nothing; what is
        registered already may be named again.

        Raises MissingResourceError, DirectoryAmongFilesError, DeviceAmongFilesError, UsageError for
        what cannot be a name, PathAccessError where the caller may not look, OtherFilesError where
        a path means another file to the primary, UnsupportedError, StoreError.
        """
        with self._alive():
            spec = ResourceSpec(
                files=arguments.paths(files, "files"),
                trees=arguments.paths(trees, "trees"),
                packages=arguments.texts(packages, "packages"),
                services=arguments.texts(services, "services"),
                processes=arguments.unique_processes(processes),
                allow_missing=bool(allow_missing),
            )
            self._engine.register(self._key, spec, installer=self._installer)

    @contextmanager
    def _alive(self) -> Iterator[None]:
        """A session that is gone was ended, from the point of view of who has a handle on it."""
        if self._ended:
            raise SessionEndedError
        try:
            yield
        except NoSuchSessionError as error:
            raise SessionEndedError from error

    def __repr__(self) -> str:
        state = "ended" if self._ended else "open"
        return f"<{type(self).__name__} {state}>"  # without the key, which is a secret


class JoinedSession(SessionHandle):
    """A secondary's handle: it registers resources and leaves. Made by join_session."""

    def end(self) -> None:
        """Leave. The session lives on until its primary ends it."""
        if not self._ended:
            self._engine.leave(self._key)
            self._ended = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
