"""The settings: what the environment says, and what holds where it says nothing.

A privileged program that sudo(8) started gets none of these variables:
RESTARTMANAGER_STATE_DIR (where sessions are remembered), RESTARTMANAGER_TIMEOUT_S (how long an
application may take to exit), RESTARTMANAGER_LEASES=0 (do not ask whether a file is in use by way
of a lease), RESTARTMANAGER_KERNEL_ITERATOR=0 (do not ask the kernel by way of BPF),
RESTARTMANAGER_POLICY_DIR (where rules beyond the package's are looked for),
RESTARTMANAGER_SUPERVISORD (the socket of the only supervisord that is asked) and
RESTARTMANAGER_TRACES=0 (tell the machine's log nothing).
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

from restartmanager.errors import UsageError

if TYPE_CHECKING:
    from restartmanager.model.limits import TimeLimits
    from restartmanager.rules.policy import Policy


STATE_VARIABLE = "RESTARTMANAGER_STATE_DIR"
TIMEOUT_VARIABLE = "RESTARTMANAGER_TIMEOUT_S"
LEASES_VARIABLE = "RESTARTMANAGER_LEASES"
KERNEL_VARIABLE = "RESTARTMANAGER_KERNEL_ITERATOR"
POLICY_VARIABLE = "RESTARTMANAGER_POLICY_DIR"
SUPERVISORD_VARIABLE = "RESTARTMANAGER_SUPERVISORD"
TRACES_VARIABLE = "RESTARTMANAGER_TRACES"
_SHIPPED_POLICY = os.path.join(
    os.path.dirname(os.path.dirname(__file__)), "adapters", "policy.toml"
)


def supervisor_sockets() -> tuple[str, ...]:
    """Where a supervisord may be asked for its programs."""
    from restartmanager.adapters.services.detection import supervisor_sockets

    chosen = os.environ.get(SUPERVISORD_VARIABLE)
    if not chosen:
        return supervisor_sockets()
    if not os.path.isabs(chosen):
        raise UsageError(f"{SUPERVISORD_VARIABLE} is {chosen!r}.", hint="Give an absolute path.")
    return (chosen,)


def state_folder() -> str:
    """The folder in which this user's sessions are remembered."""
    chosen = os.environ.get(STATE_VARIABLE)
    if chosen:
        if not os.path.isabs(chosen):
            raise UsageError(f"{STATE_VARIABLE} is {chosen!r}.", hint="Give an absolute path.")
        return chosen
    if os.geteuid() == 0:
        return "/var/lib/restartmanager"
    base = os.environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(base):  # the base directory specification: ignore relative ones
        base = os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.join(base, "restartmanager")


def cache_folder() -> str | None:
    """Where facts about the running kernel are kept, which asking it needs; root alone can ask."""
    if os.environ.get(STATE_VARIABLE):
        return state_folder() if os.path.isdir(state_folder()) else None
    return "/run/restartmanager" if os.geteuid() == 0 else None


def limits() -> TimeLimits:
    """How long to wait for what."""
    from restartmanager.model.limits import TimeLimits

    text = os.environ.get(TIMEOUT_VARIABLE)
    if not text:
        return TimeLimits()
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds <= 3600:
        raise UsageError(
            f"{TIMEOUT_VARIABLE} is {text!r}.", hint="Give seconds, more than 0, up to 3600."
        )
    return TimeLimits(application_s=seconds)


def wanted(variable: str) -> bool:
    """Whether something has not been switched off."""
    text = os.environ.get(variable, "")
    if text not in {"", "0", "1"}:
        raise UsageError(f"{variable} is {text!r}.", hint="It is 0 for off or 1 for on.")
    return text != "0"


@cache
def policy() -> Policy:
    """The rules that come with the package, and those of the administrator over them.

    Raises ConfigurationError for a file that cannot be used.
    """
    from restartmanager.adapters.policy_files import load_policy

    return load_policy(_SHIPPED_POLICY, policy_folders(), trusted_uids=frozenset({0, os.geteuid()}))


@cache
def shipped_policy() -> Policy:
    """The rules that come with the package alone."""
    from restartmanager.adapters.policy_files import load_policy

    return load_policy(_SHIPPED_POLICY, (), trusted_uids=frozenset())


def policy_folders() -> tuple[str, ...]:
    """Where further rules are looked for, the strongest last; root never looks into a home."""
    chosen = os.environ.get(POLICY_VARIABLE)
    if chosen:
        if not os.path.isabs(chosen):
            raise UsageError(f"{POLICY_VARIABLE} is {chosen!r}.", hint="Give an absolute path.")
        return (chosen,)
    folders = ("/usr/lib/restartmanager/policy.d", "/etc/restartmanager/policy.d")
    if os.geteuid() == 0:
        return folders
    base = os.environ.get("XDG_CONFIG_HOME", "")
    if not os.path.isabs(base):
        base = os.path.join(os.path.expanduser("~"), ".config")
    return (*folders, os.path.join(base, "restartmanager", "policy.d"))
