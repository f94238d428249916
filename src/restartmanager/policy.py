"""What must not be stopped, as data: rules read from a commented TOML file.

Nothing in such a file is ever executed. A broken one is an error that names the place; going on
without protection would be worse than stopping.
"""

from __future__ import annotations

import posixpath
import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from restartmanager.errors import ConfigurationError
from restartmanager.model import AppType, Required

__all__ = ["IgnoreRule", "Policy", "Rule", "parse_policy"]

_SECTIONS = {"critical": AppType.CRITICAL, "shell": AppType.SHELL}


@dataclass(frozen=True, slots=True)
class Rule:
    """Programs that are not to be stopped: why, and what it takes instead."""

    type: AppType
    executables: frozenset[str]
    required: Required
    reason: str


@dataclass(frozen=True, slots=True)
class IgnoreRule:
    """Files that say nothing about replaced code: patterns of paths (``*`` is any text, ``?`` any
    character), and why."""

    paths: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Policy:
    """All rules, in order; of several that fit the first one counts."""

    folders: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    ignore: tuple[IgnoreRule, ...] = ()

    def rule_for(self, executable: str | None) -> Rule | None:
        """The rule that protects this program; None when it may be stopped."""
        if executable is None or not self._trusted(executable):
            return None
        name = posixpath.basename(executable)
        return next((rule for rule in self.rules if name in rule.executables), None)

    def ignores(self, path: str) -> str | None:
        """Why a replaced file at this path is left out of account; None when it is not."""
        for rule in self.ignore:
            if any(fnmatchcase(path, pattern) for pattern in rule.paths):
                return rule.reason
        return None

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
    unknown = data.keys() - _SECTIONS.keys() - {"folders", "ignore"}
    if unknown:
        raise ConfigurationError(path, f"{min(unknown)!r} is not a known section")
    folders = _strings(data.get("folders", []), path, "folders")
    rules = [
        _rule(entry, kind, path, f"{section} rule {number}")
        for section, kind in _SECTIONS.items()
        for number, entry in enumerate(_tables(data.get(section, []), path, section), 1)
    ]
    ignore = [
        _ignore_rule(entry, path, f"ignore rule {number}")
        for number, entry in enumerate(_tables(data.get("ignore", []), path, "ignore"), 1)
    ]
    return Policy(folders, tuple(rules), tuple(ignore))


def _ignore_rule(entry: dict[str, Any], path: str, where: str) -> IgnoreRule:
    _check_keys(entry, {"paths", "reason"}, path, where)
    patterns = _strings(entry.get("paths", []), path, f"{where}: paths")
    return IgnoreRule(patterns, _reason(entry, path, where))


def _rule(entry: dict[str, Any], kind: AppType, path: str, where: str) -> Rule:
    _check_keys(entry, {"executables", "required", "reason"}, path, where)
    try:
        required = Required(entry.get("required", "reboot"))
    except ValueError as error:
        raise ConfigurationError(path, f"{where}: required: {error}") from None
    names = _strings(entry.get("executables", []), path, f"{where}: executables")
    return Rule(kind, frozenset(names), required, _reason(entry, path, where))


def _check_keys(entry: dict[str, Any], known: set[str], path: str, where: str) -> None:
    unknown = entry.keys() - known
    if unknown:
        raise ConfigurationError(path, f"{where}: {min(unknown)!r} is not a known key")


def _reason(entry: dict[str, Any], path: str, where: str) -> str:
    reason = entry.get("reason")
    if not isinstance(reason, str) or not reason:
        raise ConfigurationError(path, f"{where}: a reason is missing")
    return reason


def _tables(value: object, path: str, where: str) -> list[dict[str, Any]]:
    if isinstance(value, list) and all(isinstance(entry, dict) for entry in value):
        return value
    raise ConfigurationError(path, f"{where} is not a list of tables: write [[{where}]]")


def _strings(value: object, path: str, where: str) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(entry, str) and entry for entry in value):
        return tuple(value)
    raise ConfigurationError(path, f"{where} is not a list of non-empty strings")
