"""The script among the arguments, without any interpreter: tests/integration starts real ones."""

from __future__ import annotations

import os.path
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from restartmanager.rules.interpreters import (
    HEAD_BYTES,
    Script,
    could_be_script,
    interpreter,
    script_candidates,
)

PYTHON = "/usr/bin/python3.11"
PERL = "/usr/bin/perl"
RUBY = "/usr/bin/ruby3.1"
NODE = "/usr/bin/node"
PHP = "/usr/bin/php8.2"
BASH = "/usr/bin/bash"
DASH = "/usr/bin/dash"
ZSH = "/usr/bin/zsh"
KSH = "/usr/bin/ksh93"
LUA = "/usr/bin/lua5.4"
LUAJIT = "/usr/bin/luajit-2.1.0-beta3"
BUSYBOX = "/bin/busybox"

Case = tuple[str, list[str], list[str], str]

# The executable, its arguments, the first place of every script that is expected, and why.
CASES: list[Case] = [
    # -- python
    (PYTHON, ["python", "x.py"], ["x.py"], "the plain case"),
    (PYTHON, ["python3", "/usr/bin/tool", "-c", "x"], ["/usr/bin/tool"], "started by its shebang"),
    (PYTHON, ["python", "-u", "-X", "utf8", "x.py", "data.py"], ["x.py"], "data is no use"),
    (PYTHON, ["python", "-W", "ignore", "x.py"], ["x.py"], "-W takes a value"),
    (PYTHON, ["python", "-Wignore", "-Xdev", "x.py"], ["x.py"], "joined values"),
    (PYTHON, ["python", "-uX", "dev", "x.py"], ["x.py"], "a cluster that ends in a value"),
    (PYTHON, ["python", "-bbuX", "dev", "-OO", "x.py"], ["x.py"], "two clusters"),
    (PYTHON, ["python", "--check-hash-based-pycs", "never", "x.py"], ["x.py"], "a long one"),
    (PYTHON, ["python", "-i", "x.py"], ["x.py"], "stays interactive after the script"),
    (PYTHON, ["python", "--", "-x.py"], ["-x.py"], "after -- everything is a name"),
    (PYTHON, ["python", "-c", "pass", "x.py"], [], "-c: what follows is data"),
    (PYTHON, ["python", "-cpass", "x.py"], [], "joined -c"),
    (PYTHON, ["python", "-uc", "pass", "x.py"], [], "-c at the end of a cluster"),
    (PYTHON, ["python", "-", "x.py"], [], "standard input"),
    (PYTHON, ["python", "-u"], [], "interactive"),
    (PYTHON, ["python", "-W"], [], "the value is missing: no such process, but no error here"),
    (PYTHON, ["python", ""], [], "written over by the process"),
    (PYTHON, [], [], "no arguments at all: allowed by execve(2) once"),
    (PYTHON, ["python", "-m", "a/b"], [], "-m takes no paths"),
    (PYTHON, ["python", "-m", ".a"], [], "-m takes no relative names"),
    (PYTHON, ["python", "-m"], [], "-m without a module"),
    ("/opt/pypy/bin/pypy3.10", ["pypy3", "--jit", "off", "x.py"], ["x.py"], "PyPy's own option"),
    ("/usr/bin/python2.7", ["python", "-Q", "new", "x.py"], ["x.py"], "Python 2's own option"),
    # -- perl
    (PERL, ["perl", "-w", "-I", "lib", "-T", "x.pl", "y.pl"], ["x.pl"], "-I takes a value"),
    (PERL, ["perl", "-Ilib", "-Mstrict", "x.pl"], ["x.pl"], "joined values"),
    (PERL, ["perl", "-wIlib", "x.pl"], ["x.pl"], "a joined value in a cluster"),
    (PERL, ["perl", "-w  -T", "x.pl"], ["x.pl"], "the kernel passes '#!perl -w  -T' as one"),
    (PERL, ["perl", "-iwe", "x.pl"], ["x.pl"], "the rest is -i's ending, not -e"),
    (PERL, ["perl", "-0777", "-CSDe", "x.pl"], ["x.pl"], "the rest is -C's value, not -e"),
    (PERL, ["perl", "-d:Trace", "x.pl"], ["x.pl"], "-d:MOD: the e in it is no -e"),
    (PERL, ["perl", "--", "x.pl"], ["x.pl"], "after --"),
    (PERL, ["perl", "-e", "1", "x.pl"], [], "-e: what follows is data"),
    (PERL, ["perl", "-lne", "print", "x.pl"], [], "-e at the end of a cluster"),
    (PERL, ["perl", "-E", "say 1", "x.pl"], [], "-E likewise"),
    (PERL, ["perl", "-", "x.pl"], [], "standard input"),
    (PERL, ["perl", "-S", "tool"], [], "found along PATH, which is not known"),
    (PERL, ["perl", "-S", "/usr/bin/tool"], ["/usr/bin/tool"], "-S with a path searches nothing"),
    # -- ruby
    (RUBY, ["ruby", "-Ilib", "-rset", "x.rb", "y.rb"], ["x.rb"], "set is somewhere in a library"),
    (RUBY, ["ruby", "-I", "lib", "-r", "set", "x.rb"], ["x.rb"], "separate values"),
    (RUBY, ["ruby", "-r./boot", "x.rb"], ["./boot.rb", "x.rb"], "loaded first, by its path"),
    (RUBY, ["ruby", "-r", "/a/boot.rb", "x.rb"], ["/a/boot.rb", "x.rb"], "with its ending"),
    (RUBY, ["ruby", "-W:no-deprecated", "x.rb"], ["x.rb"], "-W: the e in it is no -e"),
    (RUBY, ["ruby", "-W0", "-Ku", "x.rb"], ["x.rb"], "joined values"),
    (RUBY, ["ruby", "-E", "utf-8", "-C", "/srv", "x.rb"], ["x.rb"], "separate values"),
    (RUBY, ["ruby", "--disable", "gems", "x.rb"], ["x.rb"], "a long one with a value"),
    (RUBY, ["ruby", "--disable-gems", "--encoding=utf-8", "x.rb"], ["x.rb"], "joined long ones"),
    (RUBY, ["ruby", "-e", "puts 1", "x.rb"], [], "-e: what follows is data"),
    (RUBY, ["ruby", "-S", "rake"], [], "found along PATH, which is not known"),
    (RUBY, ["ruby", "-"], [], "standard input"),
    # -- node
    (NODE, ["node", "x.js", "y.js"], ["x.js"], "the plain case"),
    (NODE, ["node", "server"], ["server"], "without an ending"),
    (NODE, ["node", "--inspect", "--require", "mod", "x.js"], ["x.js"], "mod is searched for"),
    (NODE, ["node", "--inspect", "0", "x.js"], ["0"], "--inspect takes joined values only"),
    (NODE, ["node", "-r", "./boot.js", "x.js"], ["./boot.js", "x.js"], "loaded first"),
    (NODE, ["node", "--require=/a/b.js", "x.js"], ["/a/b.js", "x.js"], "loaded first, joined"),
    (NODE, ["node", "--import", "./b.mjs", "x.js"], ["./b.mjs", "x.js"], "an ES module"),
    (NODE, ["node", "--import", "file:///a%20b.mjs", "x"], ["/a b.mjs", "x"], "its address"),
    (NODE, ["node", "--import", "data:text/javascript,1", "x"], ["x"], "no file at all"),
    (NODE, ["node", "--max-old-space-size=99", "x.js"], ["x.js"], "V8's are always joined"),
    (NODE, ["node", "--unhandled_rejections", "warn", "x.js"], ["x.js"], "underscores are dashes"),
    (NODE, ["node", "--title", "t", "-C", "dev", "x.js"], ["x.js"], "values"),
    (NODE, ["node", "--", "x.js"], ["x.js"], "after --"),
    (NODE, ["node", "-i", "x.js"], ["x.js"], "stays interactive after the script"),
    (NODE, ["node", "-e", "1", "x.js"], [], "-e: what follows is data"),
    (NODE, ["node", "-pe", "1", "x.js"], [], "the one cluster node knows"),
    (NODE, ["node", "-p", "1", "x.js"], [], "-p likewise"),
    (NODE, ["node", "--eval=1", "x.js"], [], "joined"),
    (NODE, ["node", "-r", "./boot.js", "-e", "1"], ["./boot.js"], "loaded first all the same"),
    (NODE, ["node", "inspect", "x.js"], [], "the debugger: a child runs the script"),
    (NODE, ["node", "--test", "x.js"], [], "the test runner: a child runs the script"),
    (NODE, ["node", "-"], [], "standard input"),
    (NODE, ["node"], [], "interactive"),
    # -- php
    (PHP, ["php", "x.php", "y.php"], ["x.php"], "the plain case"),
    (PHP, ["php", "-d", "a=b", "-f", "x.php", "y.php"], ["x.php"], "named by -f"),
    (PHP, ["php", "-f", "x.php", "-d", "a=b"], ["x.php"], "options after it"),
    (PHP, ["php", "-fx.php", "--", "y.php"], ["x.php"], "joined"),
    (PHP, ["php", "-da=b", "--define", "c=d", "x.php"], ["x.php"], "values"),
    (PHP, ["php", "-nc", "/etc/php.ini", "x.php"], ["x.php"], "the configuration is no script"),
    (PHP, ["php", "-S", "[::1]:8080", "-t", "docs", "r.php"], ["r.php"], "router of the server"),
    (PHP, ["php", "-S", "[::1]:8080", "-t", "docs"], [], "a server without a router"),
    (PHP, ["php", "-F", "x.php"], ["x.php"], "run for every line"),
    (PHP, ["php", "-B", "1;", "-F", "x.php", "y"], ["x.php"], "likewise, with a beginning"),
    (PHP, ["php", "-R", "1;", "x.php"], [], "code for every line: what follows is data"),
    (PHP, ["php", "-r", "1;", "x.php"], [], "-r: what follows is data"),
    (PHP, ["php", "--", "x.php"], [], "php reads standard input then, unlike others"),
    (PHP, ["php", "-", "x.php"], [], "standard input"),
    # -- the Bourne shells
    (BASH, ["bash", "x.sh", "y.sh"], ["x.sh"], "the plain case"),
    (DASH, ["/bin/sh", "-e", "./x"], ["./x"], "'#!/bin/sh -e'"),
    (BASH, ["bash", "-x", "-o", "pipefail", "x.sh"], ["x.sh"], "-o takes a value"),
    (BASH, ["bash", "-euo", "pipefail", "x.sh"], ["x.sh"], "at the end of a cluster"),
    (DASH, ["sh", "-oe", "nounset", "x.sh"], ["x.sh"], "in the midst of a cluster"),
    (DASH, ["sh", "-oo", "errexit", "nounset", "x.sh"], ["x.sh"], "two of them"),
    (BASH, ["bash", "+O", "extglob", "+e", "x.sh"], ["x.sh"], "switched off"),
    (BASH, ["bash", "--norc", "-x", "x.sh"], ["x.sh"], "a long one"),
    (BASH, ["bash", "-norc", "-rcfile", "y.sh", "x.sh"], ["x.sh"], "long ones with one dash"),
    (BASH, ["bash", "--rcfile", "y.sh", "x.sh"], ["x.sh"], "a start-up file is no script"),
    (BASH, ["bash", "--init-file", "y.sh"], [], "nor is it when there is no script"),
    (BASH, ["-bash"], [], "a login shell"),
    (BASH, ["-bash", "-l", "x.sh"], ["x.sh"], "a login shell with a script"),
    (DASH, ["sh", "-", "-x.sh"], ["-x.sh"], "a dash ends the options, it is not standard input"),
    (BASH, ["bash", "--", "-x.sh"], ["-x.sh"], "so do two"),
    (BASH, ["bash", "-c", "./x.sh", "x.sh"], [], "-c: what follows is data"),
    (DASH, ["sh", "-ec", "./x.sh", "x.sh"], [], "in a cluster"),
    (BASH, ["bash", "-c", "-e", "./x.sh"], [], "options go on after -c"),
    (BASH, ["bash", "-co", "errexit", "./x.sh"], [], "and take their values"),
    (DASH, ["sh", "-s", "x.sh"], [], "standard input: what follows is data"),
    (ZSH, ["zsh", "-f", "x.zsh"], ["x.zsh"], "the plain case"),
    (ZSH, ["zsh", "-oerrexit", "-o", "nounset", "x.zsh"], ["x.zsh"], "zsh joins the value, too"),
    (ZSH, ["zsh", "--emulate", "sh", "--no-rcs", "x.zsh"], ["x.zsh"], "long ones"),
    (ZSH, ["zsh", "-b", "-x.zsh"], ["-x.zsh"], "-b ends the options"),
    (ZSH, ["zsh", "-fc", "./x.zsh", "x.zsh"], [], "-c"),
    (KSH, ["ksh", "-e", "-o", "pipefail", "x.ksh"], ["x.ksh"], "Korn shell"),
    ("/bin/mksh", ["mksh", "-c", "./x", "x"], [], "MirBSD Korn shell, -c"),
    (BUSYBOX, ["busybox", "sh", "-e", "x.sh"], ["x.sh"], "the applet as an argument"),
    (BUSYBOX, ["/bin/sh", "x.sh"], ["x.sh"], "the applet by its name"),
    (BUSYBOX, ["-ash", "-l", "x.sh"], ["x.sh"], "a login shell"),
    (BUSYBOX, ["ash", "--login", "x.sh"], ["x.sh"], "its one long option"),
    (BUSYBOX, ["busybox", "vi", "x.sh"], [], "another applet"),
    (BUSYBOX, ["tail", "-f", "x.sh"], [], "another applet by its name"),
    (BUSYBOX, ["busybox"], [], "no applet"),
    # -- lua
    (LUA, ["lua", "-l", "mod", "-W", "x.lua", "y.lua"], ["x.lua"], "-l takes a value"),
    (LUA, ["lua", "-e", "a=1", "x.lua"], ["x.lua"], "-e is run before the script, not instead"),
    (LUAJIT, ["luajit", "-joff", "-O3", "x.lua"], ["x.lua"], "joined values"),
    (LUAJIT, ["luajit", "-b", "x.lua", "x.out"], [], "compiles only"),
    (LUA, ["lua", "-"], [], "standard input"),
    # -- who is no interpreter
    ("/usr/bin/vim", ["python", "x.py"], [], "the real executable counts, not the claim"),
    ("/usr/sbin/php-fpm8.2", ["php", "x.php"], [], "no command line interpreter"),
    ("/usr/bin/php-cgi8.2", ["php", "x.php"], [], "likewise"),
    # -- who still is one
    ("/home/u/bin/python3", ["python3", "x.py"], ["x.py"], "a user's own: it is read, not run"),
    (f"{PYTHON} (deleted)", ["python3", "x.py"], ["x.py"], "updated while it was running"),
]


