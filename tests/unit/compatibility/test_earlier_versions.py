"""What earlier versions wrote is still read.

Both files were written by commit 8e39e6b, the last one before the modules moved into their rooms:
``pickled-errors.json`` has a pickled error of each class in base 64, ``sessions.db.gz`` a session
memory with something in every table.
"""

import base64
import gzip
import json
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from restartmanager import errors
from restartmanager.adapters.store.sqlite import SqliteStore
from restartmanager.model import (
    Filter,
    FilterAction,
    FilterTrigger,
    Hold,
    Home,
    Resources,
    TreeResource,
)
from restartmanager.model.journal import JournalEntry, JournalStep, Operation, SessionRecord
from restartmanager.model.recipes import AS_USUAL
from restartmanager.testing import samples
from unit.model.test_errors import EXAMPLES

HERE = Path(__file__).parent
PICKLES: dict[str, str] = json.loads((HERE / "pickled-errors.json").read_text())
NOW = {type(error).__name__: error for error in EXAMPLES}
PROGRAM = """
import base64, pickle, sys
error = pickle.loads(base64.b64decode(sys.argv[1]))
print(type(error).__name__, len(error.outcomes), error.outcomes[0].application.main_process.pid)
"""


@pytest.mark.parametrize("name", PICKLES)
def test_a_pickled_error(name: str) -> None:
    error = pickle.loads(base64.b64decode(PICKLES[name]))  # noqa: S301 - our own file
    now = NOW[name]
    assert type(error) is type(now) is getattr(errors, name)
    assert error.__dict__ == now.__dict__
    assert str(error) == str(now)


def test_a_pickled_error_in_a_process_that_has_imported_nothing() -> None:
    """The records in it lay in modules that no longer exist."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, PICKLES["ShutdownError"]],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "ShutdownError 1 7\n"


def test_a_session_memory(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    database = tmp_path / "sessions.db"
    database.write_bytes(gzip.decompress((HERE / "sessions.db.gz").read_bytes()))
    database.chmod(0o600)
    store = SqliteStore(str(tmp_path))
    full = replace(
        samples.RECORD,
        shut_down=True,
        operation=Operation.RECOVERY,
        worker=samples.TERTIARY,
        members=(samples.TERTIARY, samples.SECONDARY),
    )
    bare = SessionRecord(key=samples.OTHER_KEY, created_at=1.0, boot_id=samples.BOOT)
    assert store.sessions() == (full, bare)
    assert store.resources(samples.KEY) == Resources(
        files=(samples.file(samples.UNDECODABLE), samples.file("/b", 2)),
        trees=(TreeResource("/tree", (samples.file("/tree", 3), samples.file("/tree/x", 4))),),
        processes=(samples.TERTIARY,),
        services=("nginx",),
    )
    assert store.filters(samples.KEY) == (
        Filter("/bin/x", FilterTrigger.EXECUTABLE, FilterAction.NO_SHUTDOWN),
        Filter("nginx.service", FilterTrigger.SERVICE, FilterAction.NO_RESTART),
        Filter(samples.TERTIARY, FilterTrigger.PROCESS, FilterAction.NO_SHUTDOWN),
    )
    hold = Hold(("a.socket",), ("a.target",), masked=True)
    service = JournalEntry(2, samples.SERVICE, JournalStep.STOPPED, 1235.5, hold=hold)
    assert samples.ENTRY.recipe is not None
    # It wrote down no home: that of all programs of the user; and no attributes, and no streams.
    home = Home(samples.ENTRY.recipe.uid, "app.slice")
    recipe = replace(samples.ENTRY.recipe, home=home, attributes=AS_USUAL, streams=())
    entry = replace(samples.ENTRY, recipe=recipe)
    assert store.journal(samples.KEY) == (entry, service)
