"""The windows of one X display: whose they are, whether they respond, and how they are closed.

A window belongs to the process that the X server names (X-Resource 1.2, LocalClientPID), not to the
one that its property claims (_NET_WM_PID), which counts only where the server cannot say and the
window is of this machine. What is asked is what the window manager's own close button asks
(_NET_CLOSE_WINDOW, else WM_DELETE_WINDOW); no client is ever disconnected.

This module runs in the helper process (``x11_helper``) only. Source of the properties: Extended
Window Manager Hints 1.5; Inter-Client Communication Conventions Manual 2.0.
"""

from __future__ import annotations

import select
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from Xlib import X
from Xlib.error import XError
from Xlib.ext import res
from Xlib.protocol import event

from restartmanager.adapters.desktop.x11_shared import TITLE_LENGTH

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


_WINDOWS = 4096  # a server may tell of any number
_APPLICATION_TYPES = frozenset({"_NET_WM_WINDOW_TYPE_NORMAL", "_NET_WM_WINDOW_TYPE_DIALOG"})
_SHELL_TYPES = frozenset({"_NET_WM_WINDOW_TYPE_DESKTOP", "_NET_WM_WINDOW_TYPE_DOCK"})


@dataclass(slots=True)
class Window:
    """One top-level window; ``responds`` is None where it has no way to tell."""

    resource: Any
    pid: int
    title: str
    types: frozenset[str]
    protocols: frozenset[str]
    transient: bool
    responds: bool | None = None

    @property
    def of_shell(self) -> bool:
        """Whether it is a panel or the desktop itself."""
        return bool(self.types & _SHELL_TYPES)

    @property
    def is_main(self) -> bool:
        """Whether it is one that people see as the application, not a dialog of it."""
        kind = not self.types or bool(self.types & _APPLICATION_TYPES)
        return kind and not self.transient and not self.of_shell


