from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from restartmanager import app
from restartmanager.app import registering
from restartmanager.errors import UnsupportedError, UsageError
from restartmanager.model import RestartFlags
from restartmanager.model.identity import UniqueProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _nothing_stays_registered() -> Iterator[None]:
    yield
    app.unregister_application_restart()


def registered() -> tuple[str, ...]:
    """The whole command that is registered now."""
    settings = app.application_restart_settings()
    assert settings is not None
    return settings.command


def arguments() -> tuple[str, ...]:
    """What is registered, without the program."""
    return registered()[len(registering._program()) :]


# -- registering -------------------------------------------------------------------------------


def test_nothing_is_registered_at_first_and_after_taking_it_back() -> None:
    assert app.application_restart_settings() is None
    app.unregister_application_restart()
    app.register_application_restart("--restore")
    app.unregister_application_restart()
    app.unregister_application_restart()
    assert app.application_restart_settings() is None


def test_the_latest_call_wins() -> None:
    app.register_application_restart(["one"], RestartFlags.NO_PATCH)
    app.register_application_restart(["two"])
    settings = app.application_restart_settings()
    assert settings is not None
    assert settings.command[-1] == "two"
    assert settings.flags is RestartFlags.NONE


def test_without_arguments_the_program_comes_back_with_none() -> None:
    app.register_application_restart(flags=RestartFlags.NO_CRASH | RestartFlags.NO_REBOOT)
    settings = app.application_restart_settings()
    assert settings is not None
    assert arguments() == ()
    assert settings.flags == 9


def test_a_string_is_split_as_a_shell_would_and_nothing_is_expanded() -> None:
    app.register_application_restart("""--title 'a b' "$HOME" * ~ \\; `id` a"b"c ''""")
    assert arguments() == ("--title", "a b", "$HOME", "*", "~", ";", "`id`", "abc", "")


def test_a_sequence_is_taken_as_it_is_undecodable_bytes_and_all() -> None:
    app.register_application_restart(("a b", "", "$x", "\udcff", "é"))
    assert arguments() == ("a b", "", "$x", "\udcff", "é")


def test_1024_characters_are_the_most() -> None:
    app.register_application_restart("x" * 1024)
    assert arguments() == ("x" * 1024,)
    app.register_application_restart(["x" * 1000, "y" * 23])
    for too_long in ("x" * 1025, ["x" * 1000, "y" * 24], " " * 1025):
        with pytest.raises(UsageError, match="1025 characters"):
            app.register_application_restart(too_long)
    assert arguments() == ("x" * 1000, "y" * 23)


@pytest.mark.parametrize(
    "wrong", ["a\0b", ["a\0"], "it's", [b"bytes"], b"bytes", [1], ["\ud800"]], ids=repr
)
def test_arguments_that_make_no_sense_change_nothing(wrong: str) -> None:
    app.register_application_restart("before")
    with pytest.raises(UsageError):
        app.register_application_restart(wrong)
    assert arguments() == ("before",)


@pytest.mark.parametrize("flags", [16, -1, "1", None])
def test_flags_without_a_meaning_are_refused(flags: int) -> None:
    with pytest.raises(UsageError):
        app.register_application_restart("x", flags)
    assert app.application_restart_settings() is None


def test_many_threads_leave_one_registration_and_one_descriptor() -> None:
    app.register_application_restart("0")
    before = len(os.listdir("/proc/self/fd"))

    def hammer(number: int) -> None:
        for _ in range(50):
            app.register_application_restart(str(number))
            assert app.application_restart_settings() is not None

    threads = [threading.Thread(target=hammer, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert arguments()[0] in set("01234567")
    assert len(os.listdir("/proc/self/fd")) == before


def test_without_proc_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_proc() -> UniqueProcess:
        raise FileNotFoundError

    monkeypatch.setattr(UniqueProcess, "current", no_proc)
    with pytest.raises(UnsupportedError, match="/proc is not mounted"):
        app.register_application_restart("x")


def test_an_old_kernel_without_the_newest_flag_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    create = os.memfd_create

    def before_6_3(name: str, flags: int) -> int:
        if flags & 0x8:
            raise OSError(22, "Invalid argument")
        return create(name, flags)

    monkeypatch.setattr(os, "memfd_create", before_6_3)
    app.register_application_restart("x")
    assert arguments() == ("x",)


def test_a_kernel_without_memfds_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str, flags: int) -> int:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(os, "memfd_create", missing)
    with pytest.raises(UnsupportedError, match="not implemented"):
        app.register_application_restart("x")


# -- which program -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "count", "script"),
    [
        ("python", 1, False),
        ("python s.py a b", 2, True),
        ("python -I -Werror s.py -c", 4, True),
        ("python -W error -X dev s.py", 6, True),
        ("python -Ws s.py", 3, True),
        ("python -IW error s.py", 4, True),
        ("python -m pkg -x", 3, False),
        ("python -mpkg x", 2, False),
        ("python -Im pkg x", 3, False),
        ("python -c code x", 3, False),
        ("python -Bc code x", 3, False),
        ("python - x", 2, False),
        ("python -- -s.py x", 3, True),
        ("python --", 2, False),
        ("python --check-hash-based-pycs always s.py", 4, True),
        ("python -i", 2, False),
        ("python -W", 2, False),
    ],
)
def test_where_the_programs_own_arguments_begin(command: str, count: int, script: bool) -> None:
    assert registering._interpreter_part(command.split()) == (count, script)


