"""Questions to a systemd manager about units: their properties, and which of them have failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from restartmanager.adapters.services.systemd.dbus import Call, Refusal
from restartmanager.adapters.services.systemd.unit_facts import (
    FACTS,
    SPECIAL_FACTS,
    Unit,
    is_unit_name,
    state_of,
)
from restartmanager.errors import ProcessError
from restartmanager.model import ServiceState
from restartmanager.model.identity import UniqueProcess

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from restartmanager.adapters.services.systemd.dbus import Bus


_BASE = "/org/freedesktop/systemd1"
_INTERFACE = "org.freedesktop.systemd1"
_PROPERTIES = "org.freedesktop.DBus.Properties"


def manager_call(member: str, signature: str = "", *arguments: object) -> Call:
    """A call of a method of the manager itself."""
    return Call(_BASE, f"{_INTERFACE}.Manager", member, signature, arguments)


def unit_path(name: str) -> str:
    """The object that stands for a unit, by systemd's own escaping (sd_bus_path_encode(3))."""
    label = "".join(
        character
        if character.isascii() and character.isalnum() and (i or not character.isdigit())
        else f"_{ord(character):02x}"
        for i, character in enumerate(name)
    )
    return f"{_BASE}/unit/{label}"


def load_units(bus: Bus, names: Collection[str]) -> dict[str, Unit]:
    """The facts about these units now, by their names; those without an answer have no facts."""
    units = read_properties(bus, names, *FACTS)
    special = [name for name, unit in units.items() if unit.is_special]
    more = read_properties(bus, special, *SPECIAL_FACTS)
    return units | {name: units[name].with_more(more[name]) for name in special}


def read_properties(bus: Bus, names: Collection[str], *wanted: str) -> dict[str, Unit]:
    """Some properties of units: those of the Unit interface, or ``Service.NAME``."""
    ordered = list(dict.fromkeys(names))
    calls = []
    for name in ordered:
        for item in wanted:
            kind, _, key = item.rpartition(".")
            calls.append(_get(unit_path(name), kind or "Unit", key))
    answers = iter(bus.call_all(calls))
    units = {}
    for name in ordered:
        properties = {}
        for item in wanted:
            answer = next(answers)
            if not isinstance(answer, Refusal) and answer:
                properties[item.rpartition(".")[2]] = _value(answer[0])
        units[name] = Unit(properties)
    return units


def read_all(bus: Bus, name: str) -> dict[str, Any] | None:
    """All properties that only the kind of a unit has, as D-Bus variants (signature, value); None
    where its manager does not say."""
    kind = name.rpartition(".")[2].capitalize()
    call = Call(unit_path(name), _PROPERTIES, "GetAll", "s", (f"{_INTERFACE}.{kind}",))
    answer = bus.call(call)
    if isinstance(answer, Refusal) or not answer or not isinstance(answer[0], dict):
        return None
    return answer[0]


@dataclass(frozen=True, slots=True)
class ListedUnit:
    """One line of the manager's list of units."""

    name: str
    """The unit's own name, where it was asked for by an alias."""
    description: str
    load_state: str
    state: ServiceState
    stopping: bool = False
    """Whether it is being stopped at this moment."""

    @property
    def exists(self) -> bool:
        """Whether there is such a unit."""
        loaded = self.load_state not in {"not-found", "error", "bad-setting"}
        return loaded or self.state in {ServiceState.ACTIVE, ServiceState.CHANGING}


def list_units(bus: Bus, names: Iterable[str]) -> dict[str, ListedUnit]:
    """The lines of the manager's list about these units, by the names given; it takes one call."""
    wanted = list(dict.fromkeys(names))
    if not wanted:
        return {}
    rows = _rows(bus, manager_call("ListUnitsByNames", "as", wanted))
    if len(rows) != len(wanted):  # a user's manager may say anything
        return {}
    return dict(zip(wanted, rows, strict=True))


def failed_units(bus: Bus) -> frozenset[str]:
    """The names of all units that have failed."""
    rows = _rows(bus, manager_call("ListUnitsFiltered", "as", ["failed"]))
    return frozenset(row.name for row in rows)


def main_process(unit: Unit) -> UniqueProcess | None:
    """The main process that the unit has now; None where there is none."""
    pid = unit.number("MainPID")
    try:
        return UniqueProcess.of(pid) if pid > 0 else None
    except ProcessError:
        return None


def _rows(bus: Bus, call: Call) -> list[ListedUnit]:
    answer = bus.call(call)
    rows: Iterable[Any] = () if isinstance(answer, Refusal) or not answer else answer[0]
    return [
        ListedUnit(row[0], row[1], row[2], _state_in(row), row[3] == "deactivating")
        for row in rows
        if len(row) > 8 and is_unit_name(row[0])
    ]


def _state_in(row: Sequence[Any]) -> ServiceState:
    """The state in a line of the list. A unit that runs and waits for its turn to be stopped does
    not stay so: whoever gave that order may be gone."""
    state = state_of(row[3])
    leaving = state is ServiceState.ACTIVE and row[8] in {"stop", "restart"}
    return ServiceState.CHANGING if leaving else state


def _get(path: str, kind: str, name: str) -> Call:
    return Call(path, _PROPERTIES, "Get", "ss", (f"{_INTERFACE}.{kind}", name))


def _value(variant: object) -> object:
    """The value in a variant, which jeepney gives as (signature, value)."""
    return variant[1] if isinstance(variant, tuple) and len(variant) == 2 else None