class Desktop:
    """One X display, seen through a connection (Xlib.display.Display)."""

    def __init__(self, connection: Any) -> None:  # noqa: ANN401 - python-xlib has no types
        self._display = connection
        self._atoms: dict[str, int] = {}
        self._roots = [
            connection.screen(number).root for number in range(connection.screen_count())
        ]
        self._knows_clients = self._has_client_numbers()

    def _has_client_numbers(self) -> bool:
        if not self._display.has_extension(res.extname):
            return False
        version = self._display.res_query_version()
        return (version.server_major, version.server_minor) >= (1, 2)

    # -- whose ---------------------------------------------------------------------------------

    def clients(self) -> frozenset[int]:
        """The numbers of all processes of this machine that are connected to the display."""
        if not self._knows_clients:
            return frozenset()
        bases = [client.resource_base for client in self._display.res_query_clients().clients]
        return frozenset(pid for base in bases if (pid := self._server_says(base)))

    def window_managers(self) -> frozenset[int]:
        """The process that manages the windows (_NET_SUPPORTING_WM_CHECK)."""
        found = set()
        for root in self._roots:
            for number in self._numbers(root, "_NET_SUPPORTING_WM_CHECK")[:1]:
                window = self._display.create_resource_object("window", number)
                found.add(self._owner(window))
        return frozenset(found - {0})

    def _owner(self, window: Any) -> int:  # noqa: ANN401
        if self._knows_clients:
            return self._server_says(window.id)
        machine = self._text(window, "WM_CLIENT_MACHINE")
        claimed = self._numbers(window, "_NET_WM_PID")
        return claimed[0] if claimed and machine == socket.gethostname() else 0

    def _server_says(self, resource: int) -> int:
        """The process behind a resource; 0 for one of another machine."""
        wanted = [{"client": resource, "mask": res.LocalClientPIDMask}]
        with suppress(XError):
            for found in self._display.res_query_client_ids(wanted).ids:
                if found.spec.mask & res.LocalClientPIDMask and found.value:
                    return int(found.value[0])
        return 0

    # -- windows -------------------------------------------------------------------------------

    def windows(self) -> list[Window]:
        """All top-level windows of processes of this machine."""
        found = []
        for resource in self._top_level():
            with suppress(XError):  # it was closed meanwhile
                pid = self._owner(resource)
                if pid:
                    found.append(self._describe(resource, pid))
        return found

    def _top_level(self) -> Iterator[Any]:
        for root in self._roots:
            listed = self._numbers(root, "_NET_CLIENT_LIST")
            if not listed and not self._numbers(root, "_NET_SUPPORTING_WM_CHECK"):
                yield from self._unmanaged(root)
            for number in listed[:_WINDOWS]:
                yield self._display.create_resource_object("window", number)

    def _unmanaged(self, root: Any) -> Iterator[Any]:  # noqa: ANN401
        """The windows that are seen where no window manager says which are."""
        for window in root.query_tree().children[:_WINDOWS]:
            with suppress(XError):
                seen = window.get_attributes()
                if seen.map_state == X.IsViewable and not seen.override_redirect:
                    yield window

    def _describe(self, resource: Any, pid: int) -> Window:  # noqa: ANN401
        parents = self._numbers(resource, "WM_TRANSIENT_FOR")
        roots = {root.id for root in self._roots}
        return Window(
            resource=resource,
            pid=pid,
            title=self._text(resource, "_NET_WM_NAME") or self._text(resource, "WM_NAME"),
            types=self._names(resource, "_NET_WM_WINDOW_TYPE"),
            protocols=self._names(resource, "WM_PROTOCOLS"),
            transient=any(number and number not in roots for number in parents),
        )

    # -- asking --------------------------------------------------------------------------------

    def ping(self, windows: Iterable[Window], seconds: float) -> None:
        """Find out whether these respond (_NET_WM_PING); all have the same time to do so."""
        waiting: dict[int, Window] = {}
        for root in self._roots:
            root.change_attributes(event_mask=X.SubstructureNotifyMask)
        for window in windows:
            if "_NET_WM_PING" in window.protocols:
                window.responds = False
                waiting[window.resource.id] = window
                self._say(window, "_NET_WM_PING", window.resource.id)
        self._display.flush()
        deadline = time.monotonic() + seconds
        while waiting and (left := deadline - time.monotonic()) > 0:
            self._take_pongs(waiting)
            if waiting:
                select.select([self._display], [], [], left)
        for root in self._roots:
            root.change_attributes(event_mask=X.NoEventMask)

    def _take_pongs(self, waiting: dict[int, Window]) -> None:
        ping = self._atom("_NET_WM_PING")
        while self._display.pending_events():
            found = self._display.next_event()
            if found.type == X.ClientMessage and found.data[0] == 32 and found.data[1][0] == ping:
                window = waiting.pop(found.data[1][2], None)
                if window is not None:
                    window.responds = True

    def close(self, window: Window) -> bool:
        """Ask a window to close as its close button does; False where it cannot be asked."""
        if "WM_DELETE_WINDOW" not in window.protocols:
            return False  # a window manager would disconnect its client instead
        for root in self._roots:
            if self._atom("_NET_CLOSE_WINDOW") in self._numbers(root, "_NET_SUPPORTED"):
                self._send(root, window, "_NET_CLOSE_WINDOW", [X.CurrentTime, 2, 0, 0, 0])
                return True
        self._say(window, "WM_DELETE_WINDOW", 0)
        return True

    def _say(self, window: Window, protocol: str, word: int) -> None:
        """Send a window one of the messages of WM_PROTOCOLS."""
        message = event.ClientMessage(
            window=window.resource,
            client_type=self._atom("WM_PROTOCOLS"),
            data=(32, [self._atom(protocol), X.CurrentTime, word, 0, 0]),
        )
        window.resource.send_event(message, event_mask=X.NoEventMask)

    def _send(self, root: Any, window: Window, kind: str, words: list[int]) -> None:  # noqa: ANN401
        message = event.ClientMessage(
            window=window.resource, client_type=self._atom(kind), data=(32, words)
        )
        mask = X.SubstructureRedirectMask | X.SubstructureNotifyMask
        root.send_event(message, event_mask=mask)

    # -- properties ----------------------------------------------------------------------------

    def _atom(self, name: str) -> int:
        if name not in self._atoms:
            self._atoms[name] = self._display.intern_atom(name)
        return self._atoms[name]

    def _property(self, window: Any, name: str) -> Any:  # noqa: ANN401
        with suppress(XError):
            return window.get_property(self._atom(name), X.AnyPropertyType, 0, _WINDOWS)
        return None

    def _numbers(self, window: Any, name: str) -> list[int]:  # noqa: ANN401
        found = self._property(window, name)
        return [] if found is None or found.format != 32 else [int(n) for n in found.value]

    def _text(self, window: Any, name: str) -> str:  # noqa: ANN401
        found = self._property(window, name)
        if found is None or found.format != 8:
            return ""
        text = found.value if isinstance(found.value, bytes) else str(found.value).encode()
        return text.decode("utf-8", "replace")[:TITLE_LENGTH]

    def _names(self, window: Any, name: str) -> frozenset[str]:  # noqa: ANN401
        numbers = self._numbers(window, name)[:64]
        known = {self._atom(word): word for word in (*_APPLICATION_TYPES, *_SHELL_TYPES)}
        known |= {self._atom(word): word for word in ("WM_DELETE_WINDOW", "_NET_WM_PING")}
        return frozenset(known.get(number, "another") for number in numbers)
