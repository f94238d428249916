"""The examples in the docstrings of the rules are true, and every module of rules has one."""

from __future__ import annotations

import doctest
from importlib import import_module
from pkgutil import iter_modules

import pytest

from restartmanager import rules

MODULES = sorted(info.name for info in iter_modules(rules.__path__, f"{rules.__name__}."))


@pytest.mark.parametrize("name", MODULES)
def test_a_module_begins_with_a_true_example(name: str) -> None:
    module = import_module(name)
    assert doctest.DocTestParser().get_examples(module.__doc__ or "")
    found = doctest.testmod(module)  # what is wrong is printed
    assert found.failed == 0
