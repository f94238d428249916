"""Scripts that interpreters run, told from the arguments alone.

An interpreter reads its script and closes it, so nothing in ``/proc`` shows the use except the
arguments. They are read here the way each interpreter reads them (source: its manual page or usage
text), so that a path which is only data is not taken for the script::

    >>> script_candidates("/usr/bin/perl", ["perl", "-w", "report.pl", "data.pl"])
    (Script(paths=('report.pl',)),)
    >>> script_candidates("/usr/bin/perl", ["perl", "-e", "print", "data.pl"])
    ()

Nothing is opened, looked up, run or trusted: recognising an interpreter decides how arguments are
read, and nothing else. The caller still has to prove that a file named here is the one in use.
"""

from __future__ import annotations

import os.path
import re
from functools import cache, partial
from typing import TYPE_CHECKING, NamedTuple

from restartmanager.rules.option_syntax import CommandLine, Syntax, names, read

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


HEAD_BYTES = 256
"""The number of bytes that could_be_script looks at: as many as the kernel reads for a shebang."""


class Script(NamedTuple):
    """A file that an interpreter was told to run, or to load before that.

    ``paths`` are the places where the interpreter looks for it, in its own order: the script is
    the first of them that is a regular file, and the others are not used. They are absolute, or
    relative to the working directory of the process, and never empty.
    """

    paths: tuple[str, ...]


def _at(*paths: str) -> tuple[Script, ...]:
    """The script at the first of these paths; none where that is empty."""
    return (Script(paths),) if paths[0] else ()


def _operand(line: CommandLine) -> str:
    """The first argument that is no option; empty for none, and for standard input (``-``)."""
    first = line.operands[0] if line.operands else ""
    return "" if first == "-" else first


def _is_path(name: str) -> bool:
    """Whether a module is named by its path; other names are searched for in places that are not
    known here."""
    return name.startswith(("/", "./", "../"))


# -- python(1) ---------------------------------------------------------------------------------

PYTHON = Syntax(  # -Q is Python 2, --jit is PyPy
    valued=names("c m W X Q --check-hash-based-pycs --jit"), last=names("c m")
)
_LIBRARY = re.compile(r"(?:python|pypy)[0-9]\.[0-9]{1,2}t?")


def _python(executable: str, arguments: Sequence[str]) -> tuple[Script, ...]:
    line = read(PYTHON, arguments[1:])
    module = "".join(line.values("m"))
    if module:
        first = () if line.has("I", "P") else ("",)
        return _module(module, (*first, *library_folders(executable, arguments[0])))
    path = "" if line.has("c", "m") else _operand(line)
    return _at(path, os.path.join(path, "__main__.py"))


def _module(name: str, folders: Sequence[str]) -> tuple[Script, ...]:
    """The module that ``-m`` runs: in each folder of the search path a package goes before a
    module."""
    parts = name.split(".")
    if "/" in name or not all(parts) or not folders:
        return ()
    inner = os.path.join(*parts)
    ends = ("/__main__.py", ".py")
    return _at(*(os.path.join(folder, inner + end) for folder in folders for end in ends))


def library_folders(executable: str, command: str) -> tuple[str, ...]:
    """The folders in which this interpreter keeps its modules.

    The executable of a virtual environment is the one it was made from; Python itself finds the
    environment by the name it was called with (``command``), so that is done here as well.
    """
    library = _LIBRARY.match(os.path.basename(executable))
    base = _prefix(executable)
    if library is None or base is None:
        return ()
    standard = (f"lib/{library[0]}", f"lib64/{library[0]}")
    site = tuple(f"{folder}/site-packages" for folder in standard)
    local = (f"local/lib/{library[0]}/dist-packages", *(f"local/{folder}" for folder in site))
    environment = _prefix(command)
    return (
        *(os.path.join(base, folder) for folder in standard),
        *(os.path.join(environment, folder) for folder in site if environment is not None),
        *(os.path.join(base, folder) for folder in (*local, "lib/python3/dist-packages", *site)),
    )


