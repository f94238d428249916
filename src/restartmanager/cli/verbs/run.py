"""``restartctl run``: the whole transaction around a command."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Literal

import click

from restartmanager.cli.commands import Command, examples
from restartmanager.cli.options import NOTHING_TO_CHANGE, mode_options, resource_options

if TYPE_CHECKING:
    from restartmanager.model import ResourceSpec


@examples(
    (
        "Update a library; what uses it is closed meanwhile:",
        "restartctl run --package libssl3 -- apt-get install libssl3",
    ),
    ("What would be closed?", "restartctl run --tree /opt/app --dry-run -- ./install.sh"),
    (
        "Unattended, and everything comes back:",
        "restartctl run --yes --relaunch all --tree /opt/app -- ./install.sh",
    ),
    (
        "Shortest down-time, for what can be changed while it runs:",
        "restartctl run --when after --package nginx -- apt-get install nginx",
    ),
)
@click.command(cls=Command, context_settings={"allow_interspersed_args": False})
@resource_options
@mode_options
@click.option(
    "--when",
    type=click.Choice(["before", "after"]),
    default="before",
    show_default=True,
    help="Close what is affected before the command runs, or restart it afterwards: for changes "
    "that can be made while everything runs; each application is away for its own restart only.",
)
@click.option("--dry-run", "-n", is_flag=True, help="Only say what would be closed.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask, also on a terminal.")
@click.argument("command", nargs=-1, required=True, metavar="-- COMMAND...", type=click.UNPROCESSED)
def run(  # noqa: PLR0913 - each is one independent wish
    command: tuple[str, ...],
    *,
    spec: ResourceSpec,
    force: bool,
    partial: bool,
    leave_closed: bool,
    only_registered: bool,
    relaunch: Literal["registered", "all"],
    when: Literal["before", "after"],
    dry_run: bool,
    yes: bool,
) -> int:
    """Close what uses these files, run a command, and bring back what can come back.

    Applications that can be asked are asked first: one that says no keeps everything open, unless
    --force overrides it. So does one that could not come back although it should, as the list says
    beforehand. Services are stopped by their managers, with what could start them again, and
    started afterwards. Programs that have registered nothing stay closed, as the list says, unless
    --relaunch all brings them back. What comes back does so whatever the command does, also when
    this is interrupted. The command finds the session's key in RESTARTMANAGER_SESSION_KEY and may
    register more. Its output is its own: what restartctl has to say goes to standard error. On a
    terminal it asks before it closes anything.

    Exit status: the command's own; 123 it ran well, and something stays closed to which nobody has
    agreed (on a terminal, or by --relaunch or --leave-closed), 124 something did not come back,
    125 the command was not run (something could not be closed, or could not come back), 126 it
    cannot be executed, 127 there is no such command.
    """
    from restartmanager.cli.output.console import somebody_is_there
    from restartmanager.cli.transaction import Transaction, Wishes

    if when == "after" and (partial or leave_closed or only_registered):
        raise click.UsageError(
            "With --when after there is nothing to refuse: the change is made already. Leave "
            "--partial, --leave-closed and --only-registered away."
        )
    if not spec:
        raise click.UsageError(NOTHING_TO_CHANGE)
    status = tell_if_missing(command[0])  # before anything is closed for its sake
    if status is not None:
        return status
    wishes = Wishes(
        force=force,
        partial=partial,
        leave_closed=leave_closed,
        only_registered=only_registered,
        relaunch=relaunch,
        may_stay_closed=leave_closed or _is_given("relaunch"),
        after=when == "after",
        dry_run=dry_run,
        ask=not yes and somebody_is_there(),
    )
    return Transaction(command, wishes).carry_out(spec)


def _is_given(option: str) -> bool:
    source = click.get_current_context().get_parameter_source(option)
    return source is click.core.ParameterSource.COMMANDLINE


def tell_if_missing(name: str) -> int | None:
    """Say so where this command cannot be run; the exit status then, else None."""
    from restartmanager.cli.child import missing
    from restartmanager.cli.exitcodes import ExitCode
    from restartmanager.cli.output.console import Console
    from restartmanager.model.escaping import escape

    status = missing(name)
    if status is not None:
        absent = status is ExitCode.NOT_FOUND
        what = "there is no such command" if absent else "it cannot be executed"
        Console(sys.stderr).problem(f"{escape(name)}: {what}. Nothing was closed.")
    return status