@pytest.mark.parametrize(
    ("executable", "arguments", "expected", "reason"),
    CASES,
    ids=[" ".join(arguments) or "nothing" for _, arguments, _, _ in CASES],
)
def test_script_among_arguments(
    executable: str, arguments: list[str], expected: list[str], reason: str
) -> None:
    found = script_candidates(executable, arguments)
    assert [script.paths[0] for script in found] == expected, reason


def test_an_unreadable_executable_has_no_script() -> None:
    assert script_candidates(None, ["python", "x.py"]) == ()


# -- where else the script can be --------------------------------------------------------------


def test_python_runs_a_folder_through_its_main_module() -> None:
    assert script_candidates(PYTHON, ["python", "app"]) == (Script(("app", "app/__main__.py")),)


@pytest.mark.parametrize(
    ("argument", "paths"),
    [
        ("server", ("server", "server.js", "server/index.js")),
        (".", (".", "..js", "./index.js")),
        ("x.mjs", ("x.mjs",)),
    ],
)
def test_node_completes_a_name(argument: str, paths: tuple[str, ...]) -> None:
    assert script_candidates(NODE, ["node", argument]) == (Script(paths),)


def test_a_module_is_looked_for_along_the_search_path() -> None:
    (script,) = script_candidates(PYTHON, ["python3", "-um", "a.b", "a/c.py"])
    assert script.paths == (
        "a/b/__main__.py",
        "a/b.py",
        "/usr/lib/python3.11/a/b/__main__.py",
        "/usr/lib/python3.11/a/b.py",
        "/usr/lib64/python3.11/a/b/__main__.py",
        "/usr/lib64/python3.11/a/b.py",
        "/usr/local/lib/python3.11/dist-packages/a/b/__main__.py",
        "/usr/local/lib/python3.11/dist-packages/a/b.py",
        "/usr/local/lib/python3.11/site-packages/a/b/__main__.py",
        "/usr/local/lib/python3.11/site-packages/a/b.py",
        "/usr/local/lib64/python3.11/site-packages/a/b/__main__.py",
        "/usr/local/lib64/python3.11/site-packages/a/b.py",
        "/usr/lib/python3/dist-packages/a/b/__main__.py",
        "/usr/lib/python3/dist-packages/a/b.py",
        "/usr/lib/python3.11/site-packages/a/b/__main__.py",
        "/usr/lib/python3.11/site-packages/a/b.py",
        "/usr/lib64/python3.11/site-packages/a/b/__main__.py",
        "/usr/lib64/python3.11/site-packages/a/b.py",
    )


