"""Loading: the code that a program takes from elsewhere when it is started.

Beside the program itself that is the script of an interpreter, and what stands in folders that its
arguments and variables name::

    >>> [loaded.paths for loaded in code_of("/bin/sh", ["sh", "job"], "/srv", {"LD_PRELOAD": "/x"})]
    [('/srv/job',), ('/x',)]

What a program names in its own files (``RUNPATH``, ``require``) is its own affair: who may write
those is asked instead.
"""

from __future__ import annotations

import os.path
import re
from typing import TYPE_CHECKING, NamedTuple

from restartmanager.rules.interpreters import (
    PERL,
    PYTHON,
    RUBY,
    interpreter,
    library_folders,
    script_candidates,
)
from restartmanager.rules.option_syntax import read

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence


class Code(NamedTuple):
    """A file of code, or a folder in which code is searched for: the first of ``paths``, which are
    absolute, that is there. What comes before it must not appear later either."""

    paths: tuple[str, ...]
    beside: bool = False
    """Whether code is searched for in the folder in which it really lies, too."""
    above: bool = False
    """Whether code is searched for in all folders above it as well."""


class _Variable(NamedTuple):
    """A variable that names code: what separates its items, and which of them are paths."""

    separators: str = ":"
    empty_is_here: bool = False
    slash: bool = False
    """Whether only an item with a slash is a path: others are names, searched for elsewhere."""


_LIST = _Variable()
_LIST_WITH_HERE = _Variable(empty_is_here=True)
_NAMES = _Variable(slash=True)
_OPTIONS = _Variable(" ")
_TEMPLATES = _Variable(";")
_ONE = _Variable("")
_LINKER = {
    "LD_PRELOAD": _Variable(": ", slash=True),
    "LD_AUDIT": _NAMES,
    "LD_LIBRARY_PATH": _Variable(":;", empty_is_here=True),
    "GCONV_PATH": _LIST,
}
"""ld.so(8)"""
_INTERPRETERS = {
    "PYTHONPATH": _LIST_WITH_HERE,
    "PYTHONHOME": _LIST,
    "PYTHONUSERBASE": _ONE,
    "PERL5LIB": _LIST_WITH_HERE,
    "PERLLIB": _LIST_WITH_HERE,
    "PERL5OPT": _OPTIONS,
    "RUBYLIB": _LIST_WITH_HERE,
    "RUBYOPT": _OPTIONS,
    "GEM_HOME": _ONE,
    "GEM_PATH": _LIST,
    "NODE_PATH": _LIST,
    "NODE_OPTIONS": _OPTIONS,
    "LUA_PATH": _TEMPLATES,
    "LUA_CPATH": _TEMPLATES,
    "PHPRC": _ONE,
    "PHP_INI_SCAN_DIR": _LIST,
    "BASH_ENV": _ONE,
    "ENV": _Variable("", slash=True),  # others use it for other purposes
    "ZDOTDIR": _ONE,
    "CLASSPATH": _LIST_WITH_HERE,
    "JAVA_TOOL_OPTIONS": _OPTIONS,
    "JDK_JAVA_OPTIONS": _OPTIONS,
}
_TOOLKITS = {
    "GIO_EXTRA_MODULES": _LIST,
    "GST_PLUGIN_PATH": _LIST,
    "GTK_MODULES": _NAMES,
    "GTK_PATH": _LIST,
    "QT_PLUGIN_PATH": _LIST,
}
_VARIABLES = _LINKER | _INTERPRETERS | _TOOLKITS

_OTHER_INTERPRETERS = re.compile(
    r"java|mono(?:-sgen)?|dotnet|(?:[gmn]|original-)?awk|t?csh|fish|tclsh[0-9.]*|wish[0-9.]*|expect"
    r"|julia|R|Rscript|guile[0-9.-]*|sbcl|racket|swipl|beam(?:\.smp)?|deno|bun|pwsh|make|gdb"
    r"|qemu-[a-z0-9_]+(?:-static)?|ld(?:-linux|-musl)?(?:-[a-z0-9_-]+|64)?(?:-[0-9.]+)?\.so(?:\.[0-9])?"
)
"""Programs that run what their arguments name, whose options are not known here one by one."""

_OPTION_WITH_PATH = re.compile(r"-[^/=:]*[=:]?(?=\.{0,2}/)")


