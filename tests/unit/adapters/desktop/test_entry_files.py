from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restartmanager.adapters.desktop.entry_files import SIZE_LIMIT, DesktopEntry, parse_entry
from restartmanager.errors import ConfigurationError

PATH = "/usr/share/applications/editor.desktop"


def entry(command: str = "editor %F", extra: str = "") -> DesktopEntry:
    text = f"[Desktop Entry]\nType=Application\nName=Ed & Co\nIcon=ed\nExec={command}\n{extra}"
    return parse_entry(text.encode(), PATH)


def test_what_stands_in_an_entry() -> None:
    found = parse_entry(
        b"# a comment\n\n[Desktop Entry]\nType=Application\nName = Editor\nName[de]=Schreiber\n"
        b"Exec=/usr/bin/editor --new %U\nTryExec=editor\nIcon=ed\\sicon\nPath=/srv\n"
        b"Terminal=true\nHidden=true\nDBusActivatable=true\n"
        b"[Desktop Action new]\nExec=evil\nName=Other\n",
        PATH,
    )
    assert found == DesktopEntry(
        path=PATH,
        name="Editor",
        arguments=("/usr/bin/editor", "--new", "%U"),
        program="editor",
        icon="ed icon",
        directory="/srv",
        hidden=True,
        terminal=True,
        dbus_activatable=True,
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("editor", ("editor",)),
        ("  editor   --a  ", ("editor", "--a")),
        ("editor %f", ("editor",)),
        ("editor %F %u %U %d %m x", ("editor", "x")),
        ("editor --file=%f", ("editor", "--file=")),
        ("editor %i", ("editor", "--icon", "ed")),
        ("editor --title %c", ("editor", "--title", "Ed & Co")),
        ("editor --entry=%k", ("editor", f"--entry={PATH}")),
        ("editor 100%%", ("editor", "100%")),
        ("editor %%f", ("editor", "%f")),
        ('"/opt/my editor/run" --x', ("/opt/my editor/run", "--x")),
        ('editor ""', ("editor", "")),
        (r'editor "a\\"b\\\\c\\$d\\`e"', ("editor", 'a"b\\c$d`e')),
        ('editor "100%%"', ("editor", "100%")),
        ('editor "a;b|c>d"', ("editor", "a;b|c>d")),
        ('editor "$" x'.replace("$", r"\\$"), ("editor", "$", "x")),
    ],
)
def test_the_command(text: str, words: tuple[str, ...]) -> None:
    assert entry(text).command() == words


def test_no_icon_no_option() -> None:
    text = b"[Desktop Entry]\nType=Application\nName=x\nExec=x %i\n"
    assert parse_entry(text, PATH).command() == ("x",)


@pytest.mark.parametrize(
    "text",
    [
        "editor; reboot",
        "editor | tee",
        "editor $HOME",
        "editor `id`",
        'editor "`id`"',
        'editor "$HOME"',
        "editor > /etc/passwd",
        "editor 'a b'",
        "editor ~",
        "editor %x",
        "editor %",
        "editor a%F",
        "editor x%i",
        'editor "%f"',
        'editor "a',
        'editor "a"b',
        r'editor "a\\b"',
        '"" x',
        "%f",
        "A=1 editor",
        r"editor a\\b",
    ],
)
def test_what_is_no_command_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        entry(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "no entry of an application"),
        (b"[Desktop Entry]\nType=Link\nURL=x\n", "no entry of an application"),
        (b"[Desktop Entry]\nType=Application\nName=x\n", "no Exec key"),
        (b"[Other]\nType=Application\nExec=x\n", r"not \[Desktop Entry\]"),
        (b"Type=Application\nExec=x\n", r"not \[Desktop Entry\]"),
        (b"[Desktop Entry]\nnonsense\n", r"not \[Desktop Entry\]"),
        (b"[Desktop Entry]\nType=Application\nExec=\xff\n", "not UTF-8"),
        (b"[Desktop Entry]\nType=Application\nExec=a\0b\n", "NUL"),
        (b"[Desktop Entry]\nType=Application\nExec=x\nHidden=1\n", "neither true nor false"),
        (b"[Desktop Entry]\nType=Application\nExec=x\nName=\\q\n", "means nothing"),
        (b"#" * (SIZE_LIMIT + 1), "more than"),
    ],
)
def test_what_is_no_entry_is_refused_with_the_reason(text: bytes, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        parse_entry(text, PATH)


def test_one_that_is_started_over_the_bus_needs_no_command() -> None:
    text = b"[Desktop Entry]\nType=Application\nName=x\nDBusActivatable=true\n"
    assert parse_entry(text, PATH).command() == ()


def test_the_first_of_two_keys_counts() -> None:
    assert entry("first", "Exec=second\n").command() == ("first",)


@given(st.binary() | st.text().map(lambda text: f"[Desktop Entry]\n{text}".encode()))
def test_anything_is_an_entry_or_a_clear_error(text: bytes) -> None:
    try:
        parse_entry(text, PATH)
    except ConfigurationError as error:
        assert PATH in error.message  # noqa: PT017


@given(st.text().filter(str.isprintable))
def test_a_command_never_gets_words_that_are_not_there(text: str) -> None:
    try:
        words = entry(text.replace("\\", "\\\\")).command()
    except ConfigurationError:
        return
    assert len(words) <= len(text.split(" ")) + 2
