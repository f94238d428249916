"""The script among the arguments of real interpreters: each one is started, and looked at."""

from __future__ import annotations

import http.server
import os
import shutil
import subprocess
import sys
import venv
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from restartmanager.rules.interpreters import interpreter, script_candidates

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

READY = b"ready"

# What says that it is ready, and then waits on its standard input, without a child of its own.
PYTHON = "import sys; print('ready', flush=True); sys.stdin.read()\n"
PERL = "$| = 1; print qq(ready\\n); my $line = <STDIN>;\n"
RUBY = "$stdout.sync = true; puts 'ready'; $stdin.gets\n"
NODE = "console.log('ready'); process.stdin.resume();\n"
PHP = '<?php echo "ready\\n"; fgets(STDIN);\n'
SHELL = "echo ready\nread line\n"
LUA = "print('ready') io.stdout:flush() io.read()\n"


@dataclass(frozen=True)
class Seen:
    """What /proc says of a process, and nothing else."""

    executable: str
    arguments: tuple[str, ...]
    cwd: str

    @classmethod
    def of(cls, pid: int) -> Seen:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = os.fsdecode(file.read()).removesuffix("\0").split("\0")
        links = [os.readlink(f"/proc/{pid}/{name}") for name in ("exe", "cwd")]
        return cls(links[0], tuple(words), links[1])

    def scripts(self) -> list[str]:
        """The first regular file of each script: what a caller of the module makes of it."""
        found = script_candidates(self.executable, self.arguments)
        places = [[os.path.join(self.cwd, path) for path in script.paths] for script in found]
        return [next(filter(os.path.isfile, each)) for each in places]


