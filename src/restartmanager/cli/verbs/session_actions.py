"""``restartctl session shutdown``, ``restart``, ``refresh`` and ``cancel``."""

from __future__ import annotations

from typing import Literal

import click

from restartmanager.cli.commands import Command, examples
from restartmanager.cli.options import (
    dry_run_option,
    json_option,
    key_argument,
    mode_options,
    relaunch_option,
)


@examples(
    ("Close what uses the registered files:", "restartctl session shutdown"),
    ("Only if everything would come back:", "restartctl session shutdown --only-registered"),
    ("Also what does not obey:", "restartctl session shutdown --force"),
    ("What would be closed, in which order?", "restartctl session shutdown --dry-run"),
)
@click.command(cls=Command)
@key_argument
@mode_options
@dry_run_option
@json_option
def shutdown(  # noqa: PLR0913 - each is one independent wish
    key: str,
    *,
    force: bool,
    partial: bool,
    leave_closed: bool,
    only_registered: bool,
    relaunch: Literal["registered", "all"],
    dry_run: bool,
    as_json: bool,
) -> int:
    """Close what uses the registered files, by a list made now.

    Applications that can be asked are asked first: one that says no keeps everything open, unless
    --force overrides it. Each has 30 seconds to exit. When something cannot be closed at all, or
    could not come back although it should, nothing is touched. Ctrl-C or 'restartctl session
    cancel' calls it off.

    Exit status: 0 done, 3 something did not stop, or could not come back, 4 something cannot be
    stopped (nothing was touched), 7 called off. What was closed is brought back by 'restart' or
    'end'.
    """
    from restartmanager.api.sessions import open_session
    from restartmanager.cli.exitcodes import ExitCode
    from restartmanager.cli.progress import act

    session = open_session(key)
    if dry_run:
        from restartmanager.cli import preview

        seen = session.preview_shutdown(
            force=force,
            partial=partial,
            leave_closed=leave_closed,
            only_registered=only_registered,
            relaunch=relaunch,
        )
        preview.show(seen, as_json=as_json)
        return ExitCode.DONE
    act(
        "shutdown",
        session,
        lambda on_event: (
            session.shutdown(
                force=force,
                partial=partial,
                leave_closed=leave_closed,
                only_registered=only_registered,
                relaunch=relaunch,
                on_event=on_event,
            ).outcomes
        ),
        force=force,
        as_json=as_json,
    )
    return ExitCode.DONE


@examples(
    ("Bring back what was closed:", "restartctl session restart"),
    ("What would come back?", "restartctl session restart --dry-run"),
)
@click.command(cls=Command)
@key_argument
@dry_run_option
@json_option
def restart(key: str, *, dry_run: bool, as_json: bool) -> int:
    """Bring back what was closed, and see that it lives and uses the new files.

    Exit status: 0 done, 2 nothing was shut down yet, 3 something did not come back, 7 called off.
    """
    from restartmanager.api.sessions import open_session
    from restartmanager.cli.exitcodes import ExitCode
    from restartmanager.cli.progress import act

    session = open_session(key)
    if dry_run:
        from restartmanager.cli import preview

        preview.show(session.preview_restart(), as_json=as_json)
        return ExitCode.DONE
    act("restart", session, lambda on_event: session.restart(on_event=on_event), as_json=as_json)
    return ExitCode.DONE


@examples(
    (
        "The files were changed while all was running:",
        "restartctl session refresh",
    )
)
@click.command(cls=Command)
@key_argument
@click.option("--force", is_flag=True, help="Kill what does not exit in time.")
@relaunch_option
@dry_run_option
@json_option
def refresh(
    key: str,
    *,
    force: bool,
    relaunch: Literal["registered", "all"],
    dry_run: bool,
    as_json: bool,
) -> int:
    """Restart where it stands what uses old versions of the registered files.

    In place of 'shutdown' and 'restart', after the files were changed. What cannot be stopped, or
    would stay closed, is left alone.

    Exit status: 0 done, 3 something is not up to date that should be, 7 called off.
    """
    from restartmanager.api.sessions import open_session
    from restartmanager.cli.exitcodes import ExitCode
    from restartmanager.cli.progress import act

    session = open_session(key)
    if dry_run:
        from restartmanager.cli import preview

        preview.show(session.preview_refresh(relaunch=relaunch), as_json=as_json)
        return ExitCode.DONE
    act(
        "refresh",
        session,
        lambda on_event: session.refresh(force=force, relaunch=relaunch, on_event=on_event),
        force=force,
        as_json=as_json,
    )
    return ExitCode.DONE


@examples(("From another terminal:", "restartctl session cancel 0123456789abcdef0123456789abcdef"))
@click.command(cls=Command)
@key_argument
def cancel(key: str) -> int:
    """Call off the shutdown or restart of a session that another restartctl is carrying out.

    What was not yet closed is left alone; what was closed stays so until 'restart' or 'end'. It is
    a request, and may come too late. The session of an installer that runs can be called off by
    that installer only.
    """
    from restartmanager.api.sessions import cancel_operation
    from restartmanager.cli.exitcodes import ExitCode

    session = cancel_operation(key)
    if session is None or session.worker is None:
        click.echo("Nothing is running.")
    else:
        asked = f"Process {session.worker.pid} was asked to call off its {session.operation}."
        click.echo(asked)
    return ExitCode.DONE