def _prefix(program: str) -> str | None:
    """The folder that has ``bin`` with this program in it; empty for the working directory."""
    folder, slash, _ = program.rpartition("/")
    parent, name = os.path.split(folder)
    return parent if slash and name == "bin" else None


# -- perl (perl -h), ruby (its doc/options), lua(1) --------------------------------------------

PERL = Syntax(valued=names("I e E"), joined=names("C D F M V i m x : ="))
RUBY = Syntax(
    valued=names(
        "C E I X e r --encoding --external-encoding --internal-encoding --disable --enable "
        "--backtrace-limit"
    ),
    joined=names("F K T W i x"),
)
_LUA = Syntax(valued=names("e l j"), joined=names("O"), last=names("b"))


def _perl(_executable: str, arguments: Sequence[str]) -> tuple[Script, ...]:
    line = read(PERL, arguments[1:])
    return () if line.has("e", "E") else _searched(line)


def _ruby(_executable: str, arguments: Sequence[str]) -> tuple[Script, ...]:
    line = read(RUBY, arguments[1:])
    loaded = [f"{path.removesuffix('.rb')}.rb" for path in line.values("r") if _is_path(path)]
    scripts = [Script((path,)) for path in loaded]
    return (*scripts, *(() if line.has("e") else _searched(line)))


def _searched(line: CommandLine) -> tuple[Script, ...]:
    """The script of an interpreter that has ``-S``, which looks for a bare name along PATH."""
    path = _operand(line)
    return () if line.has("S") and "/" not in path else _at(path)


def _lua(_executable: str, arguments: Sequence[str]) -> tuple[Script, ...]:
    """After ``-e`` the script still runs, unlike elsewhere; ``-b`` only compiles (luajit)."""
    line = read(_LUA, arguments[1:])
    return () if line.has("b") else _at(_operand(line))


# -- node(1) -----------------------------------------------------------------------------------

_NODE = Syntax(  # what node 20 says "requires an argument" to, and what node 22 added
    valued=names(
        "C r e pe --eval --require --import --loader --experimental-loader --conditions "
        "--allow-fs-read --allow-fs-write --build-snapshot-config --cpu-prof-dir "
        "--cpu-prof-interval --cpu-prof-name --debug-port --diagnostic-dir --disable-proto "
        "--disable-warning --dns-result-order --env-file --env-file-if-exists "
        "--experimental-default-type --experimental-policy --experimental-sea-config "
        "--heap-prof-dir --heap-prof-interval --heap-prof-name --heapsnapshot-near-heap-limit "
        "--heapsnapshot-signal --icu-data-dir --input-type --inspect-port "
        "--inspect-publish-uid --localstorage-file --max-http-header-size "
        "--network-family-autoselection-attempt-timeout --openssl-config --policy-integrity "
        "--redirect-warnings --report-dir --report-directory --report-filename "
        "--report-signal --run --secure-heap --secure-heap-min --security-revert "
        "--snapshot-blob --test-concurrency --test-coverage-branches --test-coverage-exclude "
        "--test-coverage-functions --test-coverage-include --test-coverage-lines "
        "--test-isolation --test-name-pattern --test-reporter --test-reporter-destination "
        "--test-shard --test-skip-pattern --test-timeout --title --tls-cipher-list "
        "--tls-keylog --trace-event-categories --trace-event-file-pattern "
        "--trace-require-module --unhandled-rejections --use-largepages --v8-pool-size "
        "--watch-path"
    ),
    clusters=False,
)
_NODE_WITHOUT = ("e", "p", "pe", "--eval", "--print", "--run", "--test", "--prof-process")
_JAVASCRIPT = (".js", ".cjs", ".mjs", ".ts", ".cts", ".mts")


