"""Units of a sandbox: real services of the system's and of a user's manager."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from support.paths import PROGRAMS

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["PYTHON", "Units", "library_at", "main_pid", "maps", "state", "systemctl"]

_SERVES = PROGRAMS / "serves.py"
_LIBRARY = Path("/lib/x86_64-linux-gnu/libm.so.6")
_SYSTEM = Path("/etc/systemd/system")
PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable
"""One that every user may run; ours may lie in a home folder."""


def systemctl(*arguments: str, check: bool = True) -> str:
    """What systemctl says."""
    done = subprocess.run(
        ["/usr/bin/systemctl", *arguments],
        capture_output=True,
        text=True,
        check=False,
        errors="replace",
    )
    if check and done.returncode != 0:
        raise AssertionError(f"systemctl {' '.join(arguments)}: {done.stderr}")
    return done.stdout.strip()


def state(*units: str) -> list[str]:
    """Whether these units are active, as their manager calls it."""
    return systemctl("is-active", *units, check=False).split()


def main_pid(unit: str, *options: str) -> int:
    """The main process of a unit, 0 where there is none."""
    return int(systemctl(*options, "show", "--property=MainPID", "--value", unit))


def maps(pid: int, path: Path) -> bool:
    """Whether a process has the file mapped that is at the path now."""
    inode = path.stat().st_ino
    lines = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines()
    return any(int(line.split()[4]) == inode for line in lines)


def library_at(path: Path) -> Path:
    """A library at a path; where there is one already, a new file takes its place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    shutil.copy(_LIBRARY, fresh)
    fresh.chmod(0o644)
    os.replace(fresh, path)
    return path


@dataclass
class Units:
    """Makes units that use one library; remembers them, to take them away again."""

    folder: Path
    _files: list[Path] = field(default_factory=list)
    _names: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.library = library_at(self.folder / "lib" / "libwidget.so")
        self.program = Path(shutil.copy(_SERVES, self.folder))

    def command(self, *options: str) -> str:
        """An ExecStart= of a service that uses the library."""
        return " ".join([PYTHON, str(self.program), str(self.library), *options])

    def add(self, name: str, text: str, folder: Path = _SYSTEM) -> str:
        """Write a unit file; `reload` makes it known."""
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        self._files.append(path)
        self._names.append(name)
        return name

    def service(
        self,
        name: str,
        *options: str,
        unit: Sequence[str] = (),
        service: Sequence[str] = (),
        kind: str = "notify",
        kept: bool = False,
    ) -> str:
        """Write the unit file of a service that uses the library; ``kept``: it is wanted at boot,
        so that the manager does not forget it when it is stopped."""
        lines = ["[Unit]", *unit, "[Service]", f"Type={kind}", "NotifyAccess=all", *service]
        lines.append(f"ExecStart={self.command(*options)}")
        self.add(name, "\n".join([*lines, ""]))
        if kept:
            wants = _SYSTEM / "multi-user.target.wants" / name
            wants.parent.mkdir(exist_ok=True)
            wants.symlink_to(_SYSTEM / name)
            self._files.append(wants)
        return name

    def start(self, *names: str) -> None:
        """Have the manager read the files, and start some of the units."""
        systemctl("daemon-reload")
        if names:
            systemctl("start", *names)

    def remove_all(self) -> None:
        """Stop all, and take the files away."""
        loaded = [name for name in self._names if "@." not in name]
        systemctl("kill", "--signal=KILL", *loaded, check=False)
        systemctl("stop", *reversed(loaded), check=False)
        for path in self._files:
            path.unlink(missing_ok=True)
        systemctl("daemon-reload", check=False)
