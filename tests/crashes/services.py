"""Services of a real systemd that must survive: with a socket, with others, on the bus, idle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from crashes.workshop import Workshop
from support.units import Units, state, systemctl

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["service_workshop"]


def service_workshop(folder: Path) -> Workshop:
    """A workshop of services, whose names carry that of its folder."""
    workshop = Workshop(folder, tempers=())
    subject = Services(Units(Path("/srv") / f"{folder.parent.name}-{folder.name}"), folder.name)
    workshop.library = subject.units.library
    workshop.subjects = [subject]
    return workshop


class Services:
    """Some services that belong together: all must be as they were before."""

    def __init__(self, units: Units, name: str) -> None:
        self.name = name
        self.units = units
        self._states: dict[str, str] = {}
        self._starts: dict[str, int] = {}

    def start(self) -> None:
        base = self._service("base")
        needs = [f"Requires={base}", f"After={base}"]
        running = [
            base,
            self._service("top", unit=needs),
            self._service("slow", unit=[f"After={base}"], options=["--slow"]),
            self._service("web"),
            self._service("bus", service=[f"BusName=org.example.crash{self.name}"]),
        ]
        self._service("idle")
        socket = f"[Socket]\nListenStream={self.units.folder}/web.sock\n"
        self.units.add(self._unit("web.socket"), socket)
        self.units.start(self._unit("web.socket"), *running)
        names = [*running, self._unit("web.socket"), self._unit("idle.service")]
        self._states = dict(zip(names, state(*names), strict=True))
        self._starts = {name: self._count(name) for name in names}

    def complaints(self, most_starts: int = 1) -> list[str]:
        found = []
        now = dict(zip(self._states, state(*self._states), strict=True))
        for name, before in self._states.items():
            if now[name] != before:
                found.append(f"{name} was {before} and is {now[name]}")
            starts = self._count(name) - self._starts[name]
            if starts > most_starts:
                found.append(f"{name} was started {starts} times")
            self._starts[name] += starts
            if systemctl("show", "--property=LoadState", "--value", name) != "loaded":
                found.append(f"{name} is masked")
        return found

    def end(self) -> None:
        # Killed services have failed, and another lane would be told that they did meanwhile.
        systemctl("stop", *self._states, check=False)
        self.units.remove_all()

    def _service(
        self,
        word: str,
        *,
        unit: Sequence[str] = (),
        service: Sequence[str] = (),
        options: Sequence[str] = (),
    ) -> str:
        name = self._unit(f"{word}.service")
        note = f"ExecStartPre=/bin/sh -c 'echo >>{self._starts_file(name)}'"
        often = "StartLimitIntervalSec=0"
        return self.units.service(
            name, *options, unit=[*unit, often], service=[*service, note], kept=True
        )

    def _unit(self, name: str) -> str:
        return f"crash-{self.name}-{name}"

    def _starts_file(self, name: str) -> Path:
        return self.units.folder / f"{name}.starts"

    def _count(self, name: str) -> int:
        path = self._starts_file(name)
        return len(path.read_bytes()) if path.exists() else 0