@pytest.mark.parametrize("option", ["-I", "-P"])
def test_an_isolated_python_does_not_look_in_its_working_directory(option: str) -> None:
    (script,) = script_candidates(PYTHON, ["python3", option, "-m", "a"])
    assert all(path.startswith("/usr/") for path in script.paths)


def test_what_follows_a_module_is_data() -> None:
    alone = script_candidates(PYTHON, ["python3", "-m", "a"])
    assert script_candidates(PYTHON, ["python3", "-m", "a", "-I", "-m", "b", "-c"]) == alone


@pytest.mark.parametrize(
    ("command", "path"),
    [
        ("/srv/venv/bin/python", "/srv/venv/lib/python3.11/site-packages/a.py"),
        (".venv/bin/python3", ".venv/lib/python3.11/site-packages/a.py"),
        ("bin/python3", "lib/python3.11/site-packages/a.py"),
    ],
)
def test_a_virtual_environment_is_known_by_the_name_of_the_call(command: str, path: str) -> None:
    (script,) = script_candidates(PYTHON, [command, "-m", "a"])
    assert path in script.paths
    assert script.paths.index(path) < script.paths.index("/usr/lib/python3/dist-packages/a.py")


@pytest.mark.parametrize("executable", ["/usr/bin/python3", "/opt/python3.11", "python3.11"])
def test_without_a_version_or_a_bin_folder_only_the_working_directory_is_left(
    executable: str,
) -> None:
    assert script_candidates(executable, ["python", "-m", "a"]) == (
        Script(("a/__main__.py", "a.py")),
    )
    assert script_candidates(executable, ["python", "-Im", "a"]) == ()


