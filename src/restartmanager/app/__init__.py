"""The application's half: functions by which a program tells Restart Manager about itself.

    from restartmanager import app

    app.register_application_restart(["--restore", document])
    app.listen(query=may_i_close, end=save_and_exit)

A program that registered is brought back after an update that had to close it, with the arguments
that it asked for. The functions do what RegisterApplicationRestart, UnregisterApplicationRestart
and GetApplicationRestartSettings do on Windows. A program that listens is asked before it is
closed, may say no, and is told to save, as by WM_QUERYENDSESSION and WM_ENDSESSION on Windows.

The package imports the standard library only, and little of it, so that it costs a program next to
nothing.
"""

from __future__ import annotations

from restartmanager.app.listening import listen, listen_in_loop, stop_listening
from restartmanager.app.registering import (
    MAX_COMMAND_LINE,
    RESTARTED_VARIABLE,
    application_restart_settings,
    register_application_restart,
    unregister_application_restart,
    was_restarted,
)

TYPE_CHECKING = False  # "from typing import" would cost more than all the rest of this package
if TYPE_CHECKING:
    from restartmanager.model.answers import EndReason

__all__ = [
    "MAX_COMMAND_LINE",
    "RESTARTED_VARIABLE",
    "EndReason",
    "application_restart_settings",
    "listen",
    "listen_in_loop",
    "register_application_restart",
    "stop_listening",
    "unregister_application_restart",
    "was_restarted",
]


def __getattr__(name: str) -> object:
    """Load EndReason on first use: a program without handlers does not need it."""
    if name != "EndReason":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from restartmanager.model.answers import EndReason

    return EndReason