SHOW = """
import json, os, sys
from restartmanager import app
from restartmanager.app import registering
os.chdir("/")
sys.argv[1:] = ["taken", "away"]
app.register_application_restart(["new"])
print(json.dumps(app.application_restart_settings().command))
"""


def run(folder: Path, *command: str) -> list[str]:
    """What a program registers that was run with relative paths and then changed directory."""
    import json

    done = subprocess.run(
        [sys.executable, *command, "old"], cwd=folder, capture_output=True, check=True
    )
    found: list[str] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", ["show.py", "./show.py", "sub/../show.py", ".//show.py"])
def test_a_script_is_registered_with_its_absolute_path(tmp_path: Path, name: str) -> None:
    (tmp_path / "show.py").write_text(SHOW)
    (tmp_path / "sub").mkdir()
    program, option, script, new = run(tmp_path, "-B", name)
    assert (program, option, new) == (sys.executable, "-B", "new")
    assert os.path.isabs(script)
    assert os.path.samefile(script, tmp_path / "show.py")


def test_a_zip_file_and_a_directory_are_scripts_as_well(tmp_path: Path) -> None:
    import zipfile

    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/__main__.py").write_text(SHOW)
    with zipfile.ZipFile(tmp_path / "app.pyz", "w") as archive:
        archive.writestr("__main__.py", SHOW)
    assert run(tmp_path, "tree")[1:] == [str(tmp_path / "tree"), "new"]
    assert run(tmp_path, "app.pyz")[1:] == [str(tmp_path / "app.pyz"), "new"]


def test_a_module_and_code_stay_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "shown.py").write_text(SHOW)
    assert run(tmp_path, "-m", "shown") == [sys.executable, "-m", "shown", "new"]
    assert run(tmp_path, "-c", SHOW) == [sys.executable, "-c", SHOW, "new"]


def test_a_frozen_program_is_its_own_executable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", "/opt/thing/thing")
    monkeypatch.setattr(sys, "orig_argv", ["/opt/thing/thing", "--open", "a"])
    app.register_application_restart("--restore")
    assert registered() == ("/opt/thing/thing", "--restore")


def test_a_program_with_python_built_in_is_not_taken_for_python(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "readlink", lambda _path: "/usr/bin/blender")
    monkeypatch.setattr(sys, "executable", "")
    monkeypatch.setattr(sys, "orig_argv", ["blender", "--python", "x.py"])
    app.register_application_restart("--restore")
    assert registered() == ("blender", "--restore")


# -- was it restarted --------------------------------------------------------------------------


def test_only_the_named_process_was_restarted(monkeypatch: pytest.MonkeyPatch) -> None:
    me = UniqueProcess.current()
    monkeypatch.delenv(app.RESTARTED_VARIABLE, raising=False)
    assert not app.was_restarted()
    for claim, expected in [
        (f"{me.pid}:{me.start_ticks}", True),
        (f"{me.pid}:{me.start_ticks + 1}", False),
        (f"{me.pid + 1}:{me.start_ticks}", False),
        ("", False),
        ("1", False),
        (f"{me.pid}:", False),
    ]:
        monkeypatch.setenv(app.RESTARTED_VARIABLE, claim)
        assert app.was_restarted() is expected


# -- what it costs and what it must not touch --------------------------------------------------


def in_python(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    ).stdout


def test_importing_it_loads_nothing_else() -> None:
    """The package itself is loaded before: what it costs is another matter."""
    loaded = in_python(
        "import sys, restartmanager; before = set(sys.modules); import restartmanager.app;"
        "print(*sorted(set(sys.modules) - before))"
    )
    assert loaded.split() == [
        "restartmanager.app",
        "restartmanager.app.listening",
        "restartmanager.app.registering",
    ]


def test_a_descriptor_that_is_no_longer_ours_is_left_alone() -> None:
    """A program that closes everything may have another file under that number."""
    out = in_python(
        "import os; from restartmanager import app\n"
        "app.register_application_restart('x'); fd = app.registering._kept.fd\n"
        "other = os.open('/dev/null', os.O_RDONLY); os.dup2(other, fd)\n"
        "print(app.application_restart_settings()); app.unregister_application_restart()\n"
        "print(os.fstat(fd).st_rdev == os.stat('/dev/null').st_rdev)\n"
        "app.register_application_restart('y'); print(app.registering._kept.fd == fd)\n"
        "os.close(app.registering._kept.fd); app.register_application_restart('z')\n"
        "print(app.application_restart_settings().command[-1])\n"
    )
    assert out.split() == ["None", "True", "False", "z"]


def test_standard_streams_that_are_closed_are_not_taken() -> None:
    out = in_python(
        "import os; from restartmanager import app\n"
        "keep = os.dup(1); os.closerange(0, 3)\n"
        "app.register_application_restart('x')\n"
        "os.write(keep, b'%d' % app.registering._kept.fd); os.closerange(0, 3)\n"
    )
    assert int(out) > 2


def test_a_fork_in_the_middle_of_a_call_does_not_hang_the_child() -> None:
    out = in_python(
        "import os; from restartmanager import app\n"
        "app.register_application_restart('x'); app.registering._kept.lock.acquire()\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    assert app.application_restart_settings() is None\n"
        "    app.register_application_restart('mine')\n"
        "    os._exit(7 if app.application_restart_settings().command[-1] == 'mine' else 1)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
        "app.registering._kept.lock.release()\n"
        "print(app.application_restart_settings().command[-1])\n"
    )
    assert out.split() == ["7", "x"]
