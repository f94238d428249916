"""The program ``restartctl``: its verbs, and what becomes of every error.

Whatever goes wrong ends in one sentence, a hint and an exit status of the table in ``exitcodes``;
a traceback is shown to those only who set RESTARTMANAGER_DEBUG=1.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import TYPE_CHECKING, ClassVar, NoReturn

import click

from restartmanager import __version__
from restartmanager.cli.commands import COMPLETION_VARIABLE, NAME, LazyGroup, Part, examples

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO


class _Verbs(LazyGroup):
    parts: ClassVar = {
        "who": Part("who:who", "Who uses these files?"),
        "stale": Part("stale:stale", "What runs replaced code, and what would cure it?"),
        "run": Part("run:run", "Run a command with what uses these files closed meanwhile."),
        "ui": Part("ui:ui", "Choose on a page of the terminal what to close for a change."),
        "session": Part("session:session", "The same step by step, for scripts."),
        "recover": Part("recover:recover", "Bring back what a dead installer left stopped."),
        "doctor": Part("doctor:doctor", "What can be done on this machine, and what is missing."),
        "completion": Part("completion:completion", "Let the shell complete what is typed."),
        "demo": Part("demo:demo", "See it work, on real processes, in seconds."),
    }


@examples(
    ("Who still uses the library?", "restartctl who /usr/lib/libssl.so.3"),
    (
        "Close what uses it, update it, bring everything back:",
        "restartctl run --file /usr/lib/libssl.so.3 -- apt-get install libssl3",
    ),
    ("After an update, what still runs the old version?", "restartctl stale"),
    ("The whole story on this machine, in seconds:", "restartctl demo"),
)
@click.group(
    NAME, cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]}, options_metavar=""
)
@click.version_option(__version__, "-V", "--version", message="%(prog)s %(version)s")
def restartctl() -> None:
    """The Restart Manager: who uses the files you are about to change, closed politely, and
    brought back afterwards."""


def main() -> NoReturn:
    """Run the command line of this process, and exit."""
    _make_streams_safe()
    status = _status_of(sys.argv[1:])
    sys.exit(_flushed(status))


def _status_of(arguments: Sequence[str]) -> int:
    try:
        return _invoke(arguments)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.ClickException as error:
        return _tell_wrong_use(error)
    except click.Abort:
        return _interrupted()
    except KeyboardInterrupt:
        return _interrupted()
    except Exception as error:  # noqa: BLE001 - the last resort: nobody is to see a traceback
        return _tell_error(error)


def _invoke(arguments: Sequence[str]) -> int:
    instruction = os.environ.get(COMPLETION_VARIABLE)
    if instruction:
        from click.shell_completion import shell_complete

        return shell_complete(restartctl, {}, NAME, COMPLETION_VARIABLE, instruction)
    width = _narrow_width()
    with restartctl.make_context(NAME, list(arguments), terminal_width=width) as context:
        status = restartctl.invoke(context)
    return int(status or 0)


def _narrow_width() -> int | None:
    """The width for help texts where click, which takes no less than 50, would overrun it."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        columns = os.get_terminal_size(sys.stdout.fileno()).columns
        return columns if 20 <= columns < 52 else None
    return None


# -- the last resort ---------------------------------------------------------------------------


def _tell_wrong_use(error: click.ClickException) -> int:
    from restartmanager.cli.output.console import Console
    from restartmanager.model.escaping import escape

    console = Console(sys.stderr)
    message = error.format_message()
    context = getattr(error, "ctx", None)
    if context is None or message.startswith("Usage:"):  # the help, where a verb is missing
        console.say(message)
        return error.exit_code
    console.problem(
        " ".join(escape(line.strip()) for line in message.splitlines()),
        f"'{context.command_path} --help' shows how it is used.",
        program=context.command_path,
    )
    return error.exit_code


def _tell_error(error: Exception) -> int:
    from restartmanager.api.settings import DEBUG_VARIABLE
    from restartmanager.cli.exitcodes import code_of
    from restartmanager.cli.output.console import Console
    from restartmanager.cli.output.render import error_lines

    status = code_of(error)
    if isinstance(error, BrokenPipeError):
        return status
    console = Console(sys.stderr)
    for line in error_lines(error, console.look):
        console.say(line)
    if os.environ.get(DEBUG_VARIABLE) == "1":
        import traceback

        from restartmanager.model.escaping import escape

        for line in "".join(traceback.format_exception(error)).splitlines():
            console.say(escape(line))
    return status


def _interrupted() -> int:
    from restartmanager.cli.exitcodes import ExitCode
    from restartmanager.cli.output.console import Console

    Console(sys.stderr).say()  # below the ^C that the terminal has shown
    return ExitCode.INTERRUPTED


# -- streams -----------------------------------------------------------------------------------


def _make_streams_safe() -> None:
    """Whatever the locale, no character makes printing fail: it is shown by its number."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _flushed(status: int) -> int:
    """Write the rest of the output while a broken pipe can still be met in silence. What cannot be
    said on standard error changes nothing; where the output is lost, that is a failure."""
    _flush(sys.stderr)
    failed = _flush(sys.stdout)
    if failed is None or status:
        return status
    from restartmanager.cli.exitcodes import code_of

    return code_of(failed)


def _flush(stream: TextIO | None) -> OSError | None:
    """Why it cannot be written, where it cannot."""
    if stream is None:
        return None
    try:
        stream.flush()
    except OSError as error:
        with contextlib.suppress(OSError, ValueError):
            # Python flushes once more when it exits, and would complain.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return error
    return None
