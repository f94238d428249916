"""Who is at the other end of a Unix socket, told by the kernel."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

from restartmanager.adapters.processes.peers import Peer, is_still, peer_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

import pytest


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "socket")


@pytest.fixture
def listener(path: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as made:
        made.bind(path)
        made.listen()
        yield made


@pytest.fixture
def connection(path: str, listener: socket.socket) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as made:
        made.connect(path)
        yield made


def test_who_called_listen_is_the_peer(connection: socket.socket) -> None:
    assert peer_of(connection) == Peer(os.getpid(), os.geteuid())
    assert is_still(connection, os.getpid())


def test_who_has_exited_is_not_the_one_with_its_number(path: str) -> None:
    """The number that the kernel noted at listen(2) does not tell it; where the kernel gives no
    handle on the listener (before Linux 6.5), nobody can."""
    read_end, write_end = os.pipe()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(path)
        child = os.fork()
        if not child:
            listening.listen()
            os.write(write_end, b"r")
            os._exit(0)
        assert os.read(read_end, 1) == b"r"
        os.waitpid(child, 0)
        os.close(read_end)
        os.close(write_end)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as made:
            made.connect(path)
            assert peer_of(made).pid == child
            told = tuple(map(int, os.uname().release.split("-")[0].split(".")[:2])) >= (6, 5)
            assert is_still(made, child) is not told
