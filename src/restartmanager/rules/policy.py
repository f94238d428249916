"""The policy: rules about what must not be stopped, how services are treated, what is ignored.

The rules are data, which ``adapters.policy_files`` reads. Of several rules that fit the first one
counts, and the file that was read last stands first::

    >>> from restartmanager.model import AppType, Required
    >>> login = Rule(AppType.CRITICAL, frozenset({"sshd"}), Required.RELOGIN, "logins run in it")
    >>> policy = Policy(folders=("/usr/sbin",), rules=(login,))
    >>> policy.rule_for("/usr/sbin/sshd").reason
    'logins run in it'
    >>> policy.rule_for("/home/ann/sshd") is None  # a name counts in these folders only
    True
"""

from __future__ import annotations

import posixpath
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from restartmanager.model import AppType, Required, Treatment


class Rule(NamedTuple):
    """A rule about programs that must not be stopped: why, and what it takes instead.

    Without a ``type`` the rule says the opposite: these programs are like any other, whatever rules
    after it say.
    """

    type: AppType | None
    executables: frozenset[str]
    required: Required
    reason: str
    carries: bool = False
    """Whether a service, too, must not be stopped while such a program runs within it."""


class ServiceRule(NamedTuple):
    """A rule about the treatment of services: patterns of their names (``*`` is any text), and the
    reason; ``required`` is what it takes instead where they must not be stopped."""

    names: tuple[str, ...]
    treatment: Treatment
    required: Required
    reason: str


class Companions(NamedTuple):
    """Services that are stopped and started together, and the reason."""

    services: frozenset[str]
    reason: str


class IgnoreRule(NamedTuple):
    """Files that are no evidence of replaced code: patterns of paths (``*`` is any text, ``?`` any
    character), and the reason."""

    paths: tuple[str, ...]
    reason: str


class Policy(NamedTuple):
    """All rules, in order; of several that fit the first one counts."""

    folders: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    ignore: tuple[IgnoreRule, ...] = ()
    services: tuple[ServiceRule, ...] = ()
    together: tuple[Companions, ...] = ()

    def rule_for(self, executable: str | None) -> Rule | None:
        """The rule that protects this program; None when it may be stopped."""
        if executable is None or not self._trusted(executable):
            return None
        name = posixpath.basename(executable)
        rule = next((rule for rule in self.rules if name in rule.executables), None)
        return None if rule is None or rule.type is None else rule

    def service_rule(self, names: Iterable[str]) -> ServiceRule | None:
        """The rule for a service that has these names; None when there is none."""
        known = tuple(names)
        for rule in self.services:
            if any(fnmatchcase(name, pattern) for name in known for pattern in rule.names):
                return rule
        return None

    def together_with(self, names: Iterable[str]) -> frozenset[str]:
        """The companions of the service that has these names, itself included."""
        known = frozenset(names)
        groups = (group.services for group in self.together if group.services & known)
        return frozenset().union(*groups)

    def ignores(self, path: str) -> str | None:
        """The reason why a replaced file at this path is ignored; None when it is not."""
        for rule in self.ignore:
            if any(fnmatchcase(path, pattern) for pattern in rule.paths):
                return rule.reason
        return None

    def over(self, other: Policy) -> Policy:
        """A policy of these rules, with the other's rules where these say nothing."""
        return Policy(
            self.folders + other.folders,
            self.rules + other.rules,
            self.ignore + other.ignore,
            self.services + other.services,
            self.together + other.together,
        )

    def _trusted(self, executable: str) -> bool:
        return any(executable.startswith(folder.rstrip("/") + "/") for folder in self.folders)
