"""Services: which one a process is part of, what stops with it, and whether it may be stopped.

``applications`` puts services and other processes together. ServiceScene has the facts::

    >>> from restartmanager.model import Service, ServiceFacts
    >>> from restartmanager.rules.policy import Policy
    >>> cron = Service("systemd", "cron.service")
    >>> facts = {cron: ServiceFacts(cron, ServiceState.ACTIVE)}
    >>> scene = ServiceScene({}, facts, registered=frozenset({cron}))
    >>> (application,) = service_applications([], scene, Policy(), uid=1000)
    >>> print(application.name, application.reason, sep=": ")
    cron: it is a service of the system, and you are not allowed to stop it
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from restartmanager.model import (
    Application,
    AppType,
    RebootReason,
    Required,
    RestartBy,
    ServiceState,
    Treatment,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from restartmanager.model import Holder, Process, Service, ServiceFacts
    from restartmanager.model.identity import UniqueProcess
    from restartmanager.rules.policy import Policy


class ServiceScene(NamedTuple):
    """The facts about services that decide about applications.

    ``owners`` has the service of each process that is part of one. ``facts`` has those services,
    the ones that stop with them, and the ``registered`` ones. ``own`` are the services that the
    caller runs in. ``mains`` has the main processes of services, ``inside`` the others that end
    with them.
    """

    owners: Mapping[UniqueProcess, Service]
    facts: Mapping[Service, ServiceFacts]
    registered: frozenset[Service] = frozenset()
    own: frozenset[Service] = frozenset()
    mains: Mapping[UniqueProcess, Process] = MappingProxyType({})
    inside: Mapping[Service, tuple[Process, ...]] = MappingProxyType({})


_RUNNING = {ServiceState.ACTIVE, ServiceState.CHANGING}


class _Obstacle(NamedTuple):
    """The reason why a service cannot be stopped, and what it takes instead."""

    reason: RebootReason
    required: Required
    words: str


def service_of(process: Process, scene: ServiceScene) -> Service | None:
    """The service that ends this process when it is stopped; None where none does.

    A process that its service leaves running (KillMode=process), or that lives in a container, is a
    program of its own.
    """
    service = scene.owners.get(process.identity)
    facts = scene.facts.get(service) if service is not None else None
    if facts is None:
        return None
    ends = facts.main == process.identity or (facts.ends_all and process.same_pid_namespace)
    return service if ends else None


def companions(facts: ServiceFacts, policy: Policy) -> frozenset[str]:
    """The names of the services that go together with this one, by the policy."""
    return policy.together_with(facts.aliases)


def service_applications(
    holders: Iterable[Holder], scene: ServiceScene, policy: Policy, uid: int
) -> tuple[Application, ...]:
    """The running services that these holders are part of or that were registered, and those that
    stop with them."""
    families: dict[Service, list[Holder]] = {}
    for holder in holders:
        service = service_of(holder.process, scene)
        if service is not None:
            families.setdefault(service, []).append(holder)
    running = [facts for facts in scene.facts.values() if facts.state in _RUNNING]
    judge = _Judge(scene, policy, uid)
    needs = _needs(running)
    obstacles = judge.obstacles(running)
    applications = []
    for facts in running:
        service = facts.service
        application = _application(facts, families.get(service, ()), scene)
        needed = needs.get(service, ())
        application = replace(
            application,
            needs=needed,
            reason=application.reason or _why_listed(application, scene, needed),
            reload_suffices=judge.treatment(facts) is Treatment.RELOAD,
        )
        applications.append(_judged(application, obstacles.get(service)))
    return tuple(applications)


def _application(facts: ServiceFacts, family: Sequence[Holder], scene: ServiceScene) -> Application:
    main = scene.mains.get(facts.main) if facts.main is not None else None
    members = [holder.process for holder in family if holder.process != main]
    return Application(
        name=facts.service.name.removesuffix(".service"),
        type=AppType.SERVICE,
        main_process=main or (members[0] if members else None),
        processes=(*((main,) if main is not None else ()), *members),
        service=facts.service,
        evidence=tuple(sorted(item for holder in family for item in holder.evidence)),
        restart_by=RestartBy.NONE if facts.unstartable else RestartBy.UNIT,
        reason=facts.unstartable,
        hold=facts.hold,
    )


def _why_listed(application: Application, scene: ServiceScene, needs: Sequence[Service]) -> str:
    """The reason why a service is listed that uses nothing itself."""
    if application.evidence or application.service in scene.registered:
        return ""
    if needs:
        return f"it needs {', '.join(str(service) for service in needs)}"
    return "it goes together with another one, by the policy"


def _judged(application: Application, obstacle: _Obstacle | None) -> Application:
    if obstacle is None:
        return application
    denied = obstacle.reason is RebootReason.PERMISSION_DENIED
    return replace(
        application,
        type=AppType.SERVICE if denied else AppType.CRITICAL,
        reboot_reasons=obstacle.reason,
        required=obstacle.required,
        reason=obstacle.words,
    )


def _needs(running: Iterable[ServiceFacts]) -> dict[Service, tuple[Service, ...]]:
    """The services that each service depends on."""
    needs: dict[Service, tuple[Service, ...]] = {}
    for facts in running:
        for dependent in facts.dependents:
            needs[dependent] = (*needs.get(dependent, ()), facts.service)
    return needs


class _Judge(NamedTuple):
    """The judge of services: whether they may be stopped, and how they want to be treated."""

    scene: ServiceScene
    policy: Policy
    uid: int

    def obstacles(self, running: Sequence[ServiceFacts]) -> dict[Service, _Obstacle]:
        """The reasons why services cannot be stopped: their own, or that of a service that would
        stop with them."""
        obstacles = {f.service: obstacle for f in running if (obstacle := self._obstacle(f))}
        spread = True
        while spread:
            spread = False
            for facts in running:
                blocking = [item for item in facts.dependents if item in obstacles]
                if blocking and facts.service not in obstacles:
                    because = obstacles[blocking[0]]
                    words = f"{blocking[0]} would stop with it: {because.words}"
                    obstacles[facts.service] = because._replace(words=words)
                    spread = True
        return obstacles

    def treatment(self, facts: ServiceFacts) -> Treatment:
        """The treatment of a service: its own unit file decides, then the policy."""
        if facts.wish is not None:
            return facts.wish
        rule = self.policy.service_rule(facts.aliases)
        return rule.treatment if rule is not None else Treatment.RESTART

    def _obstacle(self, facts: ServiceFacts) -> _Obstacle | None:
        """The reason why this service cannot be stopped; None when it can."""
        if facts.service in self.scene.own:
            words = "this installer runs in it"
            return _Obstacle(RebootReason.DETECTED_SELF, Required.RELOGIN, words)
        protected = self._protection(facts)
        if protected is not None:
            required, words = protected
            return _Obstacle(RebootReason.CRITICAL_SERVICE, required, words)
        if self.uid not in {0, facts.service.user}:
            owner = "the system" if facts.service.user is None else f"user {facts.service.user}"
            words = f"it is a service of {owner}, and you are not allowed to stop it"
            return _Obstacle(RebootReason.PERMISSION_DENIED, Required.RESTART, words)
        if facts.busy:
            return _Obstacle(RebootReason.CRITICAL_SERVICE, Required.RESTART, facts.busy)
        if facts.unstoppable:
            return _Obstacle(facts.obstacle, Required.REBOOT, facts.unstoppable)
        return None

    def _protection(self, facts: ServiceFacts) -> tuple[Required, str] | None:
        """The objection of the policy, or of the service's own unit file, to stopping it."""
        rule = self.policy.service_rule(facts.aliases)
        if rule is not None and rule.treatment is Treatment.NEVER:
            return rule.required, rule.reason
        main = self.scene.mains.get(facts.main) if facts.main is not None else None
        program = self.policy.rule_for(main.executable) if main is not None else None
        if program is not None:
            return program.required, program.reason
        for process in self.scene.inside.get(facts.service, ()):
            guest = self.policy.rule_for(process.executable)
            if guest is not None and guest.carries:
                words = f"{process.name} (process {process.pid}) would end with it: {guest.reason}"
                return guest.required, words
        if facts.wish is Treatment.NEVER:
            return Required.REBOOT, "its own unit file says that it must not be stopped"
        return None
