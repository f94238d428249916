# ruff: noqa: S101 - the assertions are what this module is for
"""Contract tests of the port ``ServiceManager``, the same for real managers and the simulated one.

Derive a class from `ServicesContract` in a test module and define the hooks that it inherits from
`ServicesHooks`; pytest runs the tests. A hook that makes a service makes another one each time, and
returns when it is as it should be. Not every manager knows every notion: where a hook may return
None, its documentation says so, and the tests that need it pass without being tried.
"""

from __future__ import annotations

from dataclasses import replace

from restartmanager.model import Hold, Home, ServiceState, Treatment
from restartmanager.model.identity import UniqueProcess
from restartmanager.model.progress import CancelToken
from restartmanager.testing.contracts.services_hooks import PATIENCE_S, SHORT_S, ServicesHooks

__all__ = ["ServicesContract"]

_ODD_NAMES = ("", " ", "-", "--help", ".", "..", "../cron", "a b", "a\nb", "a\0b", "*", "x" * 5000)


class ServicesContract(ServicesHooks):
    """The tests of a service manager."""

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
        assert self._stop(service, patience_s=SHORT_S, force=True)[service].done
        assert self._now() - began < PATIENCE_S
        assert not self.processes().is_alive(main)
        assert self._facts(service).state in {ServiceState.INACTIVE, ServiceState.FAILED}

    def test_stopping_can_be_called_off(self) -> None:
        """It ends early. A service that has not stopped is not said to have stopped, nor to be
        there to stay: the request cannot be taken back."""
        service, began = self.stubborn(), self._now()
        with CancelToken() as cancel:
            self.cancel_when_stopping(service, cancel)
            results = self._stop(service, cancel=cancel)
        assert self._now() - began < PATIENCE_S
        assert not any(result.done for result in results.values())
        assert self.processes().is_alive(self._main(service))
        assert self.manager().states([service])[service] is ServiceState.CHANGING

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
        deadline = self._now() + PATIENCE_S
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

    def test_a_process_that_is_gone_is_not_put_anywhere(self) -> None:
        """Nor is one with the manager of a user who has none."""
        process = UniqueProcess(2**22 + 1, 1, UniqueProcess.current().boot_id)  # pid_max(5)
        nowhere = Home(2**31 - 2, "app.slice")
        assert self.manager().adopt(process, nowhere, "restartmanager-contract.scope")

    def test_a_user_without_such_a_manager_has_no_services(self) -> None:
        """The same name there is another service, of which nothing is known, or only that nobody
        can be asked about it."""
        foreign = replace(self.running(), user=2**31 - 2)
        facts = self.manager().describe([foreign]).get(foreign)
        assert facts is None or facts.unstoppable
        assert self.manager().states([foreign]) == {}
        assert self._start({foreign: Hold()})[foreign].trouble
