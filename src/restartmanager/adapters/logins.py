"""The logins of this machine, by the files of systemd-logind or elogind (sd-login(3)); port Logins.

Asking the daemon would take a connection to the message bus at every look. Its files belong to
root, and everybody may read them.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress

from restartmanager.model.logins import Login

_FOLDER = "/run/systemd/sessions"
_ID = re.compile(r"[A-Za-z0-9]{1,64}")
_SIZE_LIMIT = 64 * 1024
_MOST = 10_000


class LoginFiles:
    """The logins that the files of a folder tell of."""

    def __init__(self, folder: str = _FOLDER) -> None:
        self._folder = folder

    def all(self) -> tuple[Login, ...]:
        """The logins that there are now; none where nobody keeps account of them."""
        found = []
        with suppress(OSError):
            for name in sorted(os.listdir(self._folder))[:_MOST]:
                if _ID.fullmatch(name):
                    with suppress(OSError), open(f"{self._folder}/{name}", "rb") as file:
                        login = parse_login(name, file.read(_SIZE_LIMIT))
                        found += [login] if login is not None else []
        return tuple(found)


def parse_login(name: str, text: bytes) -> Login | None:
    """The login in the contents of a file; None where it has no leader, or no scope."""
    fields: dict[str, str] = {}
    for line in text.split(b"\n"):
        key, found, value = line.partition(b"=")
        if found:
            fields[os.fsdecode(key)] = os.fsdecode(value).strip('"')
    leader, scope = fields.get("LEADER", ""), fields.get("SCOPE", "")
    if not re.fullmatch("[0-9]{1,10}", leader) or not scope:
        return None
    user = fields.get("USER") or fields.get("UID", "")
    return Login(
        name, int(leader), scope, user, fields.get("TTY", ""), fields.get("REMOTE_HOST", "")
    )
