"""One word per idea: the words of the glossary are in use, and those that they replaced are not."""

from __future__ import annotations

import io
import re
import tokenize
from functools import cache
from pathlib import Path

import pytest

from support.paths import DOCS, ROOT, SOURCES

GLOSSARY = DOCS / "glossary.md"

OLD_WORDS = {
    "equipment": "operation context",
    "lookout": "inspector",
    "ledger": "recorder",
    "road": "close method",
    "comeback": "relaunch",
    "oracle": "lease probe",
    "suspect": "stale candidate",
    "door": "port, or API",
    "trace": "event",
}

EXCEPTIONS = {
    ("door", "tests/sandboxed/test_transaction.py"): "a service called doors, which a knock starts",
    ("trace", "src/restartmanager/api/settings.py"): "a variable, whose name is promised to users",
    ("trace", "docs/reference/settings.md"): "likewise",
    ("trace", "tests/conftest.py"): "likewise",
    ("trace", "tests/integration/adapters/test_event_log.py"): "likewise",
    ("trace", "src/restartmanager/adapters/bpf/syscall.py"): "a constant of the kernel's",
    ("trace", "tests/unit/rules/test_interpreters.py"): "a module of Perl",
}

_MODULES = """
acting affected api asking birth bus capturing cgroup_paths code code_program closing comeback
conversations displays equipment explanations grouping handles initscripts jsonform kernel_uses
kernels ledger loaded lookout markers memory memory_store oracle params pidfiles places
policy_file program relaunching rmarguments rmcodes rmtypes roads scopes script_search
script_uses service_rules session_acting stale_view supervisor supervisor_rpc surroundings
suspects traces tracing unit_jobs unit_runs unit_scopes views vote wire work
"""
OLD_MODULES = frozenset(_MODULES.split())
"""Modules that have another name now. Some are words for other things still: a docstring may name
those where its own module has such a name."""

_WORDS = re.compile(r"^\| ((?:\*\*[^*]+\*\*(?:, )?)+) \|", re.MULTILINE)
_NAMED_IN_DOCSTRING = re.compile(r"``(\w+)``")


@cache
def texts() -> dict[Path, str]:
    """All that people read of this project, by its files."""
    folders = (SOURCES, DOCS, ROOT / "tests", ROOT / "examples", ROOT / "benchmarks")
    files = [path for folder in folders for path in folder.rglob("*") if _is_text(path)]
    files += [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / ".importlinter"]
    return {path: path.read_text(encoding="utf-8") for path in files}


def _is_text(path: Path) -> bool:
    return path.suffix in {".py", ".md", ".toml", ".json", ".c", ".sh"} and path.is_file()


def glossary() -> list[str]:
    rows = _WORDS.findall(GLOSSARY.read_text(encoding="utf-8"))
    return [word for row in rows for word in re.findall(r"\*\*([^*]+)\*\*", row)]


@pytest.mark.parametrize("word", glossary())
def test_a_word_of_the_glossary_is_in_use(word: str) -> None:
    spelled = re.compile(r"[ _-]?".join(map(re.escape, word.split())), re.IGNORECASE)
    used = [path for path, text in texts().items() if path != GLOSSARY and spelled.search(text)]
    assert any(path.is_relative_to(SOURCES) for path in used)
    assert len(used) > 1


def test_the_glossary_has_each_word_once() -> None:
    words = glossary()
    assert len(words) == len(set(words)) > 50


@pytest.mark.parametrize("word", OLD_WORDS)
def test_an_old_word_is_gone(word: str) -> None:
    allowed = {path for excepted, path in EXCEPTIONS if excepted == word}
    found = {str(path.relative_to(ROOT)) for path in texts() if used_in(path, word)}
    assert found - allowed == set(), f"say {OLD_WORDS[word]}"
    assert allowed - found == set(), "no exception any more"


def used_in(path: Path, word: str) -> bool:
    """Whether a file has the word, but for this one, which lists them all."""
    text = "" if path == Path(__file__) else texts()[path]
    return re.search(rf"(?<![a-z-]){word}s?(?![a-z])", text, re.IGNORECASE) is not None


def test_no_docstring_names_a_module_that_is_gone() -> None:
    stale = []
    gone = OLD_MODULES - {path.stem for path in SOURCES.rglob("*.py")}
    for path, text in texts().items():
        if path.suffix != ".py":
            continue
        named = gone.intersection(_NAMED_IN_DOCSTRING.findall(text))
        stale += [f"{path.relative_to(ROOT)}: {name}" for name in named - _names(text)]
    assert stale == []


def _names(text: str) -> set[str]:
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return {token.string for token in tokens if token.type == tokenize.NAME}
