"""OpenRC and SysV init in a sandbox whose systemd is out of sight, and what their files may say."""

from __future__ import annotations

import os

import pytest

from support.paths import TESTS
from support.sandbox import run_inside

INNER = TESTS / "initscripts"
HIDE_SYSTEMD = "mount --make-rprivate / && mount -t tmpfs none /run/systemd"
BOOT_OPENRC = (
    "cd /run && mkdir openrc && cd openrc && mkdir daemons exclusive failed hotplugged inactive "
    "options scheduled started starting stopping tmp wasinactive && touch softlevel && cd /"
)
GO_ON = 'cd "$HERE" && exec "$@"'


@pytest.mark.root
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("file", "steps"),
    [("test_sysv.py", [HIDE_SYSTEMD]), ("test_openrc.py", [HIDE_SYSTEMD, BOOT_OPENRC])],
)
def test_services_of_init_scripts(file: str, steps: list[str]) -> None:
    if "openrc" in file and not os.access("/sbin/openrc-run", os.X_OK):
        why = "OpenRC is not installed: package openrc"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    script = " && ".join(["HERE=$PWD", *steps, GO_ON])
    run_inside(INNER / file, timeout_s=280, before=("unshare", "--mount", "sh", "-c", script, "sh"))