def test_a_free_threaded_python_has_libraries_of_its_own() -> None:
    (script,) = script_candidates("/opt/py/bin/python3.13t", ["python", "-m", "a"])
    assert "/opt/py/lib/python3.13t/a.py" in script.paths


# -- recognising -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *((name, "python") for name in ("python", "python2", "python3", "python2.7")),
        *((name, "python") for name in ("python3.14", "python3.13t", "python3.6m")),
        *((name, "python") for name in ("python3.11-dbg", "pypy", "pypy3", "pypy3.10", "pypy3-c")),
        *((name, "perl") for name in ("perl", "perl5.36", "perl5.36.0")),
        ("perl5.36-x86_64-linux-gnu", "perl"),
        *((name, "ruby") for name in ("ruby", "ruby3.1", "ruby2.7.0", "ruby.ruby3.2")),
        *((name, "node") for name in ("node", "nodejs", "node20", "node-22")),
        *((name, "php") for name in ("php", "php8", "php8.2", "php82")),
        *((name, "sh") for name in ("sh", "bash", "dash", "ash", "bash-static")),
        *((name, "zsh") for name in ("zsh", "zsh5", "zsh-5.9")),
        *((name, "ksh") for name in ("ksh", "ksh93", "mksh", "lksh")),
        *((name, "lua") for name in ("lua", "lua5.4", "luajit", "luajit-2.1.0-beta3")),
        ("busybox", "busybox"),
    ],
)
def test_interpreters_by_their_whole_name(name: str, kind: str) -> None:
    assert interpreter(f"/usr/bin/{name}") == kind
    assert interpreter(name) == kind
    assert interpreter(f"/usr/bin/x{name}") is None
    assert interpreter(f"/usr/bin/{name}-evil") is None
    assert interpreter(f"/usr/bin/{name}\n") is None
    assert interpreter(f"/usr/bin/{name}/x") is None


