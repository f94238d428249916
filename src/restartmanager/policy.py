"""What must not be stopped, as data: rules read from a commented TOML file.

Nothing in such a file is ever executed. A broken one is an error that names the place; going on
without protection would be worse than stopping.
"""

from __future__ import annotations

import posixpath
import tomllib
from dataclasses import dataclass
from typing import Any

from restartmanager.errors import ConfigurationError
from restartmanager.model import AppType, Required

__all__ = ["Policy", "Rule", "parse_policy"]

_SECTIONS = {"critical": AppType.CRITICAL, "shell": AppType.SHELL}


@dataclass(frozen=True, slots=True)
class Rule:
    """Programs that are not to be stopped: why, and what it takes instead."""

    type: AppType
    executables: frozenset[str]
    required: Required
    reason: str


@dataclass(frozen=True, slots=True)
class Policy:
    """All rules, in order; of several that fit the first one counts."""

    folders: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()

    def rule_for(self, executable: str | None) -> Rule | None:
        """The rule that protects this program; None when it may be stopped."""
        if executable is None or not self._trusted(executable):
            return None
        name = posixpath.basename(executable)
        return next((rule for rule in self.rules if name in rule.executables), None)

    def _trusted(self, executable: str) -> bool:
        return any(executable.startswith(folder.rstrip("/") + "/") for folder in self.folders)


def parse_policy(text: str, path: str) -> Policy:
    """The policy in a TOML file's text; ``path`` is only for the error message.

    Raises ConfigurationError naming the file, and the line or rule, and the reason.
    """
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigurationError(path, str(error)) from None
    unknown = data.keys() - _SECTIONS.keys() - {"folders"}
    if unknown:
        raise ConfigurationError(path, f"{min(unknown)!r} is not a known section")
    folders = _strings(data.get("folders", []), path, "folders")
    rules = [
        _rule(entry, kind, path, f"{section} rule {number}")
        for section, kind in _SECTIONS.items()
        for number, entry in enumerate(_tables(data.get(section, []), path, section), 1)
    ]
    return Policy(folders, tuple(rules))


def _rule(entry: dict[str, Any], kind: AppType, path: str, where: str) -> Rule:
    unknown = entry.keys() - {"executables", "required", "reason"}
    if unknown:
        raise ConfigurationError(path, f"{where}: {min(unknown)!r} is not a known key")
    reason = entry.get("reason")
    if not isinstance(reason, str) or not reason:
        raise ConfigurationError(path, f"{where}: a reason is missing")
    try:
        required = Required(entry.get("required", "reboot"))
    except ValueError as error:
        raise ConfigurationError(path, f"{where}: required: {error}") from None
    names = _strings(entry.get("executables", []), path, f"{where}: executables")
    return Rule(kind, frozenset(names), required, reason)


def _tables(value: object, path: str, where: str) -> list[dict[str, Any]]:
    if isinstance(value, list) and all(isinstance(entry, dict) for entry in value):
        return value
    raise ConfigurationError(path, f"{where} is not a list of tables: write [[{where}]]")


def _strings(value: object, path: str, where: str) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(entry, str) and entry for entry in value):
        return tuple(value)
    raise ConfigurationError(path, f"{where} is not a list of non-empty strings")
