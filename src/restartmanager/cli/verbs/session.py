"""``restartctl session``: the transaction step by step, for scripts."""

from __future__ import annotations

from typing import ClassVar

import click

from restartmanager.api.settings import KEY_VARIABLE
from restartmanager.cli.commands import LazyGroup, Part, examples


class _Steps(LazyGroup):
    parts: ClassVar = {
        "start": Part("session_steps:start", "Start a session; prints its key."),
        "join": Part("session_steps:join", "Check that a session can be joined."),
        "register": Part("session_steps:register", "Register what will be changed."),
        "list": Part("session_views:list_affected", "Who uses the registered files?"),
        "shutdown": Part("session_actions:shutdown", "Close what uses them."),
        "restart": Part("session_actions:restart", "Bring back what was closed."),
        "refresh": Part("session_actions:refresh", "Restart what uses old files, in place."),
        "end": Part("session_steps:end", "Bring back what is still closed, end the session."),
        "filter": Part("session_filters:filters", "Exclude something."),
        "cancel": Part("session_actions:cancel", "Call off a running shutdown or restart."),
        "ls": Part("session_views:ls", "List the open sessions."),
        "show": Part("session_views:show", "What is remembered of a session."),
    }


@examples(
    (
        "An update script:",
        f"export {KEY_VARIABLE}=$(restartctl session start)",
    ),
    ("", "restartctl session register --file /usr/lib/libssl.so.3"),
    ("", "restartctl session shutdown && cp new.so /usr/lib/libssl.so.3"),
    ("Brings everything back:", "restartctl session end"),
)
@click.group(cls=_Steps, options_metavar="")
def session() -> None:
    """The transaction step by step, for scripts: start, register, shut down, change the files,
    restart, end.

    KEY is the session's key, as 'start' prints it; without it the one in
    RESTARTMANAGER_SESSION_KEY is meant. A session belongs to no process: it lives until it is
    ended, it expires, or the machine is rebooted. Whoever is handed the key may register.
    """
