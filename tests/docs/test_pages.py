"""The pages hold together: links lead somewhere, tables are complete, named tests exist."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

import restartmanager
from pythons.interpreters import promised
from restartmanager import app, errors, rstrtmgr
from restartmanager.adapters.policy_files import parse_policy
from restartmanager.api import settings
from restartmanager.api.primary import PrimarySession
from restartmanager.api.secondary import JoinedSession
from restartmanager.api.stopped import Stopped
from restartmanager.app.registering import REPLACES_VARIABLE
from restartmanager.cli.exitcodes import ExitCode
from support.paths import DOCS, ROOT, SOURCES
from unit.rstrtmgr.documented import CANNOT_OCCUR, DOCUMENTED, UNDOCUMENTED

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

PAGES = sorted([ROOT / "README.md", ROOT / "changes" / "README.md", *DOCS.rglob("*.md")])
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]

_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_NUMBERED = re.compile(r"^\| (\d+) \| `(\w+)` \|", re.MULTILINE)
_BIT = re.compile(r"^\| (0x\w+) \| `(\w+)` \|", re.MULTILINE)
_DOCUMENT = re.compile(r"^\| `restartmanager/(\w+)/(\d+)` \|", re.MULTILINE)
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def prose(page: Path) -> str:
    """The page without its blocks of code."""
    return _FENCED.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """What its headings are called in links."""
    titles = (re.sub(r"[^\w\- ]", "", title.lower()) for title in _HEADING.findall(prose(page)))
    return {title.replace(" ", "-") for title in titles}


def first_cells(text: str) -> set[str]:
    """The words in backticks in the first columns of its tables."""
    return set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))


def section(text: str, title: str) -> str:
    """What stands below a heading, up to the next one of the same rank or a higher one."""
    rank = title.partition(" ")[0]
    rest = text.partition(f"\n{title}\n")[2]
    return re.split(rf"^#{{1,{len(rank)}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


# -- form --------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(page: Path) -> None:
    for link in _LINK.findall(prose(page)):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_lines_are_not_too_long() -> None:
    made_by_programs = {DOCS / "detection.md", DOCS / "performance.md"}
    for page in set(PAGES) - made_by_programs:
        lines = page.read_text(encoding="utf-8").split("\n")
        assert [line for line in lines if len(line) > 120 and " " in line.lstrip("- ")] == [], page


def test_every_page_is_in_the_index() -> None:
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    linked = {(DOCS / link.partition("#")[0]).resolve() for link in _LINK.findall(index)}
    assert set(DOCS.rglob("*.md")) - linked == {DOCS / "README.md"}


# -- completeness ------------------------------------------------------------------------------


def test_every_exit_code_is_listed() -> None:
    text = (DOCS / "reference" / "exit-codes.md").read_text(encoding="utf-8")
    listed = {int(code): name for code, name in _NUMBERED.findall(text)}
    assert listed == {int(code): code.name for code in ExitCode}


def test_every_public_name_is_listed() -> None:
    text = (DOCS / "reference" / "python.md").read_text(encoding="utf-8")
    package = section(text, "## `restartmanager`").partition("\n### ")[0]
    assert first_cells(package) == set(restartmanager.__all__)
    assert first_cells(section(text, "## `restartmanager.app`")) == set(app.__all__)
    assert first_cells(section(text, "## `restartmanager.errors`")) == set(errors.__all__)
    primary = section(text, "### `PrimarySession`")
    assert first_cells(primary) == _public(PrimarySession)
    for handle in (JoinedSession, Stopped):
        for name in _public(handle):
            assert f"`{name}`" in primary


def _public(kind: type) -> set[str]:
    found = {name for name in dir(kind) if not name.startswith("_")}
    return found | ({"outcomes", "restarted"} if kind is Stopped else set())


@pytest.mark.parametrize("kind", errors.__all__)
def test_what_an_error_is_besides(kind: str) -> None:
    text = (DOCS / "reference" / "python.md").read_text(encoding="utf-8")
    found = re.search(rf"^\| `{kind}` \| (\w*) ?\|", text, re.MULTILINE)
    assert found is not None
    builtin = found[1] and getattr(__import__("builtins"), found[1])
    assert not builtin or issubclass(getattr(errors, kind), builtin)


def test_every_function_and_code_of_windows_is_listed() -> None:
    text = (DOCS / "how-to" / "from-the-windows-api.md").read_text(encoding="utf-8")
    assert set(rstrtmgr.__all__[:11]) <= first_cells(text)
    codes = {(int(code), name) for code, name in _NUMBERED.findall(text)}
    assert codes == {(int(code), code.name) for code in rstrtmgr.WinError}


def test_every_function_of_windows_stands_with_its_codes() -> None:
    """The codes are those that the tests of each function provoke."""
    text = (DOCS / "how-to" / "from-the-windows-api.md").read_text(encoding="utf-8")
    found = re.findall(r"^\| `(Rm\w+)` \| [^|]* \| ([\d ]+) \|", text, re.MULTILINE)
    told = {(name, int(code)) for name, codes in found for code in codes.split()}
    documented = {(name, code) for name, codes in DOCUMENTED.items() for code in codes}
    assert told == (documented | UNDOCUMENTED) - CANNOT_OCCUR.keys()


def test_every_status_of_windows_is_listed() -> None:
    text = (DOCS / "how-to" / "from-the-windows-api.md").read_text(encoding="utf-8")
    listed = {(int(bit, 16), name) for bit, name in _BIT.findall(text)}
    assert listed == {(int(bit), bit.name) for bit in rstrtmgr.RM_APP_STATUS}


def test_every_variable_is_listed() -> None:
    text = (DOCS / "reference" / "settings.md").read_text(encoding="utf-8")
    names = {value for name, value in vars(settings).items() if name.endswith("_VARIABLE")}
    listed = {name for name in first_cells(text) if name.startswith("RESTARTMANAGER_")}
    assert listed == names | {app.RESTARTED_VARIABLE, REPLACES_VARIABLE}


def test_every_json_document_is_listed() -> None:
    text = (DOCS / "reference" / "json.md").read_text(encoding="utf-8")
    schemas = {path.stem for path in (SOURCES / "cli" / "output" / "schemas").glob("*.json")}
    listed = _DOCUMENT.findall(text)
    assert {f"{name}-{version}" for name, version in listed} == schemas


def test_every_python_that_is_promised_is_tested() -> None:
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    (matrix,) = re.findall(r"python: \[(.*)\]", workflow)
    assert re.findall(r"3\.\d+", matrix) == promised()
    assert ".ci/run" in workflow


def test_the_same_pythons_are_promised_everywhere() -> None:
    first, *_, last = promised()
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert settings["project"]["requires-python"] == f">={first}"
    assert settings["tool"]["mypy"]["python_version"] == first
    assert settings["tool"]["ruff"]["target-version"] == f"py{first.replace('.', '')}"
    assert f"Python {first} to {last}, " in (ROOT / "README.md").read_text(encoding="utf-8")
    limits = (DOCS / "explanation" / "limits.md").read_text(encoding="utf-8")
    assert f"Python {', '.join(promised()[:-1])} or {last}: " in limits
    for page in *PAGES, ROOT / "CONTRIBUTING.md":
        text = page.read_text(encoding="utf-8")
        assert set(re.findall(r"Python (3\.\d+) (?:or newer|to)\b", text)) <= {first}, page


def test_every_change_has_a_kind() -> None:
    about = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    kinds = re.findall(r'directory = "(\w+)", name', about)
    for path in set((ROOT / "changes").iterdir()) - {ROOT / "changes" / "README.md"}:
        _, kind, ending = path.name.split(".")
        assert (kind in kinds, ending) == (True, "md"), path
        assert path.read_text(encoding="utf-8").strip()


# -- contents ----------------------------------------------------------------------------------


def test_the_command_line_page_is_up_to_date() -> None:
    generate = _generate()
    text = generate.PAGE.read_text(encoding="utf-8")
    made_with = re.search(r"with click ([0-9.]+)", text)
    assert made_with is not None
    if made_with[1] != generate.click_version():
        pytest.skip(f"help texts look different with click {generate.click_version()}")
    assert text == generate.page(), "run: python docs/generate.py"
    assert generate.MANUAL.read_text() == generate.manual(), "run: python docs/generate.py"


def test_the_manual_page_is_well_formed() -> None:
    groff = shutil.which("groff")
    if groff is None:
        pytest.skip("groff is not installed")
    manual = ROOT / "data" / "man" / "man1" / "restartctl.1"
    done = subprocess.run(
        [groff, "-man", "-ww", "-Tutf8", str(manual)], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    for verb in "who", "run", "ui", "session start", "completion":
        assert f"restartctl {verb}" in done.stdout


def _generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_named_tests_exist(page: Path) -> None:
    for path, name in _TEST.findall(page.read_text(encoding="utf-8")):
        text = (ROOT / path).read_text(encoding="utf-8")
        assert re.search(rf"^ *def {name}\(", text, re.MULTILINE), f"{path}::{name}"


def test_every_rule_of_security_names_its_tests() -> None:
    text = (DOCS / "explanation" / "security.md").read_text(encoding="utf-8")
    rules = re.split(r"^### ", section(text, "## The rules"), flags=re.MULTILINE)[1:]
    assert len(rules) == 21
    for rule in rules:
        assert _TEST.search(rule), rule.partition("\n")[0]


def test_json_examples_are_valid() -> None:
    text = (DOCS / "reference" / "json.md").read_text(encoding="utf-8")
    found = re.findall(r"<!-- schema: (\w+) -->\n```json\n(.*?)```", text, re.DOTALL)
    assert len(found) == text.count("```json")
    for name, example in found:
        schema: dict[str, Any] = json.loads(
            (SOURCES / "cli" / "output" / "schemas" / f"{name}-1.json").read_text()
        )
        Draft202012Validator(schema).validate(json.loads(example))


def test_the_policy_example_is_a_policy() -> None:
    text = (DOCS / "reference" / "settings.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    policy = parse_policy(example, "settings.md")
    assert (len(policy.folders), len(policy.rules), len(policy.ignore)) == (2, 3, 1)
    assert (len(policy.services), len(policy.together)) == (2, 1)
