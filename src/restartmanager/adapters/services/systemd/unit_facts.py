"""Facts about services from the properties of their units, which are D-Bus values. Pure.

The properties are those of ``org.freedesktop.systemd1`` (org.freedesktop.systemd1(5)). A user's
manager may say anything: values of another type count as not there, and names that cannot be a
unit's are left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from restartmanager.model import Hold, Service, ServiceFacts, ServiceState, Treatment

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from restartmanager.model.identity import UniqueProcess


DEPENDENTS = ("RequiredBy", "RequisiteOf", "BoundBy", "ConsistsOf", "PropagatesStopTo")
"""The properties that name what stops when a unit stops."""
FACTS = (
    *("Id", "Names", "Description", "LoadState", "ActiveState"),
    *("FragmentPath", "SourcePath", "DropInPaths", "Transient"),
    *("CanStop", "CanStart", "TriggeredBy", *DEPENDENTS),
    *("Service.MainPID", "Service.KillMode", "Service.BusName", "Service.Type"),
)
"""The properties that are asked of every service, one by one: all of a unit at once takes its
manager ten times as long, most of it for UnitFileState."""
SPECIAL_FACTS = ("SubState", "UnitFileState", "InvocationID", "Service.Result")
"""The properties that are asked besides of those that are special."""

_NAME = re.compile(r"[A-Za-z0-9:_.\\@-]{1,250}\.[a-z]{3,10}")
_NAME_BYTES = 255  # unit-name.h: UNIT_NAME_MAX, without the NUL
_NAMES_AT_MOST = 10_000  # a user's manager may give any number
_STATES = {
    "active": ServiceState.ACTIVE,
    "reloading": ServiceState.ACTIVE,
    "refreshing": ServiceState.ACTIVE,
    "inactive": ServiceState.INACTIVE,
    "failed": ServiceState.FAILED,
}
_RESULTS = {
    "exit-code": "its program ended with an error",
    "signal": "its program was killed by a signal",
    "core-dump": "its program crashed",
    "timeout": "it took longer than its unit allows",
    "watchdog": "it did not answer its watchdog",
    "start-limit-hit": "it was started too often in a short time (StartLimitBurst=)",
    "oom-kill": "it ran out of memory",
    "resources": "the system lacks something that it needs",
    "protocol": "it did not start as its unit promises (Type=)",
    "exec-condition": "a condition of its unit (ExecCondition=) is not met",
}
_INFINITE = 2**64 - 1  # USEC_INFINITY in systemd


def is_unit_name(name: object) -> bool:
    """Whether this can be the full name of a unit."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def can_be_loaded(name: str) -> bool:
    """Whether a manager can look for a unit of this name: not for a template, and one such name
    keeps it from answering for all others that it is asked about with it."""
    start, at, instance = name.rpartition(".")[0].partition("@")
    whole = bool(start and (instance or not at))
    return is_unit_name(name) and whole and len(name) <= _NAME_BYTES


def state_of(word: str) -> ServiceState:
    """The state that an ActiveState of systemd means."""
    return _STATES.get(word, ServiceState.CHANGING)


