"""The adapter of the port ``Screens``.

Code that speaks to displays is loaded when somebody is to be asked about. Where it is missing,
nobody has windows.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from restartmanager.errors import UnsupportedError
from restartmanager.ports.applications import NoScreens

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from restartmanager.model import Process
    from restartmanager.model.answers import Windows
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.model.progress import CancelToken
    from restartmanager.ports.applications import Screens


class DesktopScreens:
    """The X displays, where python-xlib is installed (the extra ``x11``), else none; port
    ``Screens``."""

    def find(
        self, processes: Sequence[Process], deadline: float, cancel: CancelToken | None = None
    ) -> Mapping[UniqueProcess, Windows]:
        """The windows of those of these processes that have any."""
        return self._screens.find(processes, deadline, cancel) if processes else {}

    def close(
        self, processes: Sequence[Process], deadline: float, cancel: CancelToken | None = None
    ) -> Mapping[UniqueProcess, Windows]:
        """Ask the main windows of these to close, where they respond."""
        return self._screens.close(processes, deadline, cancel) if processes else {}

    @cached_property
    def _screens(self) -> Screens:
        from restartmanager.adapters.desktop.windows import X11Windows

        try:
            return X11Windows()
        except UnsupportedError:
            return NoScreens()
