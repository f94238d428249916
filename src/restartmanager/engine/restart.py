"""The restart: what was stopped is brought back, the last one stopped first.

The journal says what may be owed; reality decides. Verified means: what was started lives on after
its start, and no longer uses the old files.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from itertools import groupby
from types import MappingProxyType
from typing import TYPE_CHECKING

from restartmanager.engine.recorder import StartRecorder, Verified
from restartmanager.engine.relaunch import Relauncher
from restartmanager.engine.service_start import ServiceStarter
from restartmanager.errors import ProcessError
from restartmanager.model.progress import Progress
from restartmanager.rules.plan import plan_restart
from restartmanager.rules.relaunch import HANDED_OVER, exit_trouble, may_hand_over

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from restartmanager.engine.context import OperationContext
    from restartmanager.engine.inspector import Stale
    from restartmanager.model import Application, Filter, Outcome
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.model.journal import JournalEntry
    from restartmanager.ports.processes import ProcessHandle


_STALE = "it came back, and still uses the old files"


class Restart:
    """One restart of one session; use it once. ``find_stale`` looks who still uses files that were
    replaced."""

    def __init__(
        self,
        context: OperationContext,
        *,
        find_stale: Callable[[], Stale],
        filters: Sequence[Filter],
    ) -> None:
        self._context = context
        self._find_stale = find_stale
        self._filters = filters

    def carry_out(self, journal: Iterable[JournalEntry]) -> tuple[Outcome, ...]:
        """Bring back what the journal owes; what became of each application.

        Raises OperationCancelledError, with the outcomes so far, when it was called off; what is
        still owed then stays owed.
        """
        entries = plan_restart(journal)
        reporter = self._context.reporter
        reporter.report(Progress(0))
        recorder = StartRecorder(self._context, len(entries))
        starter = ServiceStarter(self._context, recorder, self._filters)
        started: list[JournalEntry] = []
        with Relauncher(self._context, recorder, self._filters) as relauncher:
            for are_services, batch in groupby(entries, key=_is_service):
                start = starter.start if are_services else relauncher.start
                started += start(list(batch))
                if self._context.cancel.cancelled:
                    break
            self._verify(started, recorder, starter, relauncher.held)
        recorder.check_cancelled()
        reporter.report(Progress(100))
        return tuple(recorder.outcomes)

    def renew(self, applications: Sequence[Application], sequence: int) -> tuple[Outcome, ...]:
        """Restart services where they stand; what became of each.

        ``sequence`` is the number of the last entry in the journal. A service whose reload has not
        got rid of the old files is restarted after all. Raises OperationCancelledError.
        """
        recorder = StartRecorder(self._context, len(applications))
        starter = ServiceStarter(self._context, recorder, self._filters)
        entries = recorder.renewing(applications, sequence)
        reloading = [entry for entry in entries if entry.application.reload_suffices]
        started = starter.renew([entry for entry in entries if entry not in reloading])
        if reloading:
            reloaded = starter.renew(reloading, reload=True)
            self._watch(())
            stale = self._find_stale().services
            again = [entry for entry in reloaded if entry.application.service in stale]
            started += [entry for entry in reloaded if entry not in again]
            started += starter.renew(again)
        self._verify(started, recorder, starter)
        recorder.check_cancelled()
        return tuple(recorder.outcomes)

    # -- verification --------------------------------------------------------------------------

    def _verify(
        self,
        started: Sequence[JournalEntry],
        recorder: StartRecorder,
        starter: ServiceStarter,
        held: Mapping[UniqueProcess, ProcessHandle] = MappingProxyType({}),
    ) -> None:
        """See whether all that were started live on, and on the new files. ``held`` has holds on
        their processes from before these ran anything."""
        if not started:
            return
        processes = [entry.started_as for entry in started if entry.started_as]
        exits = self._watch(processes, held, services=any(map(_is_service, started)))
        broken = starter.broken()
        stale = self._find_stale()
        seen = []
        for entry in started:
            process, service = entry.started_as, entry.application.service
            if service is not None and service in broken:
                seen.append(Verified(entry, broken[service]))
            elif process in exits and self._is_closed_by_another(entry, process):
                recorder.taken_over(entry)
            elif service is None and process in exits:
                seen.append(self._exited(entry, process, exits[process], stale))
            elif service in stale.services or (process is not None and process.pid in stale.pids):
                seen.append(Verified(entry, _STALE))
            else:
                seen.append(Verified(entry, remark=starter.remark(service)))
        recorder.verified(seen)
        starter.report_casualties()

    def _is_closed_by_another(self, entry: JournalEntry, process: UniqueProcess) -> bool:
        return self._context.is_closed_by_another(entry.application, process)

    def _exited(
        self, entry: JournalEntry, process: UniqueProcess, status: int | None, stale: Stale
    ) -> Verified:
        """What is to be said of a program that has exited already: it may have made a daemon, or
        have handed over to a program that runs."""
        recipe = entry.recipe
        if recipe is not None and not status:
            daemon = self._context.processes.daemon_of(process, recipe.uid)
            if daemon is not None:
                entry = replace(entry, started_as=daemon)
                return Verified(entry, _STALE if daemon.pid in stale.pids else "")
        if status == 0 and may_hand_over(entry.application):
            return Verified(replace(entry, started_as=None), remark=HANDED_OVER)
        return Verified(entry, exit_trouble(status))

    def _watch(
        self,
        processes: Iterable[UniqueProcess],
        held: Mapping[UniqueProcess, ProcessHandle] = MappingProxyType({}),
        *,
        services: bool = False,
    ) -> dict[UniqueProcess, int | None]:
        """Let the settling time pass, unless all of the processes have exited before; the exit
        statuses of those that have, None where nobody can tell."""
        exits: dict[UniqueProcess, int | None] = {}
        clock, ports = self._context.clock, self._context.processes
        until = clock.monotonic() + self._context.limits.settle_s
        with ExitStack() as opened:
            handles: dict[UniqueProcess, ProcessHandle] = {}
            for process in processes:
                try:
                    handle = held.get(process) or opened.enter_context(ports.open(process))
                except ProcessError:
                    exits[process] = None
                else:
                    handles[process] = handle
            while clock.monotonic() < until and (handles or not exits or services):
                for process in ports.wait(list(handles.values()), until):
                    exits[process] = handles.pop(process).exit_status()
        return exits


def _is_service(entry: JournalEntry) -> bool:
    return entry.application.service is not None
