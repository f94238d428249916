"""The manual page of restartctl, in the language of man(7), from the same help texts.

``generate.py`` writes it; the wheel installs it.
"""
# ruff: noqa: INP001 - beside the program that uses it

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["man_page"]

_HEAD = r"""'\" t
.\" Made by docs/generate.py with click {click}; do not edit.
.TH RESTARTCTL 1 "" "restartmanager" "User Commands"
.nh
.ad l
.SH NAME
restartctl \- who uses the files you are about to change, closed politely, and brought back
.SH SYNOPSIS
.B restartctl
.I COMMAND
.RI [ OPTIONS ]
.RI [ ARGUMENTS ]
"""
_TAIL = r""".SH SEE ALSO
.BR fuser (1),
.BR lsof (8),
.BR systemctl (1)
.PP
.B restartctl doctor
says what this machine can do and what is missing.
"""


def man_page(
    commands: Iterable[tuple[click.Command, click.Context]],
    statuses: Iterable[tuple[str, str]],
    variables: Iterable[tuple[str, str]],
    click_version: str,
) -> str:
    """The page about these commands, the first being the program itself; exit statuses and
    variables of the environment come with what they mean."""
    (program, top), *verbs = commands
    parts = [_HEAD.format(click=click_version), ".SH DESCRIPTION\n", *_about(program)]
    parts += [*_options(program, top), *_examples(program), ".SH COMMANDS\n"]
    for command, context in verbs:
        usage = context.get_usage().partition(": ")[2]
        parts.append(f".SS {_text(context.command_path)}\n")
        parts.append(f".B {_text(' '.join(usage.split()))}\n")
        parts += [*_about(command), *_options(command, context), *_examples(command)]
    parts.append(".SH EXIT STATUS\n")
    parts += [_entry(*status) for status in statuses]
    parts.append(".SH ENVIRONMENT\n")
    parts += [_entry(*variable) for variable in variables]
    return "".join([*parts, _TAIL])


def _about(command: click.Command) -> Iterator[str]:
    """Its help, paragraph by paragraph."""
    for paragraph in (command.help or "").split("\n\n"):
        yield f".PP\n{_text(' '.join(paragraph.split()))}\n"


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and isinstance(parameter, click.Option):
            names, meaning = record
            yield _entry(names, meaning)


def _examples(command: click.Command) -> Iterator[str]:
    for number, (purpose, line) in enumerate(getattr(command, "examples", ())):
        if not number:
            yield ".PP\n.I Examples\n"
        if purpose:
            yield f".PP\n{_text(purpose)}\n"
        yield f".PP\n.RS 4\n.EX\n{_text(line)}\n.EE\n.RE\n"


def _entry(name: str, meaning: str) -> str:
    return f".TP\n.B {_text(name)}\n{_text(' '.join(meaning.split()))}\n"


def _text(text: str) -> str:
    """The text as nothing but text: no escape, no request, no hyphen where a minus is meant."""
    quoted = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return f"\\&{quoted}" if quoted.startswith(".") else quoted
