# ruff: noqa: S101 - the assertions are what this module is for
"""What every adapter of the port ``ServiceManager`` must do: the same sentences for real managers
and for the simulated one.

Derive a class from `ServicesContract` in a test module, give the hooks, and pytest runs them. A
hook that makes a service returns when it is as it should be, and makes another one each time. Not
every manager has every notion: a hook that may return None says so, and its sentences then hold
without being tried.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from restartmanager.identity import UniqueProcess
from restartmanager.model import Hold, Service, ServiceState, Treatment
from restartmanager.progress import CancelToken

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from restartmanager.model import Process, ServiceFacts, ServiceResult
    from restartmanager.ports.machine import Clock
    from restartmanager.ports.processes import Processes
    from restartmanager.ports.services import ServiceManager

__all__ = ["ServicesContract"]

_PATIENCE_S = 20.0
_SHORT_S = 0.3
_ODD_NAMES = ("", " ", "-", "--help", ".", "..", "../cron", "a b", "a\nb", "a\0b", "*", "x" * 5000)


class ServicesHooks:
    """The hooks by which the sentences get services."""

    def manager(self) -> ServiceManager:
        """The adapter."""
        raise NotImplementedError

    def processes(self) -> Processes:
        """The processes of the machine that the manager is on."""
        raise NotImplementedError

    def clock(self) -> Clock:
        """The clock by which managers wait."""
        raise NotImplementedError

    def running(self) -> Service:
        """A new service that runs, obeys, and can be started again."""
        raise NotImplementedError

    def stopped(self) -> Service:
        """A new service that does not run and could be started."""
        raise NotImplementedError

    def stubborn(self) -> Service:
        """A new service that runs and ignores being asked to stop. Its manager waits for it at
        least 40 seconds before it does anything about that."""
        raise NotImplementedError

    def broken(self) -> Service:
        """A new service that does not run, and whose start its manager sees fail."""
        raise NotImplementedError

    def failed(self) -> Service:
        """A new service that ran, and has failed as its manager sees it."""
        raise NotImplementedError

    def unknown(self) -> Service:
        """A service of this manager that does not exist."""
        raise NotImplementedError

    def names(self, service: Service) -> Collection[str]:
        """How people may call it besides its full name."""
        raise NotImplementedError

    def child_of(self, service: Service) -> Process:
        """A process that the main process of this running service has started."""
        raise NotImplementedError

    def stranger(self) -> Process:
        """A process that belongs to no service that a hook has made."""
        return self.processes().describe(self.processes().current())

    def dependent_on(self, service: Service) -> Service | None:  # noqa: ARG002 - for derived ones
        """A new service that runs and needs this one; None where nothing is known of needs."""
        return None

    def triggered(self) -> Service | None:
        """A new service that runs, and that ``knock`` starts; None where there is no such thing."""
        return None

    def knock(self, service: Service) -> None:
        """Do what starts this service while it does not run, and is not held down; return when it
        is known whether it does."""
        raise NotImplementedError

    def reloadable(self) -> Service | None:
        """A new service that runs and can be reloaded; None where there is no such thing."""
        return None

    def cancel_soon(self, cancel: CancelToken) -> None:
        """Have ``cancel`` called a moment later."""
        threading.Timer(_SHORT_S, cancel.cancel).start()


class ServicesContract(ServicesHooks):
    """The sentences."""

    # -- looking ---------------------------------------------------------------------------------

    def test_a_service_is_known_by_its_names(self) -> None:
        """The full one, and those that people write."""
        service = self.running()
        names = {service.name, *self.names(service)}
        assert self.manager().resolve(names) == dict.fromkeys(names, service)
        assert self.manager().resolve([]) == {}

    def test_what_does_not_exist_is_missing(self) -> None:
        """Whatever the name looks like."""
        unknown = self.unknown()
        assert self.manager().resolve([unknown.name, *_ODD_NAMES]) == {}
        assert self.manager().describe([unknown]) == {}

    def test_main_process_and_child_belong_to_the_service(self) -> None:
        """And no others do."""
        service, other = self.running(), self.running()
        main, child = self._main(service), self.child_of(service)
        owners = self.manager().owners([self.processes().describe(main), child, self.stranger()])
        assert owners[main] == owners[child.identity] == service
        assert owners.get(self.stranger().identity) not in {service, other}
        assert self.manager().owners([]) == {}

    def test_a_running_service_is_described(self) -> None:
        """It is active, has its own name among all of them, and a living main process."""
        service = self.running()
        facts = self._facts(service)
        assert facts.service == service
        assert facts.state is ServiceState.ACTIVE
        assert service.name in facts.aliases
        assert facts.main is not None
        assert self.processes().is_alive(facts.main)
        assert (facts.unstoppable, facts.unstartable, facts.trouble) == ("", "", "")

    def test_a_stopped_service_is_described(self) -> None:
        """It has no main process."""
        facts = self._facts(self.stopped())
        assert (facts.state, facts.main, facts.trouble) == (ServiceState.INACTIVE, None, "")

    def test_states_are_those_of_the_descriptions(self) -> None:
        """And what does not exist is missing."""
        services = [self.running(), self.stopped(), self.failed()]
        states = [ServiceState.ACTIVE, ServiceState.INACTIVE, ServiceState.FAILED]
        expected = dict(zip(services, states, strict=True))
        assert self.manager().states([*services, self.unknown()]) == expected
        assert {service: self._facts(service).state for service in services} == expected

    def test_what_stops_with_a_service_is_known(self) -> None:
        """Also while it does not run."""
        service = self.running()
        dependent = self.dependent_on(service)
        if dependent is None:
            assert self._facts(service).dependents == ()
            return
        assert self._facts(service).dependents == (dependent,)
        self._stop(dependent)
        assert self._facts(service).dependents == (dependent,)
        assert self._facts(dependent).dependents == ()

    def test_what_has_failed_is_told(self) -> None:
        """With the reason, and only when somebody asks about a service of this manager."""
        failed, running, stopped = self.failed(), self.running(), self.stopped()
        assert self.manager().failed([]) == frozenset()
        told = self.manager().failed([running])
        assert failed in told
        assert not told & {running, stopped}
        facts = self._facts(failed)
        assert facts.state is ServiceState.FAILED
        assert facts.trouble

    # -- stopping --------------------------------------------------------------------------------

    def test_stopped_means_stopped(self) -> None:
        """One result for each, and no process of them is left."""
        services = [self.running(), self.running()]
        mains = [self._main(service) for service in services]
        child = self.child_of(services[0])
        results = self._stop(*services)
        assert [results[service].done for service in services] == [True, True]
        for service in services:
            assert self._facts(service).state is ServiceState.INACTIVE
        for identity in (*mains, child.identity):
            assert not self.processes().is_alive(identity)

    def test_what_does_not_run_is_stopped(self) -> None:
        """Stopping it again is no fault."""
        service = self.stopped()
        assert self._stop(service)[service].done
        assert self._facts(service).state is ServiceState.INACTIVE

    def test_what_needs_a_service_stops_with_it(self) -> None:
        """Though only the one was named."""
        service = self.running()
        dependent = self.dependent_on(service)
        assert self._stop(service)[service].done
        if dependent is not None:
            assert self._facts(dependent).state is ServiceState.INACTIVE

    def test_nothing_starts_what_is_held(self) -> None:
        """Until it is started again, with what could start it."""
        service = self.triggered()
        if service is None:
            assert self._hold(self.running()) == Hold()
            return
        hold = self._hold(service)
        assert self._stop(service)[service].done
        self.knock(service)
        assert self._facts(service).state is ServiceState.INACTIVE
        assert self._start({service: hold})[service].done
        assert self._facts(service).state is ServiceState.ACTIVE
        assert self._hold(service) == hold

    def test_what_is_released_can_be_started_by_others(self) -> None:
        """Releasing it does not start it."""
        service = self.triggered()
        if service is None:
            service = self.stopped()
            assert self._release(service, Hold())[service].done
            assert self._facts(service).state is ServiceState.INACTIVE
            return
        hold = self._hold(service)
        self._stop(service)
        assert self._release(service, hold)[service].done
        assert self._facts(service).state is ServiceState.INACTIVE
        self.knock(service)
        assert self._facts(service).state is ServiceState.ACTIVE

    def test_what_does_not_obey_is_killed_with_force(self) -> None:
        """After the patience that was given, not after that of its manager."""
        service, began = self.stubborn(), self._now()
        main = self._main(service)
        assert self._stop(service, patience_s=_SHORT_S, force=True)[service].done
        assert self._now() - began < _PATIENCE_S
        assert not self.processes().is_alive(main)
        assert self._facts(service).state in {ServiceState.INACTIVE, ServiceState.FAILED}

    def test_stopping_can_be_called_off(self) -> None:
        """It ends early, and a service that has not stopped is not said to have stopped."""
        service, began = self.stubborn(), self._now()
        with CancelToken() as cancel:
            self.cancel_soon(cancel)
            results = self._stop(service, cancel=cancel)
        assert self._now() - began < _PATIENCE_S
        assert not any(result.done for result in results.values())
        assert self.processes().is_alive(self._main(service))

    def test_what_was_called_off_before_is_left_alone(self) -> None:
        """Nothing is begun and nothing is said."""
        running, stopped = self.running(), self.stopped()
        main = self._main(running)
        with CancelToken() as cancel:
            cancel.cancel()
            assert self._stop(running, cancel=cancel) == {}
            assert list(self.manager().start({stopped: Hold()}, cancel=cancel)) == []
            treatments = {running: Treatment.RESTART}
            assert list(self.manager().renew(treatments, cancel=cancel)) == []
        assert self._main(running) == main
        assert self._facts(stopped).state is ServiceState.INACTIVE

    # -- starting --------------------------------------------------------------------------------

    def test_what_was_stopped_comes_back(self) -> None:
        """As another process, which the results name."""
        services = [self.running(), self.running()]
        before = {self._main(service) for service in services}
        self._stop(*services)
        results = self._start({service: Hold() for service in services})
        assert [results[service].done for service in services] == [True, True]
        after = {self._main(service) for service in services}
        assert {result.main for result in results.values()} == after
        assert len(before | after) == 4
        assert {self._facts(service).state for service in services} == {ServiceState.ACTIVE}

    def test_what_runs_is_not_started_again(self) -> None:
        """It stays the process it is."""
        service = self.running()
        main = self._main(service)
        result = self._start({service: Hold()})[service]
        assert (result.done, result.main) == (True, main)
        assert self._main(service) == main

    def test_what_has_failed_can_be_started(self) -> None:
        """A failure of the past is no obstacle."""
        service = self.failed()
        assert self._start({service: Hold()})[service].done
        assert self._facts(service).state is ServiceState.ACTIVE

    def test_what_cannot_be_started_has_its_reason(self) -> None:
        """And does not keep others from being started."""
        broken, stopped = self.broken(), self.stopped()
        results = self._start({broken: Hold(), stopped: Hold()})
        assert results[broken].trouble
        assert results[stopped].done
        assert self._facts(broken).state is not ServiceState.ACTIVE

    # -- restarting and reloading ----------------------------------------------------------------

    def test_renewed_means_another_process(self) -> None:
        """That of its child as well."""
        service = self.running()
        main, child = self._main(service), self.child_of(service)
        result = self._renew(service, Treatment.RESTART)[service]
        assert result.done
        assert self._facts(service).state is ServiceState.ACTIVE
        assert self._main(service) == result.main != main
        assert not self.processes().is_alive(main)
        assert not self.processes().is_alive(child.identity)

    def test_what_needs_a_service_is_renewed_with_it(self) -> None:
        """Where it runs; it may take a moment longer."""
        service = self.running()
        dependent = self.dependent_on(service)
        if dependent is None:
            return
        before = self._main(dependent)
        assert self._renew(service, Treatment.RESTART)[service].done
        deadline = self._now() + _PATIENCE_S
        while self._facts(dependent).state is ServiceState.CHANGING and self._now() < deadline:
            pass
        assert self._facts(dependent).state is ServiceState.ACTIVE
        assert self._main(dependent) != before

    def test_reloaded_means_the_same_process(self) -> None:
        """Which goes on."""
        service = self.reloadable()
        if service is None:
            return
        main = self._main(service)
        assert self._renew(service, Treatment.RELOAD)[service].done
        assert self._main(service) == main

    # -- what cannot be --------------------------------------------------------------------------

    def test_acting_on_what_does_not_exist_is_a_result(self) -> None:
        """One, that says so; others are not kept from theirs."""
        unknown, stopped = self.unknown(), self.stopped()
        assert self._start({unknown: Hold(), stopped: Hold()})[unknown].trouble
        assert self._facts(stopped).state is ServiceState.ACTIVE
        assert self._renew(unknown, Treatment.RESTART)[unknown].trouble
        results = self._stop(unknown, stopped)
        assert results[stopped].done
        assert self._facts(stopped).state is ServiceState.INACTIVE
        assert unknown in self._release(unknown, Hold())

    def test_a_manager_that_cannot_be_renewed_says_so(self) -> None:
        """That of a user who has none is one."""
        assert self.manager().reexecute(2**31 - 2)

    def test_a_process_is_not_put_where_nobody_is(self) -> None:
        """The manager of a user who has none."""
        process = UniqueProcess.current()
        assert self.manager().adopt(process, 2**31 - 2, "restartmanager-contract.scope")

    def test_a_user_without_such_a_manager_has_no_services(self) -> None:
        """The same name there is another service, of which nothing is known, or only that nobody
        can be asked about it."""
        foreign = replace(self.running(), user=2**31 - 2)
        facts = self.manager().describe([foreign]).get(foreign)
        assert facts is None or facts.unstoppable
        assert self.manager().states([foreign]) == {}
        assert self._start({foreign: Hold()})[foreign].trouble

    # -- their tools -----------------------------------------------------------------------------

    def _facts(self, service: Service) -> ServiceFacts:
        return self.manager().describe([service])[service]

    def _hold(self, service: Service) -> Hold:
        facts = self.manager().describe([service]).get(service)
        return Hold() if facts is None else facts.hold

    def _main(self, service: Service) -> UniqueProcess:
        main = self._facts(service).main
        assert main is not None
        return main

    def _stop(
        self,
        *services: Service,
        patience_s: float = _PATIENCE_S,
        force: bool = False,
        cancel: CancelToken | None = None,
    ) -> Mapping[Service, ServiceResult]:
        holds = {service: self._hold(service) for service in services}
        with CancelToken() as never:
            results = self.manager().stop(
                holds, patience_s=patience_s, force=force, cancel=cancel or never
            )
            return _each_once(results, services, all_of_them=cancel is None)

    def _start(self, holds: Mapping[Service, Hold]) -> Mapping[Service, ServiceResult]:
        with CancelToken() as never:
            return _each_once(self.manager().start(holds, cancel=never), holds)

    def _release(self, service: Service, hold: Hold) -> Mapping[Service, ServiceResult]:
        return _each_once(self.manager().release({service: hold}), [service])

    def _renew(self, service: Service, treatment: Treatment) -> Mapping[Service, ServiceResult]:
        with CancelToken() as never:
            results = self.manager().renew({service: treatment}, cancel=never)
            return _each_once(results, [service])

    def _now(self) -> float:
        return self.clock().monotonic()


def _each_once(
    results: Iterable[ServiceResult],
    services: Collection[Service],
    *,
    all_of_them: bool = True,
) -> dict[Service, ServiceResult]:
    """The results by their services: never two of one, none of what was not asked for."""
    told = list(results)
    found = {result.service: result for result in told}
    assert len(found) == len(told)
    assert found.keys() <= set(services)
    assert not all_of_them or found.keys() == set(services)
    return found
