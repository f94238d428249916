"""A process that uses a session memory: ``uses_store.py VERB FOLDER [ARGUMENT...]``.

It says "ready" once it has started and goes on when it reads a line, so that many of them act at
the same moment. What came of it is printed as one word or number a line.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading

from restartmanager.adapters.store.sqlite import SqliteStore
from restartmanager.errors import (
    SessionLimitError,
    StoreDamagedError,
    StoreError,
    StoreFullError,
)
from restartmanager.model import FileIdentity, FileResource, Resources
from restartmanager.model.identity import UniqueProcess
from restartmanager.model.journal import Operation, SessionRecord

BOOT = "b" * 32


def say(word: object) -> None:
    print(word, flush=True)  # noqa: T201 - this is its answer


def some_files(who: str, count: int) -> Resources:
    return Resources(
        files=tuple(
            FileResource(f"/usr/lib/package-{who}/file-{n:05}", FileIdentity(1, n, n, n, n))
            for n in range(count)
        )
    )


def register(store: SqliteStore, key: str, who: str, count: str) -> None:
    store.add_resources(key, some_files(who, int(count)))


def register_singly(store: SqliteStore, key: str, who: str, count: str) -> None:
    for file in some_files(who, int(count)).files:
        store.add_resources(key, Resources(files=(file,)))


def create(store: SqliteStore, who: str, limit: str) -> None:
    try:
        store.create_session(SessionRecord(who, 1.0, BOOT), limit=int(limit))
    except SessionLimitError:
        say("limit")
    else:
        say("created")


def create_in_damaged(store: SqliteStore, who: str) -> None:
    """Create a session although the memory is damaged: try again once told so."""
    try:
        create(store, who, "64")
    except StoreDamagedError:
        say("damaged")
        create(store, who, "64")


def begin(store: SqliteStore, key: str, who: str) -> None:
    worker = UniqueProcess(int(who), 1, BOOT)
    say("won" if store.begin(key, Operation.SHUTDOWN, worker) else "lost")


def hold(store: SqliteStore) -> None:
    """Keep the memory locked until told to stop."""
    with store._database.writing():
        say("locked")
        sys.stdin.readline()


def die(store: SqliteStore, key: str) -> None:
    """Be killed in the middle of a transaction that has changed the file already."""
    with store._database.writing() as connection:
        connection.execute("PRAGMA cache_size = 5")
        connection.execute("UPDATE session SET created_at = 77")
        connection.executemany(
            "INSERT INTO service (session, name) VALUES (1, ?)",
            ((os.urandom(400),) for _ in range(5000)),
        )
        connection.execute("DELETE FROM file WHERE path > x'00'")
        say("locked")
        sys.stdin.readline()


def fork(store: SqliteStore, key: str) -> None:
    """Fork again and again while another thread writes; every child writes as well."""
    over = threading.Event()

    def write() -> None:
        n = 0
        # The pause gives the forks their turn without delay, however busy the machine is.
        while not over.wait(0.01):
            register(store, key, f"parent-{n}", "50")
            n += 1
        say(n)

    thread = threading.Thread(target=write)
    thread.start()
    children = []
    for number in range(10):
        child = os.fork()
        if child == 0:
            register(store, key, f"child-{number}", "50")
            # An ordinary exit: it closes what a child has inherited, if anything does.
            sys.exit()
        children.append(child)
    statuses = [os.waitpid(child, 0)[1] for child in children]
    over.set()
    thread.join()
    say("good" if not any(statuses) else f"bad {statuses}")


def fill(store: SqliteStore, key: str, ballast: str) -> None:
    """Register until the disk is full; what is there then is whole."""
    with open(ballast, "wb") as file:
        file.write(b"x" * 600_000)
    store.create_session(SessionRecord(key, 1.0, BOOT), limit=64)
    whole = 0
    try:
        while whole < 1000:
            register(store, key, str(whole), "200")
            whole += 1
    except StoreFullError:
        say("full")
    say("whole" if len(store.resources(key).files) == 200 * whole else "torn")
    os.unlink(ballast)
    store.delete_session(key)
    say(len(store.sessions()))


def start_full(store: SqliteStore, folder: str) -> None:
    """Meet a full disk before there is any memory."""
    ballast = os.path.join(folder, "ballast")
    with open(ballast, "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            say("filled")
    try:
        store.sessions()
    except StoreFullError:
        say("full")
    say(" ".join(sorted(os.listdir(folder))))
    os.unlink(ballast)
    say(len(store.sessions()))


def write_read_only(store: SqliteStore, key: str) -> None:
    say(len(store.sessions()))
    try:
        store.create_session(SessionRecord(key, 1.0, BOOT), limit=64)
    except StoreError as error:
        say(error.why)


def write_beyond_limit(store: SqliteStore, key: str) -> None:
    """Meet what a quota is like: a file must not grow any more."""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limit))
    try:
        register(store, key, "a", "5000")
    except StoreError as error:
        say(error.why)


VERBS = {
    function.__name__: function
    for function in (
        register,
        register_singly,
        create,
        create_in_damaged,
        begin,
        hold,
        die,
        fork,
        fill,
        start_full,
        write_read_only,
        write_beyond_limit,
    )
}


def main() -> None:
    signal.alarm(50)
    verb, folder, *arguments = sys.argv[1:]
    say("ready")
    sys.stdin.readline()
    with SqliteStore(folder) as store:
        VERBS[verb](store, *arguments)


if __name__ == "__main__":
    main()
