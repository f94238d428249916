"""What a program loads when it is started: scripts, and folders that it searches for code."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restartmanager.rules.loading import Code, code_of

PYTHON = "/usr/bin/python3.11"
NODE = "/usr/bin/node"
JAVA = "/usr/lib/jvm/17/bin/java"
HERE = "/here/"


def code(executable: str, *arguments: str, **environment: str) -> tuple[Code, ...]:
    return tuple(code_of(executable, arguments, "/here", environment))


def paths(executable: str, *arguments: str, **environment: str) -> list[str]:
    """The first place of each."""
    return [one.paths[0] for one in code(executable, *arguments, **environment)]


@pytest.mark.parametrize(
    ("executable", "arguments", "expected"),
    [
        ("/bin/sleep", ["sleep", "/tmp/x"], []),
        ("/bin/sh", ["sh", "job"], ["/here/job"]),
        ("/bin/sh", ["sh", "/srv/job", "/tmp/data"], ["/srv/job"]),
        ("/bin/sh", ["sh", "-c", "./job"], [HERE]),
        ("/bin/bash", ["bash"], [HERE]),
        ("/bin/busybox", ["busybox", "httpd"], []),
        ("/bin/busybox", ["sh", "job"], ["/here/job"]),
        ("/usr/bin/perl", ["perl", "-Ilib:/b", "-I", "/a", "x.pl"],
         ["/here/x.pl", "/here/lib", "/b", "/a"]),
        ("/usr/bin/perl", ["perl", "-e", "1"], [HERE]),
        ("/usr/bin/ruby3.1", ["ruby", "-I/lib", "-r./boot", "x.rb"],
         ["/here/./boot.rb", "/here/x.rb", "/lib"]),
        ("/usr/bin/php8.2", ["php", "/srv/x.php"], ["/srv/x.php", HERE]),
        ("/usr/bin/lua5.4", ["lua", "/srv/x.lua"], ["/srv/x.lua", HERE]),
        (NODE, ["node", "/srv/x.js"], ["/srv/x.js"]),
        (NODE, ["node", "-e", "1"], [HERE]),
        # others, whose options are not taken apart
        (JAVA, ["java", "-Xmx1g", "-jar", "app.jar"], [HERE, "/here/app.jar"]),
        (JAVA, ["java", "-cp", "/a.jar:/lib/*", "Main"], [HERE, "/a.jar", "/lib", "/here/Main"]),
        (JAVA, ["java", "-javaagent:/x.jar=y", "--class-path=/c"],
         [HERE, "/x.jar=y", "/x.jar", "/c"]),
        ("/usr/bin/mawk", ["awk", "-f", "/srv/x.awk"], [HERE, "/srv/x.awk"]),
        ("/usr/bin/tclsh8.6", ["tclsh", "x.tcl"], [HERE, "/here/x.tcl"]),
        ("/usr/lib64/ld-linux-x86-64.so.2", ["ld.so", "--preload", "/p.so", "/srv/prog"],
         [HERE, "/p.so", "/srv/prog"]),
        ("/usr/bin/qemu-aarch64-static", ["qemu", "-L", "/sys", "./prog"],
         [HERE, "/sys", "/here/./prog"]),
        ("/usr/bin/javac-not", ["x", "/a"], []),
    ],
)  # fmt: skip
def test_what_arguments_name(executable: str, arguments: list[str], expected: list[str]) -> None:
    assert paths(executable, *arguments) == expected


def test_python_searches_beside_its_script_first() -> None:
    script, *rest = code(PYTHON, "/usr/bin/python3", "job.py")
    assert script == Code(("/here/job.py", "/here/job.py/__main__.py"), beside=True)
    assert Code((HERE,)) not in rest
    assert code(PYTHON, "/usr/bin/python3", "-I", "job.py")[0].beside is False
    assert code(PYTHON, "/usr/bin/python3", "-P", "job.py")[0].beside is False


@pytest.mark.parametrize("arguments", [["-m", "job"], ["-c", "1"], [], ["-"]])
def test_python_without_a_script_searches_where_it_is(arguments: list[str]) -> None:
    assert HERE in paths(PYTHON, "/usr/bin/python3", *arguments)
    assert HERE not in paths(PYTHON, "/usr/bin/python3", "-I", *arguments)


def test_python_knows_its_environment_by_how_it_was_called() -> None:
    called = paths(PYTHON, "/venv/bin/python", "/srv/job.py")
    assert called[1:4] == ["/venv/bin/python", "/venv/bin/pyvenv.cfg", "/venv/pyvenv.cfg"]
    assert "/venv/lib/python3.11/site-packages" in called
    assert "/usr/lib/python3.11" in called
    by_path = code(PYTHON, "python", "/srv/job.py", PATH="/a:/b")
    assert Code(("/a/python", "/b/python")) in by_path


def test_node_searches_in_every_folder_above() -> None:
    assert code(NODE, "node", "x.js") == (Code(("/here/x.js",), beside=True, above=True),)
    assert code(NODE, "node") == (Code((HERE,), above=True),)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("LD_PRELOAD", "/a.so b.so:./c.so", ["/a.so", "/here/./c.so"]),
        ("LD_AUDIT", "/a.so:b.so", ["/a.so"]),
        ("LD_LIBRARY_PATH", "/a:/b;c", ["/a", "/b", "/here/c"]),
        ("LD_LIBRARY_PATH", "/a:", ["/a", HERE]),
        ("LD_LIBRARY_PATH", "", []),
        ("LD_LIBRARY_PATH", "/a/$LIB/x:$ORIGIN/../lib", ["/a", "/bin"]),
        ("PYTHONPATH", "/a::b", ["/a", HERE, "/here/b"]),
        ("PYTHONHOME", "/a:/b", ["/a", "/b"]),
        ("PERL5LIB", "/a", ["/a"]),
        ("PERL5OPT", "-I/a -w -Mx", ["/a"]),
        ("PERLLIB", "/a", ["/a"]),
        ("RUBYLIB", "/a", ["/a"]),
        ("RUBYOPT", "-r/a -w", ["/a"]),
        ("NODE_PATH", "/a:", ["/a"]),
        ("NODE_OPTIONS", "--require=/a.js --import ./b.mjs --x", ["/a.js", "/here/./b.mjs"]),
        ("CLASSPATH", ".:/a/*", ["/here/.", "/a"]),
        ("JAVA_TOOL_OPTIONS", "-javaagent:/a.jar -Dx=y", ["/a.jar"]),
        ("BASH_ENV", "/a:b", ["/a:b"]),
        ("ENV", "production", []),
        ("ENV", "/a", ["/a"]),
        ("LUA_PATH", "/a/?.lua;;/b/?/init.lua", ["/a", "/b"]),
        ("GTK_MODULES", "gail:/a.so", ["/a.so"]),
        ("QT_PLUGIN_PATH", "/a", ["/a"]),
        ("HOME", "/a", []),
        ("PATH", "/a", []),
    ],
)
def test_what_variables_name(name: str, value: str, expected: list[str]) -> None:
    assert paths("/bin/sleep", "sleep", **{name: value}) == expected


@given(
    st.sampled_from(["/bin/sh", PYTHON, NODE, JAVA, "/usr/bin/perl", "/usr/bin/php", "/bin/x", ""]),
    st.lists(st.text() | st.from_regex(r"-[a-zI]{1,3}[=:]?(\.?/[a-z*]{0,3}:?){0,3}")),
    st.dictionaries(st.sampled_from(["PYTHONPATH", "LD_PRELOAD", "RUBYOPT", "PATH"]), st.text()),
)
def test_whatever_a_process_has_chosen(
    executable: str, arguments: list[str], environment: dict[str, str]
) -> None:
    found = list(code_of(executable, arguments, "/here", environment))
    assert all(path.startswith("/") for one in found for path in one.paths)
    assert all(one.paths for one in found)