def code_of(
    executable: str, arguments: Sequence[str], directory: str, environment: Mapping[str, str]
) -> Iterator[Code]:
    """The code that this program loads when it is started with these arguments and variables in
    this working directory, which counts itself where code is searched for in it. A process can
    name as much as it likes: who looks at it all must set an end."""
    yield from _absolute(_by_arguments(executable, arguments, environment), directory)
    yield from _absolute(_by_variables(executable, environment), directory)


def _absolute(found: Iterable[Code], directory: str) -> Iterator[Code]:
    for code in found:
        yield code._replace(paths=tuple(os.path.join(directory, path) for path in code.paths))


# -- arguments ---------------------------------------------------------------------------------

_HERE = Code(("",))
_ALWAYS_HERE = frozenset({"lua", "php"})  # their search paths begin with "."


def _by_arguments(
    executable: str, arguments: Sequence[str], environment: Mapping[str, str]
) -> Iterator[Code]:
    kind = interpreter(executable)
    if kind is None:
        yield from _other(executable, arguments)
        return
    scripts = [script.paths for script in script_candidates(executable, arguments)]
    if kind == "python":
        yield from _python(executable, arguments, scripts, environment)
        return
    yield from (Code(paths, kind in {"node", "php"}, kind == "node") for paths in scripts)
    yield from (Code((folder,)) for folder in _search_folders(kind, arguments))
    if kind in _ALWAYS_HERE or not (scripts or kind == "busybox"):
        yield _HERE._replace(above=kind == "node")


def _python(
    executable: str,
    arguments: Sequence[str],
    scripts: Sequence[tuple[str, ...]],
    environment: Mapping[str, str],
) -> Iterator[Code]:
    """Python puts the folder of its script before all others that it searches, or the working
    directory where it has none. Which environment it belongs to it knows by how it was called."""
    line = read(PYTHON, arguments[1:])
    alone, module = line.has("I", "P"), line.has("m")
    yield from (Code(paths, beside=not alone and not module) for paths in scripts)
    if not alone and (module or not scripts):
        yield _HERE
    command = arguments[0] if arguments else executable
    if "/" in command:
        folder = os.path.dirname(command)
        yield Code((command,))
        yield Code((os.path.join(folder, "pyvenv.cfg"),))
        yield Code((os.path.join(os.path.dirname(folder), "pyvenv.cfg"),))
    elif command:
        searched = environment.get("PATH", "").split(":")
        yield Code(tuple(os.path.join(folder, command) for folder in searched))
    yield from (Code((folder,)) for folder in library_folders(executable, command))


def _search_folders(kind: str, arguments: Sequence[str]) -> Iterator[str]:
    """The folders of modules that are given as options."""
    if kind in {"perl", "ruby"}:
        for value in read(PERL if kind == "perl" else RUBY, arguments[1:]).values("I"):
            yield from value.split(":")


def _other(executable: str, arguments: Sequence[str]) -> Iterator[Code]:
    if _OTHER_INTERPRETERS.fullmatch(os.path.basename(executable)):
        yield _HERE
        for word in arguments[1:]:
            yield from (Code((path,)) for path in _paths_in(word))


def _paths_in(word: str) -> Iterator[str]:
    """What may be paths in an argument: all of it, or what stands in an option as a path."""
    if word.startswith("-"):
        option = _OPTION_WITH_PATH.match(word)
        if option is None:
            return
        word = word[option.end() :]
    for item in filter(None, word.split(":")):
        path = item.removesuffix("/*")  # java(1): all archives in a folder
        yield path
        if "=" in path:
            yield path.partition("=")[0]


# -- variables ---------------------------------------------------------------------------------


def _by_variables(executable: str, environment: Mapping[str, str]) -> Iterator[Code]:
    for name, variable in _VARIABLES.items():
        value = environment.get(name, "")
        for item in dict.fromkeys(_items(value, variable.separators)) if value else ():
            if variable is _OPTIONS:
                yield from (Code((path,)) for path in _paths_in(item) if "/" in path)
            elif ("/" in item or not variable.slash) if item else variable.empty_is_here:
                yield Code((_before_patterns(executable, item),))


def _items(value: str, separators: str) -> list[str]:
    for separator in separators[1:]:
        value = value.replace(separator, separators[0])
    return value.split(separators[0]) if separators else [value]


def _before_patterns(executable: str, item: str) -> str:
    """The part of an item before what its reader fills in: ``$LIB`` (ld.so(8)), ``?.lua``."""
    plain, pattern, _ = item.replace("?", "$").partition("$")
    if not pattern:
        return item.removesuffix("/*")
    folder = os.path.dirname(plain)
    return folder or (os.path.dirname(executable) if "ORIGIN" in item else "")