def _node(_executable: str, arguments: Sequence[str]) -> tuple[Script, ...]:
    """The files loaded first count as well: they stay part of the program, as the script does.

    ``node inspect`` and ``node --test`` run nothing themselves: a child does, with its own
    arguments.
    """
    line = read(_NODE, [_dashed(argument) for argument in arguments[1:]])
    required = [path for path in line.values("r", "--require") if _is_path(path)]
    specifiers = line.values("--import", "--loader", "--experimental-loader")
    imported = [path for path in map(_file_of, specifiers) if _is_path(path)]
    main = "" if line.has(*_NODE_WITHOUT) else _operand(line)
    return (
        *(Script(_javascript(path)) for path in required),
        *(Script((path,)) for path in imported),
        *(_at(*_javascript(main)) if main != "inspect" else ()),
    )


def _dashed(argument: str) -> str:
    """Node takes underscores in the names of long options for dashes."""
    name, equals, value = argument.partition("=")
    return f"{name.replace('_', '-')}{equals}{value}" if name.startswith("--") else argument


def _javascript(path: str) -> tuple[str, ...]:
    """The places where node looks for a file that may be named without its ending, or be a
    folder."""
    if path.endswith(_JAVASCRIPT):
        return (path,)
    return (path, f"{path}.js", os.path.join(path, "index.js"))


def _file_of(specifier: str) -> str:
    if not specifier.startswith("file:///"):
        return specifier
    from urllib.parse import unquote

    return unquote(specifier.removeprefix("file://"), errors="surrogateescape")


# -- php(1) ------------------------------------------------------------------------------------

_PHP = Syntax(
    valued=names(
        "B E F R S c d f g r t z --process-begin --process-end --process-file --process-code "
        "--server --php-ini --define --file --global --run --docroot --zend-extension --repeat"
    )
)
_PHP_FILE = ("f", "F", "--file", "--process-file")
_PHP_WITHOUT = ("--", "B", "E", "R", "r", "--process-begin", "--process-end", "--process-code")


def _php(_executable: str, arguments: Sequence[str]) -> tuple[Script, ...]:
    """Unlike elsewhere no script follows ``--``: those are arguments of standard input's."""
    line = read(_PHP, arguments[1:])
    files = line.values(*_PHP_FILE)
    if files:
        path = files[0].removeprefix("=")
        return _at("" if path == "-" else path)
    return () if line.has("--run", *_PHP_WITHOUT) else _at(_operand(line))


# -- bash(1), dash(1), ksh(1), zsh (zshmisc(1)), busybox ---------------------------------------

_BASH = Syntax(  # all that dash, ash and hush understand, and more
    valued=names("--init-file --rcfile"),
    queued=names("o O"),
    undashed=names(
        "debug debugger dump-po-strings dump-strings help init-file login noediting noprofile "
        "norc posix pretty-print rcfile restricted verbose version"
    ),
    marks=("-", "+"),
)
_ZSH = Syntax(valued=names("o --emulate"), last=names("b"), marks=("-", "+"))
_KSH = Syntax(valued=names("o"), marks=("-", "+"))
_BUSYBOX_SHELLS = names("sh ash hush bash")


def _shell(syntax: Syntax, _executable: str, arguments: Sequence[str]) -> tuple[Script, ...]:
    """Start-up files (``--rcfile``) are no scripts: they are what ``~/.bashrc`` is."""
    line = read(syntax, arguments[1:])
    operands = line.operands[1:] if line.operands[:1] == ("-",) else line.operands
    return _at(operands[0]) if operands and not line.has("c", "s") else ()


def _busybox(executable: str, arguments: Sequence[str]) -> tuple[Script, ...]:
    """The applet is what it was called as, or its first argument when called by its own name."""
    words = arguments[1:] if _called(arguments) == "busybox" else arguments
    return _shell(_BASH, executable, words) if _called(words) in _BUSYBOX_SHELLS else ()


def _called(arguments: Sequence[str]) -> str:
    return os.path.basename(arguments[0]).removeprefix("-") if arguments else ""