@pytest.mark.parametrize(
    "name",
    [
        *("", "python-config", "python3.11-config", "python4", "pythonw", "ipython", "bpython"),
        *("python3.११", "perldoc", "perl6", "rubygems", "node_exporter", "php-cgi", "php-fpm"),
        *("phpdbg", "fish", "csh", "tcsh", "ssh", "bashbug", "luac", "PYTHON", "python3.exe"),
    ],
)
def test_other_programs(name: str) -> None:
    assert interpreter(f"/usr/bin/{name}") is None


# -- arbitrary arguments -----------------------------------------------------------------------

EXECUTABLES = [PYTHON, PERL, RUBY, NODE, PHP, BASH, DASH, ZSH, KSH, LUA, LUAJIT, BUSYBOX]
WORDS = st.one_of(
    st.sampled_from(sorted({word for _, words, _, _ in CASES for word in words})),
    st.text(alphabet="-+=:./abcefmorsxIWX \udc80\n", max_size=8),
    st.text(max_size=8),
)
ENDINGS = ("/__main__.py", "__main__.py", "/index.js", "index.js", ".js", ".rb", ".py")


def derived(path: str, arguments: list[str]) -> bool:
    """Whether a path is in an argument, as it is or with what an interpreter adds to it."""
    stems = {path, *(path.removesuffix(end) for end in ENDINGS)}
    texts = [text for word in arguments for text in (word, word.replace("_", "-"))]
    texts += [unquote(word, errors="surrogateescape") for word in arguments]
    # What -m names lies behind a folder of the search path, and has slashes for its dots.
    dotted = [word.replace(".", "/") for word in arguments]
    parts = {part for stem in stems for part in _tails(stem)}
    return any(stem in text for stem in stems for text in texts) or any(
        part in text for part in parts for text in dotted
    )


