"""What callers use stays: every public name, every parameter with its kind and default."""

import json
from pathlib import Path

from unit.compatibility.public_names import public_names

FROZEN: dict[str, list[str]] = json.loads(
    Path(__file__).with_name("public-names.json").read_text(encoding="utf-8")
)


def test_no_name_is_gone() -> None:
    assert sorted(FROZEN.keys() - public_names().keys()) == []


def test_no_parameter_is_gone_or_different() -> None:
    now = public_names()
    changed = {
        name: (before, now[name])
        for name, before in FROZEN.items()
        if name in now and not set(before) <= set(now[name])
    }
    assert changed == {}


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
