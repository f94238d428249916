"""Texts of the kernel: bounded, and empty where they cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from restartmanager.adapters.proc.texts import contents, link_text, unescaped

if TYPE_CHECKING:
    from pathlib import Path


def test_contents_end_at_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "table"
    path.write_bytes(b"0123456789")
    assert contents(str(path)) == b"0123456789"
    assert contents(str(path), 4) == b"0123"


def test_what_cannot_be_read_is_empty(tmp_path: Path) -> None:
    for path in (str(tmp_path / "absent"), str(tmp_path), "a\0b"):
        assert contents(path) == b""
    assert link_text(str(tmp_path / "absent")) == link_text(str(tmp_path)) == ""


def test_the_text_of_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere/at all")
    assert link_text(str(tmp_path / "link")) == "nowhere/at all"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (rb"/a\040b\011c\012d\134e", "/a b\tc\nd\\e"),
        (rb"/\0401", "/ 1"),
        (rb"/\400 \04 \x20", r"/\400 \04 \x20"),
        (b"/\xff\\377", "/\udcff\udcff"),
    ],
)
def test_escaped_characters_become_what_they_were(text: bytes, path: str) -> None:
    assert unescaped(text) == path
