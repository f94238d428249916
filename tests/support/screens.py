"""A virtual screen with a window manager and real programs on it, for a test."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from Xlib import XK, X
from Xlib.display import Display
from Xlib.ext import xtest

from restartmanager.adapters.desktop.windows import X11Windows
from restartmanager.adapters.processes.processes import LinuxProcesses
from restartmanager.model.answers import WindowKind
from restartmanager.model.identity import UniqueProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from integration.conftest import Children
    from restartmanager.model import Process
    from restartmanager.model.answers import Windows

__all__ = ["Screen", "needs", "screen", "soon"]

PATIENCE_S = 30.0
_PACKAGES = {"Xvfb": "xvfb", "desktop-file-validate": "desktop-file-utils"}
_QUIET = subprocess.DEVNULL


def needs(*programs: str) -> None:
    """Skip the test where one of these is not installed."""
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed: package {_PACKAGES.get(program, program)}")


class Screen:
    """An X server of a test's own, with its key in a file, and openbox."""

    def __init__(self, children: Children, folder: Path, uid: int = 0) -> None:
        needs("Xvfb", "openbox", "xauth")
        self._children = children
        self._options = {"user": uid, "group": uid, "extra_groups": []} if uid else {}
        self._authority = folder / "authority"
        self._authority.touch(mode=0o600)
        os.chown(self._authority, uid or os.geteuid(), uid or os.getegid())
        reading, writing = os.pipe()
        with open(reading, "rb", closefd=True) as told:
            self._server = children.spawn(
                *("Xvfb", "-displayfd", str(writing), "-nolisten", "tcp", "-noreset"),
                *("-auth", str(self._authority), "-screen", "0", "800x600x24"),
                pass_fds=[writing],
                stderr=_QUIET,
                **self._options,
            )
            os.close(writing)
            self.number = int(told.readline())
        self._make_key()
        self.environment = {
            **{name: value for name, value in os.environ.items() if name in {"PATH", "LANG"}},
            "DISPLAY": f":{self.number}",
            "XAUTHORITY": str(self._authority),
            "HOME": str(folder),
            "NO_AT_BRIDGE": "1",
            "GSETTINGS_BACKEND": "memory",
        }
        self._display = self._connect()
        self.root = self._display.screen().root
        self.root.change_attributes(event_mask=X.PropertyChangeMask | X.SubstructureNotifyMask)
        self.manager = self.start("openbox")
        self._await(lambda: bool(self._property("_NET_SUPPORTING_WM_CHECK")))

    def _make_key(self) -> None:
        """A server with an empty file of keys lets everybody in who may read it: give it one."""
        command = ["xauth", "-f", str(self._authority), "add", f":{self.number}", ".", "00" * 16]
        subprocess.run(command, check=True, stderr=_QUIET)

    def _connect(self) -> Display:
        before = os.environ.get("XAUTHORITY")
        os.environ["XAUTHORITY"] = str(self._authority)
        try:
            return Display(f"unix/:{self.number}")
        finally:
            if before is None:
                del os.environ["XAUTHORITY"]
            else:
                os.environ["XAUTHORITY"] = before

    def close(self) -> None:
        self._display.close()
        self._server.terminate()  # killed, it would leave its socket
        self._server.wait(10)

    # -- programs --------------------------------------------------------------------------------

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """A program on this screen; its window may take a while."""
        needs(command[0])
        return self._children.spawn(
            *command,
            env=self.environment,
            stdout=_QUIET,
            stderr=_QUIET,
            **self._options,
        )

    def shown(self, *command: str) -> subprocess.Popen[bytes]:
        """A program on this screen, whose main window is there."""
        child = self.start(*command)
        self.await_windows(child, lambda windows: windows.kind is WindowKind.MAIN)
        return child

    def process(self, child: subprocess.Popen[bytes]) -> Process:
        return LinuxProcesses().describe(UniqueProcess.of(child.pid))

    def windows(self, child: subprocess.Popen[bytes]) -> Windows | None:
        process = self.process(child)
        return X11Windows().find([process], soon()).get(process.identity)

    def ask_to_close(self, *children: subprocess.Popen[bytes]) -> list[Windows | None]:
        processes = [self.process(child) for child in children]
        found = X11Windows().close(processes, soon())
        return [found.get(process.identity) for process in processes]

    # -- waiting, by what the server tells ---------------------------------------------------------

    def await_windows(
        self, child: subprocess.Popen[bytes], condition: Callable[[Windows], bool]
    ) -> None:
        self.await_process(self.process(child), condition)

    def await_process(self, process: Process, condition: Callable[[Windows], bool]) -> None:
        def holds() -> bool:
            windows = X11Windows().find([process], soon()).get(process.identity)
            return windows is not None and condition(windows)

        self._await(holds)

    def _await(self, condition: Callable[[], bool]) -> None:
        """Look again whenever something happens on the screen."""
        deadline = soon()
        while not condition():
            left = deadline - time.monotonic()
            assert left > 0, "it did not happen"
            select.select([self._display], [], [], min(left, 1.0))
            while self._display.pending_events():
                self._display.next_event()

    def _property(self, name: str) -> Mapping[str, object] | None:
        found = self.root.get_full_property(self._display.intern_atom(name), X.AnyPropertyType)
        return None if found is None else {"value": found.value}

    # -- a user's hands ----------------------------------------------------------------------------

    def type_key(self, name: str) -> None:
        """Press and release one key, in the window that has the focus."""
        code = self._display.keysym_to_keycode(XK.string_to_keysym(name))
        for kind in (X.KeyPress, X.KeyRelease):
            xtest.fake_input(self._display, kind, code)
        self._display.sync()


@pytest.fixture
def screen(children: Children, tmp_path: Path) -> Iterator[Screen]:
    """A screen for one test."""
    made = Screen(children, tmp_path)
    try:
        yield made
    finally:
        made.close()


def soon() -> float:
    return time.monotonic() + PATIENCE_S
