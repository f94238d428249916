"""The page "Where is what" is true: each file is there, and defines what the page says it does."""

from __future__ import annotations

import ast
import re

import pytest

from support.paths import DOCS, SOURCES

PAGE = DOCS / "explanation" / "where-is-what.md"

_SECTIONS = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
_ITEM = re.compile(r"^- (.+(?:\n  .+)*)", re.MULTILINE)
_NAME = re.compile(r"`([^`]+)`")


def places(section: str) -> list[tuple[str, list[str]]]:
    """The files that an answer names, each with the names that stand behind it."""
    found: list[tuple[str, list[str]]] = []
    for item in _ITEM.findall(section):
        assert item.startswith("`"), item
        for name in _NAME.findall(item):
            if "/" in name:
                found.append((name, []))
            else:
                found[-1][1].append(name)
    return found


def defined(path: str) -> set[str]:
    """What a module defines at its top, and in its classes as ``Class.name``."""
    tree = ast.parse((SOURCES / path).read_text(encoding="utf-8"))
    names = set(_defined_in(tree.body))
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{name}" for name in _defined_in(node.body)}
    return names


def _defined_in(body: list[ast.stmt]) -> list[str]:
    names = []
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign):
            names += [target.id for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.append(node.target.id)
    return names


@pytest.mark.parametrize("section", _SECTIONS, ids=lambda text: text.partition("\n")[0])
def test_each_answer_leads_there(section: str) -> None:
    answers = places(section)
    assert any(names for _, names in answers)
    for path, names in answers:
        assert (SOURCES / path).is_file(), path
        assert not names or set(names) <= defined(path), path


def test_there_are_ten_questions() -> None:
    assert len(_SECTIONS) == 10
    assert all(section.partition("\n")[0].endswith("?") for section in _SECTIONS)
