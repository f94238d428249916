"""What somebody at the terminal is asked before anything is closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cli.terminal import Terminal

if TYPE_CHECKING:
    from cli.machinery import Machine


@pytest.mark.parametrize(("keys", "agreed"), [("\n", True), ("y\n", True), ("n\n", False)])
def test_what_comes_back_is_closed_unless_somebody_says_no(
    machine: Machine, keys: str, agreed: bool
) -> None:
    holder = machine.hold("register")
    terminal = Terminal(machine, "run", "-f", machine.file, "--", "true")
    terminal.await_text("Close 1 application and run true? [Y/n] ")
    terminal.press(keys)
    assert terminal.end() == (0 if agreed else 125)
    assert holder.lives != agreed
    assert len(machine.holders()) == 1


@pytest.mark.parametrize(("keys", "agreed"), [("\n", False), ("y\n", True), ("n\n", False)])
def test_what_stays_closed_is_closed_only_when_somebody_says_yes(
    machine: Machine, keys: str, agreed: bool
) -> None:
    """Then it is agreed, and the exit status is that of the command."""
    holder = machine.hold()
    terminal = Terminal(machine, "run", "-f", machine.file, "--", "true")
    terminal.await_text("Close 1 application and run true? It stays closed. [y/N] ")
    terminal.press(keys)
    assert terminal.end() == (0 if agreed else 125)
    assert holder.lives != agreed


def test_who_has_agreed_already_is_asked_as_usual(machine: Machine) -> None:
    machine.hold()
    terminal = Terminal(machine, "run", "--leave-closed", "-f", machine.file, "--", "true")
    terminal.await_text("Close 1 application and run true? [Y/n] ")
    terminal.press("n\n")
    assert terminal.end() == 125


def test_how_many_stay_closed_is_said(machine: Machine) -> None:
    machine.hold("register", name="editor")
    machine.hold(name="viewer")
    terminal = Terminal(machine, "run", "-f", machine.file, "--", "true")
    terminal.await_text("Close 2 applications and run true? 1 of them stays closed. [y/N] ")
    terminal.press("\n")
    assert terminal.end() == 125