# -- recognising -------------------------------------------------------------------------------

_INTERPRETERS: dict[str, tuple[str, Callable[[str, Sequence[str]], tuple[Script, ...]]]] = {
    "python": (r"(?:python|pypy)(?:[23](?:\.[0-9]{1,2})?[dmtu]{0,3})?(?:-c|-dbg)?", _python),
    "perl": (r"perl(?:5(?:\.[0-9]{1,2}){0,2}(?:-[a-z0-9_]+-linux-[a-z0-9]+)?)?", _perl),
    "ruby": (r"(?:ruby\.)?ruby(?:[1-9](?:\.[0-9]){0,2})?", _ruby),  # ruby.ruby3.2: SUSE
    "node": (r"node(?:js)?(?:-?[1-9][0-9])?", _node),
    "php": (r"php(?:[5-9]\.?[0-9]?)?", _php),
    "lua": (r"lua(?:5\.?[1-9])?|luajit(?:-2\.[0-9.]+(?:-?beta[0-9])?)?", _lua),
    "zsh": (r"zsh(?:-?[1-9](?:\.[0-9]{1,2}){0,2})?(?:-static)?", partial(_shell, _ZSH)),
    "ksh": (r"(?:[lm]?ksh|ksh93|ksh2020)(?:-static)?", partial(_shell, _KSH)),
    "busybox": (r"busybox", _busybox),
    "sh": (r"(?:sh|[bd]?ash)(?:-static)?", partial(_shell, _BASH)),
}
_DELETED = " (deleted)"


def interpreter(executable: str | None) -> str | None:
    """The kind of interpreter, by the whole base name of the real executable (``/proc/PID/exe``):
    "python", "sh" and so on, or None.

    A name proves nothing: use the answer only to decide how arguments are read.
    """
    # What the kernel adds may be part of the real name as well: it costs nothing to be wrong.
    match = _names().fullmatch(os.path.basename((executable or "").removesuffix(_DELETED)))
    return match.lastgroup if match else None


@cache
def _names() -> re.Pattern[str]:
    """The names of all interpreters, compiled when a process is first looked at: most questions
    are about files that are no scripts."""
    return re.compile("|".join(f"(?P<{kind}>{rule})" for kind, (rule, _) in _INTERPRETERS.items()))


def script_candidates(executable: str | None, arguments: Sequence[str]) -> tuple[Script, ...]:
    """The scripts that a process with this real executable and these arguments was started with,
    in the order in which they are loaded; empty when there is none, or no interpreter.

    Not counted is what only the script or the environment knows: imported modules, modules that
    are named without a path, PYTHONPATH, NODE_OPTIONS, BASH_ENV, and a script found along PATH.
    """
    kind = interpreter(executable)
    if executable is None or kind is None or not arguments:
        return ()
    _, scripts_of = _INTERPRETERS[kind]
    return scripts_of(executable.removesuffix(_DELETED), arguments)


# -- the other side: files ---------------------------------------------------------------------

_SUFFIXES = names(
    ".bash .cgi .cjs .cts .egg .js .ksh .lua .mjs .mts .phar .php .phtml .pl .pm .psgi .py .pyc "
    ".pyo .pyw .pyz .rb .rbw .ru .sh .ts .whl .zip .zsh"
)


def could_be_script(path: str, head: bytes) -> bool:
    """Whether an interpreter could be running this file, whose first bytes are ``head``.

    Such a file may be in use although nothing is held open. It has a shebang, or a suffix that
    interpreters use, or no suffix at all (a number is none) and no zero byte: ``bash installer``
    needs no shebang. Text with another suffix (``notes.txt``) is taken for data.
    """
    suffix = os.path.splitext(path)[1].lower()
    if head.startswith(b"#!") or suffix in _SUFFIXES:
        return True
    return (not suffix[1:] or suffix[1:].isdecimal()) and b"\0" not in head[:HEAD_BYTES]
