"""A newer kernel is one with greater numbers and the same words."""

import pytest

from restartmanager.adapters.scan.kernel_release import newer_release


@pytest.mark.parametrize(
    ("running", "installed", "newer"),
    [
        ("6.9.0-1-amd64", ["6.9.0-1-amd64", "6.10.0-1-amd64"], "6.10.0-1-amd64"),
        ("6.10.0-1-amd64", ["6.9.0-1-amd64"], None),
        ("6.9.0-1-amd64", [], None),
        ("6.9.0-1-amd64", ["6.10.0-1-cloud-amd64"], None),
        (
            "5.14.0-427.13.1.el9_4.x86_64",
            ["5.14.0-427.20.1.el9_4.x86_64"],
            "5.14.0-427.20.1.el9_4.x86_64",
        ),
        ("6.12.9-arch1-1", ["6.12.10-arch1-1"], "6.12.10-arch1-1"),
        (
            "6.4.0-150600.23.7-default",
            ["6.4.0-150600.23.7.1-default"],
            "6.4.0-150600.23.7.1-default",
        ),
        ("6.8.0", ["rescue", "", "6.8.0"], None),
    ],
)
def test_newer(running: str, installed: list[str], newer: str | None) -> None:
    assert newer_release(running, installed) == newer
