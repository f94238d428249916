"""Packages as resources, asked of the real package managers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

import restartmanager as rm
from restartmanager.adapters.packages import SystemPackages
from restartmanager.errors import UnsupportedError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from support.spawning import Spawn

needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="no dpkg here")
needs_rpm = pytest.mark.skipif(shutil.which("rpmbuild") is None, reason="no rpmbuild here")

SPEC = """\
Name: widget
Version: 1
Release: 1
Summary: A package for a test
License: none
BuildArch: noarch
%description
A package for a test.
%install
mkdir -p %{buildroot}/opt/widget
echo x > "%{buildroot}/opt/widget/a file"
echo x > %{buildroot}/opt/widget/b
%files
/opt/widget
"""


@needs_dpkg
def test_files_of_a_dpkg_package() -> None:
    files = SystemPackages().files_of("dpkg")
    assert "/usr/bin/dpkg" in files
    assert not any(os.path.isdir(path) for path in files)


@needs_dpkg
def test_a_package_that_is_not_installed() -> None:
    with pytest.raises(UsageError, match="No package 'no-such-package' is installed"):
        SystemPackages().files_of("no-such-package")


@pytest.mark.parametrize("name", ["", "--root=/", "-l", "a b", "a;b", "a\n", "../x", "a*", None])
def test_what_is_no_name_reaches_no_command(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_: pytest.fail("a command was run"))
    with pytest.raises(UsageError):
        SystemPackages().files_of(name)


def test_a_machine_without_package_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("restartmanager.adapters.packages._PATH", "/nowhere")
    with pytest.raises(UnsupportedError, match="no dpkg or rpm"):
        SystemPackages().files_of("dpkg")


@needs_dpkg
def test_who_uses_a_package(spawn: Spawn) -> None:
    shell = os.path.basename(os.path.realpath("/bin/sh"))
    child = spawn.ready("/bin/sh", "-c", "echo; read line; :")
    found = rm.who_uses(packages=[shell])
    assert child.pid in {item.pid for app in found.applications for item in app.evidence}


@needs_dpkg
def test_registering_a_package_registers_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESTARTMANAGER_STATE_DIR", str(tmp_path / "state"))
    with rm.start_session() as session:
        session.register(packages=["dpkg"])
        assert "/usr/bin/dpkg" in {file.path for file in session.resources().files}
        with pytest.raises(UsageError):
            session.register(packages=["no-such-package"], files=["/x"])
        assert "/x" not in {file.path for file in session.resources().files}


@needs_rpm
@pytest.mark.root
def test_files_of_an_rpm_package(tmp_path: Path) -> None:
    """A real package, built here, in a database of its own that nobody else sees."""
    (tmp_path / "widget.spec").write_text(SPEC)
    ask = (
        "import restartmanager.adapters.packages as p; print(p.SystemPackages().files_of('widget'))"
    )
    script = f"""
        mkdir -p /var/lib/rpm /etc/rpm
        mount -t tmpfs none /var/lib/rpm
        mount -t tmpfs none /etc/rpm
        echo "%_dbpath /var/lib/rpm" > /etc/rpm/macros
        mount -t tmpfs none /opt
        mkdir /opt/widget
        rpm --initdb
        rpmbuild --quiet -bb --define "_topdir {tmp_path}/build" {tmp_path}/widget.spec
        rpm --install --justdb --nodeps $(test -e /etc/debian_version && echo --force-debian) \\
            {tmp_path}/build/RPMS/noarch/widget-1-1.noarch.rpm
        exec {sys.executable} -c "{ask}"
    """
    done = subprocess.run(
        ["/usr/bin/unshare", "-m", "sh", "-ec", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "('/opt/widget/a file', '/opt/widget/b')\n"
