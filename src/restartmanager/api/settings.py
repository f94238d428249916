"""The settings: what the environment says, and what holds where it says nothing.

Nobody else spells the name of a variable; ``restartmanager.app`` has the one that a restart sets
for the application. A privileged program that sudo(8) started gets none of them. A setting that
makes no sense is a UsageError. Importing this costs next to nothing, for the command line does it.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from restartmanager.errors import UsageError
    from restartmanager.model.limits import TimeLimits
    from restartmanager.rules.policy import Policy


KEY_VARIABLE = "RESTARTMANAGER_SESSION_KEY"
"""The environment variable in which a primary hands the key to its secondaries."""
JOB_VARIABLE = "RESTARTMANAGER_SESSION_JOB"
"""The session of processes (setsid(2)) in which an installer hands its key on."""
STATE_VARIABLE = "RESTARTMANAGER_STATE_DIR"
"""Where sessions are remembered, an absolute path."""
TIMEOUT_VARIABLE = "RESTARTMANAGER_TIMEOUT_S"
"""How long an application may take to exit, in seconds."""
LEASES_VARIABLE = "RESTARTMANAGER_LEASES"
"""0: do not ask whether a file is in use by way of a lease."""
KERNEL_VARIABLE = "RESTARTMANAGER_KERNEL_ITERATOR"
"""0: do not ask the kernel by way of BPF."""
POLICY_VARIABLE = "RESTARTMANAGER_POLICY_DIR"
"""Where rules beyond the package's are looked for, an absolute path."""
SUPERVISORD_VARIABLE = "RESTARTMANAGER_SUPERVISORD"
"""The socket of the only supervisord that is asked, an absolute path."""
EVENTS_VARIABLE = "RESTARTMANAGER_TRACES"
"""0: tell the machine's log nothing."""
DEBUG_VARIABLE = "RESTARTMANAGER_DEBUG"
"""1: restartctl shows the traceback of an error."""

_SHIPPED_POLICY = os.path.join(
    os.path.dirname(os.path.dirname(__file__)), "adapters", "policy.toml"
)


def supervisor_sockets() -> tuple[str, ...]:
    """Where a supervisord may be asked for its programs."""
    chosen = _path_in(SUPERVISORD_VARIABLE)
    if chosen:
        return (chosen,)
    from restartmanager.adapters.services.detection import supervisor_sockets

    return supervisor_sockets()


def state_folder() -> str:
    """The folder in which this user's sessions are remembered."""
    chosen = _path_in(STATE_VARIABLE)
    if chosen:
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
        raise _wrong(TIMEOUT_VARIABLE, "Give seconds, more than 0, up to 3600.")
    return TimeLimits(application_s=seconds)


def wanted(variable: str) -> bool:
    """Whether something has not been switched off."""
    text = os.environ.get(variable, "")
    if text not in {"", "0", "1"}:
        raise _wrong(variable, "It is 0 for off or 1 for on.")
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
    chosen = _path_in(POLICY_VARIABLE)
    if chosen:
        return (chosen,)
    folders = ("/usr/lib/restartmanager/policy.d", "/etc/restartmanager/policy.d")
    if os.geteuid() == 0:
        return folders
    base = os.environ.get("XDG_CONFIG_HOME", "")
    if not os.path.isabs(base):
        base = os.path.join(os.path.expanduser("~"), ".config")
    return (*folders, os.path.join(base, "restartmanager", "policy.d"))


def _path_in(variable: str) -> str:
    """The absolute path in this variable; empty where there is none."""
    chosen = os.environ.get(variable, "")
    if chosen and not os.path.isabs(chosen):
        raise _wrong(variable, "Give an absolute path.")
    return chosen


def _wrong(variable: str, hint: str) -> UsageError:
    from restartmanager.errors import UsageError

    return UsageError(f"{variable} is {os.environ.get(variable)!r}.", hint=hint)


def handed_on(key: str) -> dict[str, str]:
    """The variables by which an installer hands its key on to what it runs. While that works, the
    session is not abandoned, though the installer may be dead."""
    return {KEY_VARIABLE: key, JOB_VARIABLE: str(os.getsid(0))}
