"""Policy files: commented TOML, from the package and from drop-ins; later ones win.

Nothing in such a file is ever executed. A broken one is an error that names the place; going on
without protection would be worse than stopping. For the same reason a file that somebody else
could have written is refused.
"""

from __future__ import annotations

import os
import stat
import tomllib
from typing import TYPE_CHECKING, Any, TypeVar

from restartmanager.adapters.proc.ways import risk_of
from restartmanager.errors import ConfigurationError
from restartmanager.model import AppType, Required, Treatment
from restartmanager.rules.policy import Companions, IgnoreRule, Policy, Rule, ServiceRule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


_SIZE_LIMIT = 1024 * 1024  # policy files take some kilobytes
_PROGRAMS = {"ordinary": None, "critical": AppType.CRITICAL, "shell": AppType.SHELL}
_SECTIONS = {*_PROGRAMS, "folders", "ignore", "service", "together"}
_T = TypeVar("_T")
_E = TypeVar("_E", Required, Treatment)


def load_policy(shipped: str, folders: Iterable[str], *, trusted_uids: frozenset[int]) -> Policy:
    """The policy of the ``shipped`` file with the drop-ins (``*.toml``) of these folders over it.

    Later folders win, and within one the names in the order of the alphabet; a file with the name
    of an earlier folder's takes its place. Folders need not exist. Raises ConfigurationError for a
    file that is broken, or that belongs to, or can be written by, anybody but ``trusted_uids``.
    """
    with open(shipped, encoding="utf-8") as file:
        policy = parse_policy(file.read(), shipped)
    by_name: dict[str, str] = {}
    for folder in folders:
        by_name |= _drop_ins(folder)
    for _, path in sorted(by_name.items()):
        policy = parse_policy(read_trusted(path, trusted_uids), path).over(policy)
    return policy


def _drop_ins(folder: str) -> dict[str, str]:
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise ConfigurationError(folder, error.strerror or "it cannot be read") from None
    wanted = [name for name in names if name.endswith(".toml") and not name.startswith(".")]
    return {name: os.path.join(folder, name) for name in wanted}


def read_trusted(path: str, uids: frozenset[int]) -> str:
    """The text of a file that only those users could have written, its folders included: root, and
    perhaps one other.

    Raises ConfigurationError for any other, and for what is no text.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise ConfigurationError(path, error.strerror or "it cannot be read") from None
    with open(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise ConfigurationError(path, "it is no regular file")
        for facts in (found, os.stat(os.path.dirname(path))):
            if facts.st_uid not in uids or facts.st_mode & 0o022:
                raise ConfigurationError(path, "others can write it, or the folder it is in")
        risk = risk_of(path, found, max(uids))
        if risk:
            raise ConfigurationError(path, risk)
        text = file.read(_SIZE_LIMIT + 1)
    if len(text) > _SIZE_LIMIT:
        raise ConfigurationError(path, f"it is larger than {_SIZE_LIMIT} bytes")
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigurationError(path, f"it is no UTF-8: {error.reason}") from None


def parse_policy(text: str, path: str) -> Policy:
    """The policy in a TOML file's text; ``path`` is only for the error message.

    Raises ConfigurationError naming the file, and the line or rule, and the reason.
    """
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also: a number of 5,000 digits
        raise ConfigurationError(path, str(error)) from None
    unknown = data.keys() - _SECTIONS
    if unknown:
        raise ConfigurationError(path, f"{min(unknown)!r} is not a known section")

    def each(section: str, parse: Callable[[_Entry], _T]) -> tuple[_T, ...]:
        tables = _tables(data.get(section, []), path, section)
        return tuple(
            parse(_Entry(table, path, f"{section} rule {number}"))
            for number, table in enumerate(tables, 1)
        )

    return Policy(
        folders=_strings(data.get("folders", []), path, "folders"),
        rules=tuple(
            rule
            for section, kind in _PROGRAMS.items()
            for rule in each(section, lambda entry, kind=kind: _program_rule(entry, kind))  # type: ignore[misc]
        ),
        ignore=each("ignore", _ignore_rule),
        services=each("service", _service_rule),
        together=each("together", _companions),
    )


class _Entry:
    """One table of a policy file, with the place where it stands."""

    def __init__(self, table: dict[str, Any], path: str, where: str) -> None:
        self._table = table
        self._path = path
        self._where = where

    def only(self, *known: str) -> None:
        unknown = self._table.keys() - set(known)
        if unknown:
            self._refuse(f"{min(unknown)!r} is not a known key")

    def strings(self, key: str) -> tuple[str, ...]:
        return _strings(self._table.get(key, []), self._path, f"{self._where}: {key}")

    def flag(self, key: str) -> bool:
        value = self._table.get(key, False)
        if not isinstance(value, bool):
            self._refuse(f"{key} is true or false")
        return bool(value)

    def reason(self) -> str:
        reason = self._table.get("reason")
        if not isinstance(reason, str) or not reason:
            self._refuse("a reason is missing")
        return str(reason)

    def word(self, key: str, kind: type[_E], default: _E) -> _E:
        try:
            return kind(self._table.get(key, default.value))
        except ValueError as error:
            self._refuse(f"{key}: {error}")
            raise

    def _refuse(self, why: str) -> None:
        raise ConfigurationError(self._path, f"{self._where}: {why}")


def _ignore_rule(entry: _Entry) -> IgnoreRule:
    entry.only("paths", "reason")
    return IgnoreRule(entry.strings("paths"), entry.reason())


def _program_rule(entry: _Entry, kind: AppType | None) -> Rule:
    entry.only("executables", "required", "reason", "carries")
    required = entry.word("required", Required, Required.REBOOT)
    names = frozenset(entry.strings("executables"))
    return Rule(kind, names, required, entry.reason(), entry.flag("carries"))


def _service_rule(entry: _Entry) -> ServiceRule:
    entry.only("names", "treatment", "required", "reason")
    return ServiceRule(
        entry.strings("names"),
        entry.word("treatment", Treatment, Treatment.NEVER),
        entry.word("required", Required, Required.REBOOT),
        entry.reason(),
    )


def _companions(entry: _Entry) -> Companions:
    entry.only("services", "reason")
    return Companions(frozenset(entry.strings("services")), entry.reason())


def _tables(value: object, path: str, where: str) -> list[dict[str, Any]]:
    if isinstance(value, list) and all(isinstance(entry, dict) for entry in value):
        return value
    raise ConfigurationError(path, f"{where} is not a list of tables: write [[{where}]]")


def _strings(value: object, path: str, where: str) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(entry, str) and entry for entry in value):
        return tuple(value)
    raise ConfigurationError(path, f"{where} is not a list of non-empty strings")
