"""``restartctl completion``: the script with which a shell completes what is typed."""

from __future__ import annotations

import click

from restartmanager.cli.commands import Command, examples


@examples(
    ("For this shell, now:", 'eval "$(restartctl completion bash)"'),
    (
        "For good, in fish:",
        "restartctl completion fish > ~/.config/fish/completions/restartctl.fish",
    ),
)
@click.command(cls=Command)
@click.argument("shell", metavar="SHELL", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> int:
    """Print a script that makes bash, zsh or fish complete verbs, options and paths."""
    from click.shell_completion import get_completion_class

    from restartmanager.cli.app import restartctl
    from restartmanager.cli.commands import COMPLETION_VARIABLE, NAME
    from restartmanager.cli.exitcodes import ExitCode

    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - click has one for each of the choices
    click.echo(kind(restartctl, {}, NAME, COMPLETION_VARIABLE).source())
    return ExitCode.DONE
