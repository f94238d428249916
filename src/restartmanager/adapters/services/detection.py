"""Service managers that are there, known by what they leave in the file system: to look costs
nothing where there are none."""

from __future__ import annotations

import os

SUPERVISOR_SOCKETS = (
    "/run/supervisor.sock",
    "/var/run/supervisor.sock",
    "/run/supervisord.sock",
    "/run/supervisor/supervisor.sock",
)
SUPERVISOR_FILES = ("/etc/supervisor/supervisord.conf", "/etc/supervisord.conf")
_SYSTEMD = "/run/systemd/system"  # sd_booted(3)
_OPENRC = ("/run/openrc/softlevel", "/lib/rc/init.d/softlevel")
_SCRIPTS = "/etc/init.d"


def init_system() -> str:
    """The manager of this machine's services: "systemd", "openrc", "sysv"; empty for none known."""
    if os.path.isdir(_SYSTEMD):
        return "systemd"
    if any(os.path.exists(path) for path in _OPENRC):
        return "openrc"
    return "sysv" if os.path.isdir(_SCRIPTS) else ""


def supervisor_sockets(files: tuple[str, ...] = SUPERVISOR_FILES) -> tuple[str, ...]:
    """The sockets where a supervisord of the system may be, as far as they exist: the usual ones,
    and those that these files name, where root alone can have written them."""
    named = (_named_in(path) for path in files if os.path.exists(path))
    paths = dict.fromkeys((*SUPERVISOR_SOCKETS, *filter(None, named)))
    return tuple(path for path in paths if os.path.lexists(path))


def _named_in(path: str) -> str:
    """The socket in a supervisord.conf; empty where there is none, or it cannot be known."""
    import configparser

    from restartmanager.adapters.policy_files import read_trusted
    from restartmanager.errors import ConfigurationError

    parser = configparser.RawConfigParser(inline_comment_prefixes=(";", "#"), strict=False)
    try:
        parser.read_string(read_trusted(path, frozenset({0})))
        text = parser.get("unix_http_server", "file", fallback="")
    except (ConfigurationError, configparser.Error):
        return ""
    named = text.replace("%(here)s", os.path.dirname(path))
    return named if os.path.isabs(named) and "%" not in named else ""
