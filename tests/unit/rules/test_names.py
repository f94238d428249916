"""What the name of a file comes to that leads nowhere, or not to a file."""

from __future__ import annotations

import errno
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restartmanager.rules.names import Finding, is_folder_name, of_error, of_mode


@pytest.mark.parametrize("number", [errno.ENOENT, errno.ENOTDIR, errno.ELOOP])
def test_a_link_that_leads_nowhere_is_there(number: int) -> None:
    assert of_error(number, is_link=False) is Finding.MISSING
    assert of_error(number, is_link=True) is Finding.USABLE


@pytest.mark.parametrize("is_link", [False, True])
@pytest.mark.parametrize(
    ("number", "finding"),
    [
        (errno.EACCES, Finding.DENIED),
        (errno.EPERM, Finding.DENIED),
        (errno.ENAMETOOLONG, Finding.IMPOSSIBLE),
        (errno.EIO, Finding.TROUBLE),
        (errno.ESTALE, Finding.TROUBLE),
        (errno.ENOTCONN, Finding.TROUBLE),
        (None, Finding.TROUBLE),
    ],
)
def test_what_is_not_known_is_never_taken_for_missing(
    number: int | None, finding: Finding, *, is_link: bool
) -> None:
    assert of_error(number, is_link=is_link) is finding


@pytest.mark.parametrize(
    ("mode", "finding"),
    [
        (stat.S_IFREG, Finding.USABLE),
        (stat.S_IFIFO, Finding.USABLE),
        (stat.S_IFSOCK, Finding.USABLE),
        (stat.S_IFDIR, Finding.DIRECTORY),
        (stat.S_IFCHR, Finding.DEVICE),
        (stat.S_IFBLK, Finding.DEVICE),
    ],
)
def test_kinds(mode: int, finding: Finding) -> None:
    assert of_mode(mode | 0o644) is finding


@given(st.text())
def test_only_what_ends_in_no_name_is_the_name_of_a_folder(text: str) -> None:
    assert is_folder_name(text) == (text.rsplit("/", maxsplit=1)[-1] in {"", ".", ".."})
