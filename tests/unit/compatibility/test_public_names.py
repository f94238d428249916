"""What callers use stays: every public name, every parameter with its kind and default.

A parameter that was required may become optional.
"""

import json
from pathlib import Path

from unit.compatibility.public_names import public_names

FROZEN: dict[str, list[str]] = json.loads(
    Path(__file__).with_name("public-names.json").read_text(encoding="utf-8")
)


def test_no_name_is_gone() -> None:
    assert sorted(FROZEN.keys() - public_names().keys()) == []


def still_there(before: str, now: list[str]) -> bool:
    """Whether a parameter is as it was, or may now be left out."""
    optional = any(parameter.startswith(f"{before} = ") for parameter in now)
    return before in now or (" = " not in before and optional)


def test_no_parameter_is_gone_or_different() -> None:
    now = public_names()
    changed = {
        name: (before, now[name])
        for name, before in FROZEN.items()
        if name in now and not all(still_there(parameter, now[name]) for parameter in before)
    }
    assert changed == {}


def test_only_a_parameter_that_was_required_may_become_optional() -> None:
    assert still_there("positional or keyword pid", ["positional or keyword pid = 0"])
    assert not still_there("positional or keyword pid = 0", ["positional or keyword pid = 1"])
    assert not still_there("positional or keyword pid = 0", ["positional or keyword pid"])
    assert not still_there("positional or keyword pid", ["keyword-only pid = 0"])
    assert not still_there("positional or keyword pid", ["positional or keyword pid_max = 0"])


def test_a_new_parameter_is_optional() -> None:
    now = public_names()
    wanted = {
        name: new
        for name, before in FROZEN.items()
        if before
        for new in set(now.get(name, ())) - set(before)
        if " = " not in new and not new.startswith("variadic")
    }
    assert wanted == {}