@contextmanager
def running(
    arguments: list[str],
    folder: Path,
    *,
    executable: str | None = None,
    feed: bytes = b"",
    ready: bytes = READY,
) -> Iterator[Seen]:
    """A process that has said it is ready; killed and reaped afterwards."""
    with subprocess.Popen(
        arguments,
        executable=executable,
        cwd=folder,
        env={"HOME": str(folder), "PATH": os.defpath, "LC_ALL": "C"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(feed)
            process.stdin.flush()
            assert any(ready in line for line in process.stdout), f"{arguments} did not start"
            yield Seen.of(process.pid)
        finally:
            process.kill()


def installed(name: str) -> str:
    """The path of an interpreter; the test is skipped, with its name, where there is none."""
    path = sys.executable if name == "python3" else shutil.which(name, path=os.defpath)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


# The interpreter, what its script says, and options; {} is the script, the rest is data.
SCRIPTS = [
    ("python3", PYTHON, ["{}"]),
    ("python3", PYTHON, ["-u", "-X", "utf8", "{}", "data"]),
    ("python3", PYTHON, ["-Wignore", "-OOW", "ignore", "-bbEs", "--", "{}", "-c", "data"]),
    ("python3", PYTHON, ["--check-hash-based-pycs", "never", "-Xdev", "{}", "data"]),
    ("perl", PERL, ["{}"]),
    ("perl", PERL, ["-w", "-I", ".", "-T", "{}", "data"]),
    ("perl", PERL, ["-w  -T", "-I.", "-Mstrict", "{}", "-e", "data"]),
    ("perl", PERL, ["-0777", "-CSD", "-l012", "--", "{}", "data"]),
    ("bash", SHELL, ["{}"]),
    ("bash", SHELL, ["--norc", "-x", "-o", "pipefail", "{}", "data"]),
    ("bash", SHELL, ["-norc", "--rcfile", "data", "-xO", "extglob", "+e", "{}", "-c", "data"]),
    ("bash", SHELL, ["-uoe", "pipefail", "-", "{}", "-s"]),
    ("dash", SHELL, ["-e", "{}", "data"]),
    ("dash", SHELL, ["-oe", "nounset", "+x", "--", "{}", "data"]),
    ("sh", SHELL, ["-eu", "-o", "noglob", "{}", "-s", "data"]),
    ("busybox", SHELL, ["sh", "-e", "{}", "data"]),
    ("zsh", SHELL, ["-f", "-oerrexit", "{}", "data"]),
    ("ksh", SHELL, ["-e", "-o", "nounset", "{}", "data"]),
    ("ruby", RUBY, ["-I", ".", "-rset", "-W0", "--disable", "gems", "{}", "data"]),
    ("node", NODE, ["{}"]),
    (
        "node",
        NODE,
        ["--no-warnings", "--stack-trace-limit=9", "--inspect-port", "0", "{}", "-e", "data"],
    ),
    ("node", NODE, ["--unhandled_rejections", "warn", "-C", "dev", "--", "{}", "data"]),
    ("php", PHP, ["-d", "display_errors=1", "-n", "{}", "data"]),
    ("php", PHP, ["-d", "display_errors=1", "-f", "{}", "--", "data"]),
    ("lua", LUA, ["-e", "a = 1", "{}", "data"]),
    ("luajit", LUA, ["-joff", "{}", "data"]),
]


@pytest.mark.parametrize(
    ("name", "text", "words"), SCRIPTS, ids=[f"{n} {' '.join(w)}" for n, _, w in SCRIPTS]
)
def test_the_script_is_named(name: str, text: str, words: list[str], tmp_path: Path) -> None:
    script = write(tmp_path / "script", text)
    write(tmp_path / "data", text)
    arguments = [installed(name), *(word.replace("{}", "script") for word in words)]
    with running(arguments, tmp_path) as seen:
        assert seen.scripts() == [str(script)]


# The interpreter, arguments after which "data" is no script, and what it reads first.
NO_SCRIPT = [
    ("python3", ["-c", PYTHON, "data"], b""),
    ("python3", ["-uc", PYTHON, "data"], b""),
    ("python3", ["-iq", "-"], b"print('ready')\n"),
    ("perl", ["-e", PERL, "data"], b""),
    ("perl", ["-we", PERL, "data"], b""),
    ("bash", ["-c", SHELL, "data"], b""),
    ("bash", ["--norc", "-ec", SHELL, "data"], b""),
    ("bash", ["-co", "pipefail", SHELL, "data"], b""),
    ("bash", ["-s", "data"], SHELL.encode()),
    ("dash", ["-c", "-e", SHELL, "data"], b""),
    ("sh", ["-s", "data"], SHELL.encode()),
    ("busybox", ["sh", "-c", SHELL, "data"], b""),
    ("zsh", ["-fc", SHELL, "data"], b""),
    ("ksh", ["-c", SHELL, "data"], b""),
    ("ruby", ["-e", RUBY, "data"], b""),
    ("node", ["-e", NODE, "data"], b""),
    ("node", ["-pe", NODE, "data"], b""),
    ("node", ["-i"], b"console.log('ready')\n"),
    ("php", ["-r", PHP.removeprefix("<?php"), "data"], b""),
    ("lua", ["-i"], b"print('ready')\n"),
]


@pytest.mark.parametrize(
    ("name", "words", "feed"), NO_SCRIPT, ids=[f"{n} {w[0]}" for n, w, _ in NO_SCRIPT]
)
def test_there_is_no_script(name: str, words: list[str], feed: bytes, tmp_path: Path) -> None:
    write(tmp_path / "data", SHELL)
    with running([installed(name), *words], tmp_path, feed=feed) as seen:
        assert interpreter(seen.executable) is not None
        assert script_candidates(seen.executable, seen.arguments) == ()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("python3", PYTHON), ("perl", PERL), ("bash", SHELL), ("sh", SHELL), ("node", NODE)),
        *(("ruby", RUBY), ("php", PHP), ("zsh", SHELL), ("lua", LUA)),
    ],
)
@pytest.mark.parametrize("way", ["directly", "through env"])
def test_a_shebang_makes_the_script_an_argument(
    name: str, text: str, way: str, tmp_path: Path
) -> None:
    program = installed(name)
    line = f"#!{program}" if way == "directly" else f"#!/usr/bin/env -S {program}"
    script = write(tmp_path / "tool", f"{line}\n{text}")
    script.chmod(0o755)
    with running(["./tool", "data"], tmp_path) as seen:
        assert interpreter(seen.executable) is not None
        assert seen.scripts() == [str(tmp_path / "./tool").replace("/tool", "/./tool")]


def test_the_one_option_of_a_shebang(tmp_path: Path) -> None:
    script = write(tmp_path / "tool", f"#!/bin/sh -e\n{SHELL}")
    script.chmod(0o755)
    with running([str(script), "-c", "data"], tmp_path) as seen:
        assert "-e" in seen.arguments
        assert seen.scripts() == [str(script)]


def test_a_login_shell_with_and_without_a_script(tmp_path: Path) -> None:
    bash = installed("bash")
    script = write(tmp_path / "x.sh", SHELL)
    with running(["-bash", "x.sh"], tmp_path, executable=bash) as seen:
        assert seen.arguments[0] == "-bash"
        assert seen.scripts() == [str(script)]
    with running(["-bash"], tmp_path, executable=bash, feed=SHELL.encode()) as seen:
        assert seen.scripts() == []


