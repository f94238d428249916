"""``restartctl session start``, ``join``, ``register`` and ``end``."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from restartmanager.cli.commands import Command, examples
from restartmanager.cli.options import (
    PATH,
    dry_run_option,
    json_option,
    key_argument,
    resource_options,
    seconds_of,
)

if TYPE_CHECKING:
    from restartmanager.api.primary import PrimarySession
    from restartmanager.api.secondary import JoinedSession
    from restartmanager.model import ResourceSpec


_LIST_LIMIT = 64 * 1024 * 1024
"""The greatest size of a list of files, in bytes: some hundred thousand paths."""


@examples(
    ("Keep the key for the following steps:", "KEY=$(restartctl session start)"),
    ("An update that may take days:", "restartctl session start --expires 7d"),
)
@click.command(cls=Command)
@click.option(
    "--expires",
    callback=seconds_of,
    default="24h",
    metavar="DURATION",
    show_default=True,
    help="How long it lives when nobody ends it; then what it left closed is brought back.",
)
def start(expires: float) -> int:
    """Start a session and print its key, nothing else.

    What a dead installer left closed is brought back first.
    """
    from restartmanager.api.sessions import start_session
    from restartmanager.cli.exitcodes import ExitCode
    from restartmanager.cli.progress import recover_first

    recover_first()
    click.echo(start_session(expires_after_s=expires).key)
    return ExitCode.DONE


@examples(("Is this key good?", "restartctl session join 0123456789abcdef0123456789abcdef"))
@click.command(cls=Command)
@key_argument
def join(key: str) -> int:
    """Check that a session can be joined with this key: join it, and leave it at once.

    Exit status: 0 it can, 6 there is no such session of this user.
    """
    from restartmanager.api.sessions import join_session
    from restartmanager.cli.exitcodes import ExitCode

    join_session(key).end()
    click.echo("The session can be joined.")
    return ExitCode.DONE


@examples(
    ("A file, and all below a folder:", "restartctl session register -f libx.so -t /opt/x"),
    ("All files of a package:", "restartctl session register --package libssl3"),
    ("Files from a list:", "restartctl session register --files-from changed.txt"),
    (
        "Names that may hold line feeds:",
        "find . -type f -print0 | restartctl session register -0 --files-from -",
    ),
    (
        "Also files that an archive only brings:",
        "tar -tf new.tar | restartctl session register --allow-missing --files-from -",
    ),
)
@click.command(cls=Command)
@key_argument
@resource_options
@click.option(
    "--files-from", type=PATH, metavar="FILE", help="Read files from a list, '-' is standard input."
)
@click.option("--null", "-0", "null", is_flag=True, help="The list has NUL between the names.")
def register(
    key: str,
    *,
    spec: ResourceSpec,
    files_from: str | None,
    null: bool,
) -> int:
    """Register what will be changed, before it is changed.

    For the installer that started the session and for every other one that was given its key.
    All of it is registered, or nothing: a name that nothing has is an error, unless --allow-missing
    says that it comes with the change. Lines of a list that name a directory are passed over: lists
    of packages are full of them.
    """
    from restartmanager.cli.exitcodes import ExitCode

    listed = _read_list(files_from, null=null) if files_from is not None else []
    listed = [name for name in listed if not _is_folder(name, to_come=spec.allow_missing)]
    if not spec and files_from is None:
        raise click.UsageError(
            "Nothing to register: give --file, --tree, --package, --service, --pid or --files-from."
        )
    session = _open_or_join(key)
    try:
        session.register(**spec._replace(files=(*spec.files, *listed))._asdict())
    finally:
        _leave(session)
    return ExitCode.DONE


@examples(
    ("Done; what is still closed comes back:", "restartctl session end"),
    ("Leave closed what is closed:", "restartctl session end --leave-stopped"),
)
@click.command(cls=Command)
@key_argument
@click.option("--leave-stopped", is_flag=True, help="Do not bring anything back.")
@dry_run_option
@json_option
def end(key: str, *, leave_stopped: bool, dry_run: bool, as_json: bool) -> int:
    """End a session, after bringing back what is still closed.

    Exit status: 0 done, 3 something did not come back (the session is ended all the same), 7
    interrupted while bringing back (the session is not ended: try again).
    """
    from restartmanager.api.sessions import open_session
    from restartmanager.cli.exitcodes import ExitCode
    from restartmanager.cli.progress import act
    from restartmanager.errors import RestartError

    session = open_session(key)
    if dry_run:
        from restartmanager.cli import preview

        preview.show(session.preview_end(leave_stopped=leave_stopped), as_json=as_json)
        if not as_json:
            click.echo("The session would be ended.")
        return ExitCode.DONE
    try:
        if not leave_stopped and any(entry.due for entry in session.journal()):
            act(
                "end",
                session,
                lambda on_event: session.restart(on_event=on_event),
                as_json=as_json,
            )
        elif as_json:
            from restartmanager.cli.output.json_documents import dumps, outcomes_document

            click.echo(dumps(outcomes_document("end", ())))
    except RestartError:
        session.end(leave_stopped=leave_stopped)
        raise
    session.end(leave_stopped=leave_stopped)
    return ExitCode.DONE


# -- both roles --------------------------------------------------------------------------------


def _open_or_join(key: str) -> PrimarySession | JoinedSession:
    """The session, in whatever role this process can have in it."""
    from restartmanager.api.sessions import join_session, open_session
    from restartmanager.errors import NoSuchSessionError, SessionRoleError

    try:
        return open_session(key)
    except (SessionRoleError, NoSuchSessionError):  # it may be that of the user who elevated us
        return join_session(key)


def _leave(session: PrimarySession | JoinedSession) -> None:
    from restartmanager.api.secondary import JoinedSession

    if isinstance(session, JoinedSession):
        session.end()


def _read_list(path: str, *, null: bool) -> list[str]:
    if path == "-":
        data = sys.stdin.buffer.read(_LIST_LIMIT + 1)
    else:
        with open(path, "rb") as file:
            data = file.read(_LIST_LIMIT + 1)
    if len(data) > _LIST_LIMIT:
        raise click.UsageError("The list of files is longer than 64 MiB: register it in parts.")
    return [os.fsdecode(name) for name in data.split(b"\0" if null else b"\n") if name]


def _is_folder(name: str, *, to_come: bool) -> bool:
    """Whether a name in a list is that of a directory; also one that is to come, as archives have
    them."""
    return os.path.isdir(name) or (
        to_come and name.endswith("/") and not os.path.lexists(name.rstrip("/"))
    )