@dataclass(frozen=True, slots=True)
class Unit:
    """The properties of one unit, read with care."""

    properties: Mapping[str, Any]

    def text(self, name: str) -> str:
        """A text; empty when it is not there."""
        value = self.properties.get(name)
        return value if isinstance(value, str) else ""

    def number(self, name: str) -> int:
        """A number; 0 when it is not there."""
        value = self.properties.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else 0

    def flag(self, name: str, *, default: bool = False) -> bool:
        """A yes or no."""
        value = self.properties.get(name)
        return value if isinstance(value, bool) else default

    def names(self, *properties: str) -> tuple[str, ...]:
        """The names of units in these properties, each once."""
        found: dict[str, None] = {}
        for name in properties:
            values = self.properties.get(name)
            if isinstance(values, list):
                found |= dict.fromkeys(filter(is_unit_name, values[:_NAMES_AT_MOST]))
        return tuple(found)

    def with_more(self, other: Unit) -> Unit:
        """The same unit, with the other's properties as well."""
        return Unit({**self.properties, **other.properties})

    # -- what they say -------------------------------------------------------------------------

    @property
    def is_special(self) -> bool:
        """Whether more must be known: why it does not run, or how the bus is kept from starting
        it."""
        return self.state is not ServiceState.ACTIVE or self._on_the_bus

    @property
    def exists(self) -> bool:
        """Whether there is such a unit."""
        return self.text("LoadState") not in {"", "not-found", "error", "bad-setting"} or (
            self.state in {ServiceState.ACTIVE, ServiceState.CHANGING}
        )

    @property
    def state(self) -> ServiceState:
        """Whether it runs."""
        return state_of(self.text("ActiveState"))

    @property
    def stop_limit_s(self) -> float | None:
        """The seconds that its manager lets it take to stop; None: for ever."""
        limit = self.number("TimeoutStopUSec")
        return None if limit >= _INFINITE else limit / 1_000_000

    @property
    def surroundings(self) -> tuple[str, ...]:
        """The units whose state decides what a hold is: what triggers it, and what needs it
        without being a service."""
        others = [name for name in self.names(*DEPENDENTS) if not name.endswith(".service")]
        return tuple(dict.fromkeys([*self.names("TriggeredBy"), *others]))

    @property
    def dependents(self) -> tuple[str, ...]:
        """The services that stop when this unit stops."""
        return tuple(name for name in self.names(*DEPENDENTS) if name.endswith(".service"))

    def trouble(self) -> str:
        """Why it failed, in words; empty where it did not."""
        result = self.text("Result")
        restarting = self.text("SubState") in {"auto-restart", "auto-restart-queued"}
        if self.state is not ServiceState.FAILED and not restarting:
            return ""
        return _RESULTS.get(result, f"it failed ({result})" if result else "it failed")

    def facts(
        self, service: Service, main: UniqueProcess | None, active: Collection[str]
    ) -> ServiceFacts:
        """The facts about the service; ``active`` are the surroundings that are active."""
        return ServiceFacts(
            service=service,
            state=self.state,
            aliases=frozenset({service.name, *self.names("Names")}),
            main=main,
            ends_all=self.text("KillMode") not in {"process", "none"},
            unstoppable=self._unstoppable(),
            busy=self._busy(),
            unstartable=self._unstartable(),
            dependents=tuple(
                Service(service.manager, name, user=service.user)
                for name in self.dependents
                if name != service.name
            ),
            hold=self._hold(active),
            trouble=self.trouble(),
        )

    def _hold(self, active: Collection[str]) -> Hold:
        triggers = self.names("TriggeredBy")
        return Hold(
            triggers=tuple(name for name in triggers if name in active),
            followers=tuple(
                name for name in self.surroundings if name in active and name not in triggers
            ),
            masked=self._on_the_bus and not self._is_masked(),
        )

    @property
    def _on_the_bus(self) -> bool:
        """Whether a message to its name on the bus could start it."""
        return bool(self.text("BusName")) or any(
            name.startswith("dbus-") for name in self.names("Names")
        )

    def _is_masked(self) -> bool:
        return self.text("LoadState") == "masked" or self.text("UnitFileState").startswith("masked")

    def _unstoppable(self) -> str:
        if not self.flag("CanStop", default=True):
            return "its unit refuses to be stopped by hand (RefuseManualStop=)"
        return ""

    def _busy(self) -> str:
        if self.text("Type") == "oneshot" and self.text("ActiveState") == "activating":
            return "its job is running, and would be broken off; it ends by itself"
        stem, instance, _ = self.text("Id").partition("@")
        accepts = f"{stem}.socket" in self.names("TriggeredBy")  # Accept= in systemd.socket(5)
        if instance and accepts:
            return "it serves one connection, which would be broken off; it ends with that"
        return ""

    def _unstartable(self) -> str:
        if self._is_masked():
            return "it is masked: it cannot be started again until that is lifted"
        if not self.flag("CanStart", default=True):
            return "its unit refuses to be started by hand (RefuseManualStart=)"
        if self.flag("Transient") or not (self.text("FragmentPath") or self.text("SourcePath")):
            return "it has no unit file to be started from again (systemd-run made it)"
        return ""


def declared_wish(text: str) -> Treatment | None:
    """The treatment that a unit file declares with ``X-RestartManager=`` in its [Unit] section;
    None where it declares none that is known. The last one counts."""
    section, wish = "", None
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("[") and stripped.endswith("]"):
            section = stripped
        elif section == "[Unit]" and stripped.startswith("X-RestartManager"):
            key, equals, value = stripped.partition("=")
            if equals and key.rstrip() == "X-RestartManager":
                wish = _WISHES.get(value.strip())
    return wish


_WISHES = {treatment.value: treatment for treatment in Treatment}