def _tails(path: str) -> set[str]:
    parts = path.split("/")
    return {"/".join(parts[start:]) for start in range(len(parts))} - {""}


@given(executable=st.sampled_from(EXECUTABLES), arguments=st.lists(WORDS, max_size=8))
@example(executable=PYTHON, arguments=["bin/python", "-m", "a.b"])
@example(executable=NODE, arguments=["node", "--import=file:///%41%ff"])
def test_any_arguments_give_only_what_is_in_them(executable: str, arguments: list[str]) -> None:
    for script in script_candidates(executable, arguments):
        assert script.paths
        for path in script.paths:
            assert path
            assert derived(path, arguments[1:])


@given(executable=st.text(), arguments=st.lists(WORDS, max_size=8))
def test_any_executable_is_bearable(executable: str, arguments: list[str]) -> None:
    if interpreter(executable) is None:
        assert script_candidates(executable, arguments) == ()


@given(
    case=st.sampled_from([case for case in CASES if case[2] and case[1][-1] == case[2][-1]]),
    data=st.lists(WORDS.filter(lambda word: not word.startswith(("-", "+"))), max_size=5),
)
def test_what_follows_the_script_is_data(case: Case, data: list[str]) -> None:
    executable, arguments, _, _ = case
    alone = script_candidates(executable, arguments)
    assert script_candidates(executable, [*arguments, *data]) == alone


