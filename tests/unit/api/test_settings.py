"""The names of the settings are written down once, and their values are not taken on trust."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest

from restartmanager import app
from restartmanager.api import settings
from restartmanager.app.registering import REPLACES_VARIABLE
from restartmanager.errors import UsageError
from support.paths import SOURCES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NAMES = {value for name, value in vars(settings).items() if name.endswith("_VARIABLE")}
HOMES = {
    "api/settings.py",
    "app/registering.py",  # what a restart sets for the application, which must load nothing more
    "adapters/processes/launcher.py",  # a program of its own, which imports nothing of ours
}
A_NAME = re.compile(r"\bRESTARTMANAGER_[A-Z_]+")


def literals(tree: ast.Module) -> Iterator[str]:
    """The text in the code of a module: docstrings, which are for people, left out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            yield str(node.value)
        for expression in ast.iter_child_nodes(node):
            if isinstance(expression, ast.Expr) and isinstance(expression.value, ast.Constant):
                expression.value.value = None  # a docstring, also of an attribute


def test_only_the_settings_spell_the_name_of_a_variable() -> None:
    spelled = {
        path.relative_to(SOURCES).as_posix()
        for path in SOURCES.rglob("*.py")
        for text in literals(ast.parse(path.read_text(encoding="utf-8")))
        if A_NAME.search(text)
    }
    assert spelled == HOMES


def test_people_read_of_no_variable_that_does_not_exist() -> None:
    texts = [path.read_text(encoding="utf-8") for path in SOURCES.rglob("*.py")]
    read = {name for text in texts for name in A_NAME.findall(text)}
    assert read == NAMES | {app.RESTARTED_VARIABLE, REPLACES_VARIABLE}


@pytest.mark.parametrize(
    ("variable", "value", "read"),
    [
        (settings.STATE_VARIABLE, "here", settings.state_folder),
        (settings.POLICY_VARIABLE, "here", settings.policy_folders),
        (settings.SUPERVISORD_VARIABLE, "here", settings.supervisor_sockets),
        (settings.TIMEOUT_VARIABLE, "soon", settings.limits),
        (settings.TIMEOUT_VARIABLE, "0", settings.limits),
        (settings.TIMEOUT_VARIABLE, "3601", settings.limits),
        (settings.LEASES_VARIABLE, "no", lambda: settings.wanted(settings.LEASES_VARIABLE)),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, read: Callable[[], object]
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(UsageError) as caught:
        read()
    assert caught.value.message == f"{variable} is {value!r}."
    assert caught.value.hint


def test_what_is_set_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(settings.STATE_VARIABLE, "/srv/state")
    monkeypatch.setenv(settings.POLICY_VARIABLE, "/srv/policy")
    monkeypatch.setenv(settings.SUPERVISORD_VARIABLE, "/srv/socket")
    monkeypatch.setenv(settings.TIMEOUT_VARIABLE, "0.5")
    monkeypatch.setenv(settings.LEASES_VARIABLE, "0")
    monkeypatch.delenv(settings.KERNEL_VARIABLE, raising=False)
    assert settings.state_folder() == "/srv/state"
    assert settings.policy_folders() == ("/srv/policy",)
    assert settings.supervisor_sockets() == ("/srv/socket",)
    assert settings.limits().application_s == 0.5
    assert not settings.wanted(settings.LEASES_VARIABLE)
    assert settings.wanted(settings.KERNEL_VARIABLE)
