"""Questions to a systemd manager about units: their properties, which are active, which failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from restartmanager.services.bus import Call, Refusal
from restartmanager.services.unit_facts import SERVICE_PROPERTIES, Unit, is_unit_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from restartmanager.services.bus import Bus

__all__ = [
    "active_units",
    "failed_units",
    "load_units",
    "manager_call",
    "read_properties",
    "unit_path",
]

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
    """What these units are and do now, by their names; those without an answer are missing."""
    ordered = list(dict.fromkeys(names))
    per_unit = 1 + len(SERVICE_PROPERTIES)
    calls = []
    for name in ordered:
        path = unit_path(name)
        calls.append(Call(path, _PROPERTIES, "GetAll", "s", (f"{_INTERFACE}.Unit",)))
        calls += [_get(path, "Service", name) for name in SERVICE_PROPERTIES]
    answers = bus.call_all(calls)
    units = {}
    for number, name in enumerate(ordered):
        everything, *values = answers[number * per_unit : (number + 1) * per_unit]
        if isinstance(everything, Refusal) or not everything or not isinstance(everything[0], dict):
            continue
        properties = {key: _value(variant) for key, variant in everything[0].items()}
        for key, answer in zip(SERVICE_PROPERTIES, values, strict=True):
            if not isinstance(answer, Refusal) and answer:
                properties[key] = _value(answer[0])
        units[name] = Unit(properties)
    return units


def read_properties(bus: Bus, names: Collection[str], *wanted: str) -> dict[str, Unit]:
    """Some properties of units: those of the Unit interface, or ``Service.NAME``."""
    ordered = list(names)
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


def active_units(bus: Bus, names: Collection[str]) -> frozenset[str]:
    """Those of the units that are active."""
    if not names:
        return frozenset()
    return _listed(bus, manager_call("ListUnitsByNames", "as", sorted(names)), {"active"})


def failed_units(bus: Bus) -> frozenset[str]:
    """All units that have failed."""
    return _listed(bus, manager_call("ListUnitsFiltered", "as", ["failed"]), {"failed"})


def _listed(bus: Bus, call: Call, states: Collection[str]) -> frozenset[str]:
    answer = bus.call(call)
    rows: Iterable[Any] = () if isinstance(answer, Refusal) or not answer else answer[0]
    return frozenset(
        row[0] for row in rows if len(row) > 3 and is_unit_name(row[0]) and row[3] in states
    )


def _get(path: str, kind: str, name: str) -> Call:
    return Call(path, _PROPERTIES, "Get", "ss", (f"{_INTERFACE}.{kind}", name))


def _value(variant: object) -> object:
    """What is in a variant, which jeepney gives as (signature, value)."""
    return variant[1] if isinstance(variant, tuple) and len(variant) == 2 else None
