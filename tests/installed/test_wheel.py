"""The wheel in an empty environment: it installs, it answers, and the tutorial works with it."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest

from docs.test_blocks import Page, assert_as_shown, desk_with
from support.paths import ROOT

PATIENCE_S = 200
TUTORIAL = "docs/tutorial/first-installer.md"
DEPENDENCIES = ("click", "jeepney")

pytestmark = pytest.mark.timeout(PATIENCE_S + 40)


def run(*command: str | Path, cwd: Path | None = None) -> str:
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel, which is built from the sdist, and the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder, cwd=ROOT)
    (sdist,) = folder.glob("*.tar.gz")
    (folder / "unpacked").mkdir()
    run("tar", "-xf", sdist, "-C", folder / "unpacked")  # tarfile's filters came with 3.11.4
    (source,) = (folder / "unpacked").iterdir()
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=source)
    return folder


@pytest.fixture(scope="module")
def environment(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and what it depends on, and nothing else."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    (wheel,) = packages.glob("*.whl")
    python = str(folder / "bin" / "python")
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
    try:
        run(*install, wheel)
    except AssertionError:  # there is no network, or no registry
        run(*install, "--no-deps", wheel)
        for name in DEPENDENCIES:
            _copy(name, folder)
    return folder


def _copy(name: str, folder: Path) -> None:
    """A package as it is installed here."""
    place = run(folder / "bin" / "python", "-c", "import site; print(site.getsitepackages()[0])")
    for file in distribution(name).files or ():
        if ".." not in file.parts:
            target = Path(place.strip(), *file.parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_binary())


def test_nothing_is_missing_from_the_packages(packages: Path) -> None:
    (wheel,) = packages.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        about = archive.read(metadata).decode()
    sources = {
        str(path.relative_to(ROOT / "src"))
        for path in (ROOT / "src").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert sources <= set(names)
    assert "restartmanager/py.typed" in names
    assert any(name.endswith("share/man/man1/restartctl.1") for name in names)
    for line in (
        "License-Expression: Apache-2.0",
        "Requires-Python: >=3.11",
        "Provides-Extra: ui",
        "Classifier: Typing :: Typed",
    ):
        assert line in about.splitlines()
    (sdist,) = packages.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        kept = {name.partition("/")[2] for name in archive.getnames()}
    for path in "LICENSE", "README.md", "mkdocs.yml", "docs/generate.py", "tests/conftest.py":
        assert path in kept


def test_it_answers_where_it_was_installed(environment: Path, tmp_path: Path) -> None:
    commands = environment / "bin"
    version = run(commands / "python", "-c", "import restartmanager as r; print(r.__version__)")
    assert run(commands / "restartctl", "--version") == f"restartctl {version}"
    (tmp_path / "file").touch()
    with (tmp_path / "file").open():
        shown = run(commands / "restartctl", "who", "--lines", tmp_path / "file")
    assert shown.startswith(f"{os.getpid()}\t")
    assert (environment / "share" / "man" / "man1" / "restartctl.1").exists()
    run(commands / "restartctl", "doctor", "--json")


def test_without_its_extra_the_page_says_what_it_needs(environment: Path) -> None:
    program = "from restartmanager.cli.verbs.ui import _visit; _visit()"
    done = subprocess.run(
        [environment / "bin" / "python", "-c", program], capture_output=True, text=True, check=False
    )
    assert "needs the package textual, which is not installed" in done.stderr


def test_the_tutorial_from_an_empty_environment(environment: Path, tmp_path: Path) -> None:
    page = Page(TUTORIAL).read()
    (tmp_path / "blocks").mkdir()
    with desk_with(environment / "bin", tmp_path) as desk:
        outputs = desk.perform(page.script(tmp_path / "blocks", before=""), desk.home)
        assert_as_shown(page, outputs, desk.home)
