"""Init scripts of this machine, in ``/etc/init.d``: those that root alone can write.

Scripts are read as text, for the pid files that they name; they are run by the init system only.
"""

from __future__ import annotations

import os
import re
import stat

from restartmanager.adapters.proc.texts import contents

SCRIPTS = "/etc/init.d"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@+-]{0,127}\Z")
_NO_SERVICES = frozenset(
    {
        *("README", "functions", "functions.sh", "skeleton", "rc", "rc.local", "rcS", "single"),
        *("halt", "killall", "reboot", "sendsigs", "umountfs", "umountnfs.sh", "umountroot"),
    }
)
_LEFT_BY_PACKAGES = (".dpkg-dist", ".dpkg-new", ".dpkg-old", ".rpmnew", ".rpmorig", ".rpmsave")
_PID_FILE = re.compile(
    r"(?:^#\s*pidfile:|^\s*PIDFILE=|^\s*pidfile=|--pidfile|\s-p)[ =]?\s*[\"']?"
    r"(/(?:var/)?run/[\w.@+-]+(?:/[\w.@+-]+)?)[\"']?(?:\s|$)",
    re.MULTILINE,
)
_TEXT_LIMIT = 256 * 1024  # init scripts take some kilobytes


def script_names(folder: str = SCRIPTS) -> frozenset[str]:
    """The names of the services that have a script there."""
    from restartmanager.adapters.proc.ways import Ways

    try:
        safe = _is_roots(os.stat(folder)) and not Ways(0).to_file(folder).risk
        names = os.listdir(folder) if safe else []
    except OSError:
        return frozenset()
    return frozenset(name for name in names if _is_script(folder, name))


def named_pid_files(name: str, folder: str = SCRIPTS) -> tuple[str, ...]:
    """The pid files that a script names in so many words, in its header or in its commands."""
    text = contents(os.path.join(folder, name), _TEXT_LIMIT).decode("utf-8", "replace")
    found = _PID_FILE.findall(text)
    return tuple(dict.fromkeys(path for path in found if ".." not in path))


def executable(*paths: str) -> str:
    """The first of these programs that is there; the first one where none is."""
    return next((path for path in paths if os.access(path, os.X_OK)), paths[0])


def _is_script(folder: str, name: str) -> bool:
    """Whether it is a script that root alone can have put there. A link must stay in the folder:
    so OpenRC makes several services of one script."""
    if not _NAME.match(name) or name in _NO_SERVICES or name.endswith(_LEFT_BY_PACKAGES):
        return False
    path = os.path.join(folder, name)
    if os.path.dirname(os.path.realpath(path)) != os.path.realpath(folder):
        return False
    try:
        facts = os.stat(path)
    except OSError:
        return False
    return stat.S_ISREG(facts.st_mode) and bool(facts.st_mode & 0o100) and _is_roots(facts)


def _is_roots(facts: os.stat_result) -> bool:
    return facts.st_uid == 0 and not facts.st_mode & 0o022
