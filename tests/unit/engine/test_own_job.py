"""The caller's own pipeline, and where its shell works, are no reason to refuse."""

from __future__ import annotations

import pytest

from restartmanager.errors import RebootNeededError
from restartmanager.model import How
from support.simulated import EDITOR, LIBRARY, REGISTERED, VIEWER, Installer, library_world


def test_the_callers_own_pipeline_is_left_alone() -> None:
    world = library_world()
    world.run(EDITOR, registration=REGISTERED)
    installer = Installer(world)
    tee = world.run(VIEWER, parent=installer.me)
    world.pipeline.add(tee)
    with installer.session() as session:
        affected = session.affected()
        assert [app.name for app in affected.applications] == ["editor"]
        (left,) = affected.ignored
        assert (left.path, left.pids) == (LIBRARY, (tee.pid,))
        assert "pipeline" in left.reason
        session.shutdown()
    assert world.signals(tee) == []


@pytest.mark.parametrize("how", [How.CWD, How.OPEN])
def test_where_the_callers_shell_works_is_no_reason_to_refuse(how: How) -> None:
    """What it has open is one: it would go on using the old file."""
    world = library_world()
    installer = Installer(world)
    world.hold(installer.shell, LIBRARY, how)
    with installer.session() as session:
        if how is How.CWD:
            session.shutdown()
        else:
            with pytest.raises(RebootNeededError):
                session.shutdown()