# -- python -m ---------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["a/b.py", "a/b/__main__.py"])
def test_a_module_below_the_working_directory(place: str, tmp_path: Path) -> None:
    module = write(tmp_path / place, PYTHON)
    with running([sys.executable, "-um", "a.b", "data"], tmp_path) as seen:
        assert seen.scripts() == [str(module)]


def test_a_folder_with_a_main_module(tmp_path: Path) -> None:
    module = write(tmp_path / "app" / "__main__.py", PYTHON)
    with running([sys.executable, "app"], tmp_path) as seen:
        assert seen.scripts() == [str(module)]


def test_a_module_of_the_standard_library(tmp_path: Path) -> None:
    words = ["-u", "-m", "http.server", "--bind", "127.0.0.1", "0"]
    with running([sys.executable, *words], tmp_path, ready=b"Serving") as seen:
        (script,) = seen.scripts()
    assert os.path.samefile(script, http.server.__file__)


def test_an_isolated_python_ignores_its_working_directory(tmp_path: Path) -> None:
    write(tmp_path / "http" / "server.py", "raise SystemExit")
    words = ["-Ium", "http.server", "--bind", "127.0.0.1", "0"]
    with running([sys.executable, *words], tmp_path, ready=b"Serving") as seen:
        (script,) = seen.scripts()
    assert os.path.samefile(script, http.server.__file__)


def test_a_module_of_a_virtual_environment(tmp_path: Path) -> None:
    environment = tmp_path / "venv"
    venv.create(environment, symlinks=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    module = write(environment / "lib" / version / "site-packages" / "a" / "b.py", PYTHON)
    for command in (str(environment / "bin" / "python"), "venv/bin/python"):
        with running([command, "-m", "a.b"], tmp_path) as seen:
            assert not seen.executable.startswith(str(environment))
            assert seen.scripts() == [str(module)]


# -- node --------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["--require=./boot.js", "-r ./boot", "--import ./boot.js"])
def test_a_file_that_node_loads_first(option: str, tmp_path: Path) -> None:
    node = installed("node")
    write(tmp_path / "boot.js", "globalThis.booted = true\n")
    write(tmp_path / "main.js", f"if (globalThis.booted) {{ {NODE} }}\n")
    with running([node, *option.split(), "main"], tmp_path) as seen:
        assert [os.path.basename(path) for path in seen.scripts()] == ["boot.js", "main.js"]


def test_node_loads_an_address_and_a_folder(tmp_path: Path) -> None:
    node = installed("node")
    boot = write(tmp_path / "b ö.mjs", "globalThis.booted = true\n")
    write(tmp_path / "app" / "index.js", f"if (globalThis.booted) {{ {NODE} }}\n")
    with running([node, "--import", boot.as_uri(), "app"], tmp_path) as seen:
        assert seen.scripts() == [str(boot), str(tmp_path / "app" / "index.js")]


def test_a_process_that_writes_over_its_arguments_hides_its_script(tmp_path: Path) -> None:
    node = installed("node")
    write(tmp_path / "x.js", NODE)
    with running([node, "--title", "a title", "x.js"], tmp_path) as seen:
        assert "x.js" not in seen.arguments
        assert seen.scripts() == []


# -- which program it is -----------------------------------------------------------------------


def test_a_program_that_only_reads_a_script(tmp_path: Path) -> None:
    write(tmp_path / "x.py", PYTHON)
    # The claim in its first argument does not count.
    with running(["python3", "x.py", "-"], tmp_path, executable=installed("cat")) as seen:
        assert seen.arguments == ("python3", "x.py", "-")
        assert seen.scripts() == []


@pytest.mark.parametrize(("name", "scripts"), [("dash", 1), ("dash-evil", 0), ("mydash", 0)])
def test_a_copy_counts_by_its_whole_name(name: str, scripts: int, tmp_path: Path) -> None:
    copy = tmp_path / "bin" / name
    copy.parent.mkdir()
    shutil.copy(installed("dash"), copy)
    write(tmp_path / "x.sh", SHELL)
    with running([str(copy), "x.sh"], tmp_path) as seen:
        assert len(seen.scripts()) == scripts


def test_an_interpreter_that_was_updated_meanwhile(tmp_path: Path) -> None:
    copy = tmp_path / "dash"
    shutil.copy(installed("dash"), copy)
    script = write(tmp_path / "x.sh", f"rm {copy}\n{SHELL}")
    with running([str(copy), "x.sh"], tmp_path) as seen:
        assert seen.executable == f"{copy} (deleted)"
        assert seen.scripts() == [str(script)]
