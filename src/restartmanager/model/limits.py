"""Time limits of the whole package, in seconds.

The limits of an operation are a record, because callers and the environment may choose others. All
others are constants. A time that is no limit but part of a technique (how often a lock is tried,
how exact a clock is) stays where the technique is.
"""

from __future__ import annotations

from typing import NamedTuple

# -- processes and applications --------------------------------------------------------------------

APPLICATION_S = 30.0
"""How long an application may take to exit when it was asked to: as on Windows (RM_SHUTDOWN_TYPE).
A program of supervisord that is restarted in place has the same time to stop."""

HELPERS_S = 2.0
"""How long helpers may outlive their leader before they are asked themselves: most exit by
themselves when they notice that it has."""

KILL_S = 5.0
"""How long the kernel may take to remove a killed process, which may have much memory to give back
and files to write. A process in uninterruptible sleep takes longer, and is reported."""

HANG_UP_S = 1.0
"""How long a process that closed its channel may take to be gone: exit(2) closes descriptors
first."""

LAUNCH_S = 10.0
"""How long each step of starting a program may take. As a rule all of them together take some
tens of milliseconds, on a machine without free memory seconds."""

START_AGAIN_S = 10.0
"""How long the start of a program is tried again where what is in the way may pass: its file is
being written, or there is no memory, process or descriptor left."""

PING_S = 2.0
"""How long a window may take to answer a ping before it counts as hanging."""

WINDOWS_S = 5.0
"""How long it may take to find out which applications have windows, for all of them together. Who
does not answer by then counts as without windows."""

UNRESPONSIVE_S = 2.0
"""How long a look at another process, or at a file, may wait for one answer of the kernel. As a
rule that takes microseconds; with memory swapped out to a slow disk, some tens of milliseconds."""

# -- services --------------------------------------------------------------------------------------

SERVICE_COMMAND_S = 90.0
"""How long an init script may take to start, stop or restart its service: what systemd gives a
service, too, where nothing else is said (DefaultTimeoutStartSec= in systemd-system.conf(5))."""

SERVICE_ANSWER_S = 10.0
"""How long supervisord, or an init script, may take over what should take no time: a question, or
tidying up after a kill."""

SERVICE_MARGIN_S = 5.0
"""How much longer than its own configuration allows a service may take: its manager needs time as
well, to notice and to clean up."""

SERVICE_START_S = 300.0
"""How long the start of units of systemd may take in all. Each has a limit of its own, which its
manager keeps; this is for those whose unit sets none."""

STILL_STOPPING_S = 30.0
"""How long a start waits for what is still being stopped, by an operation that has died or was
called off. After that the manager starts it by itself once it has stopped."""

SYSTEMD_GREETING_S = 5.0
"""How long a systemd manager, or the message bus, may take to let us in."""

SYSTEMD_ANSWER_S = 25.0
"""How long a systemd manager may take to answer a call: as long as its own library, sd-bus, waits
where nobody says otherwise."""

SCOPE_S = 5.0
"""How long a systemd manager may take to put a new process into a scope. The process waits at the
gate meanwhile, and runs without a scope after that."""

JOURNAL_S = 5.0
"""How long journalctl may take to find the last words of a service that failed: they are an extra,
and a journal of many gigabytes on a slow disk takes longer."""

# -- others ----------------------------------------------------------------------------------------

PACKAGES_S = 60.0
"""How long dpkg or rpm may take to list the files of a package: the disk may be busy with the
installation that this is about."""

STORE_S = 10.0
"""How long a call waits for other processes that use the session memory."""


class TimeLimits(NamedTuple):
    """The time limits of an operation, in seconds."""

    application_s: float = APPLICATION_S
    """How long an application may take to exit when it was asked to. A service may take longer:
    as long as its manager allows."""
    answer_s: float = 5.0
    """How long an application may take to answer a question, and then to save: as on Windows
    (WM_QUERYENDSESSION)."""
    helpers_s: float = HELPERS_S
    """How long helpers may outlive their leader before they are asked themselves."""
    kill_s: float = KILL_S
    """How long the kernel may take to remove a killed process."""
    settle_s: float = 0.5
    """How long a process must live after its start to count as back."""