def test_options_after_the_script_are_data_as_well() -> None:
    for executable, arguments, expected, _ in CASES:
        if arguments and arguments[-1:] == expected[-1:] and "-f" not in arguments:
            found = script_candidates(executable, [*arguments, "-c", "-e", "-s", "-m", "-r", "-b"])
            assert found == script_candidates(executable, arguments)


def test_long_arguments_are_read_in_one_go() -> None:
    arguments = ["python", *["-u"] * 50_000, "-" + "u" * 100_000, "x.py"]
    assert script_candidates(PYTHON, arguments)[0].paths[0] == "x.py"


# -- files that could be scripts ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "head", "expected", "reason"),
    [
        ("/usr/bin/tool", b"#!/usr/bin/python3\n", True, "a shebang"),
        ("/srv/data.bin", b"#!/bin/sh\n", True, "a shebang, whatever the name"),
        ("/srv/x.py", b"", True, "a suffix, whatever the content"),
        ("/srv/x.PHP", b"<?php", True, "in capitals"),
        ("/srv/x.pyz", b"PK\x03\x04\0\0", True, "a zip file that python runs"),
        ("/srv/__pycache__/x.pyc", b"\xa7\r\r\n\0", True, "compiled"),
        ("/srv/install", b"echo hello\n", True, "text without a suffix: bash install"),
        ("/srv/tool-1.2", b"echo hello\n", True, "a number is no suffix"),
        ("/srv/server.", b"1\n", True, "neither is a dot"),
        ("/srv/unreadable", b"", True, "nothing is known of it"),
        ("/usr/bin/ls", b"\x7fELF\x02\x01\x01\0", False, "a program"),
        ("/usr/lib/libc.so.6", b"\x7fELF\x02\x01\x01\0", False, "a library"),
        ("/srv/notes.txt", b"hello\n", False, "text that is called so"),
        ("/srv/x.py/data.bin", b"hello\n", False, "the folder's suffix is not the file's"),
        ("/srv/late", b"x" * HEAD_BYTES + b"\0", True, "only the head is looked at"),
    ],
)
def test_files_that_could_be_scripts(path: str, head: bytes, expected: bool, reason: str) -> None:
    assert could_be_script(path, head) is expected, reason


def test_every_script_of_the_table_could_be_one() -> None:
    for executable, arguments, _, _ in CASES:
        for script in script_candidates(executable, arguments):
            assert any(could_be_script(path, b"text\n") for path in script.paths)


@given(path=st.text(), head=st.binary(max_size=2 * HEAD_BYTES))
def test_any_file_gets_an_answer(path: str, head: bytes) -> None:
    could = could_be_script(path, head)
    assert isinstance(could, bool)
    assert could_be_script(os.path.join("/srv", path), b"#!" + head)
