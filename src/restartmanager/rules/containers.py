"""Containers of processes, recognised by the control group.

A process in a container is never closed from outside, for the container has its own processes,
files and services: the program that runs the container closes it and brings it back. So the
container is named, with the advice what to do::

    >>> container_of("/machine.slice/libpod-" + 64 * "f" + ".scope").advice
    'restart the container: podman restart ffffffffffff'

The paths are those that the container managers make (podman, docker, nerdctl, CRI-O and containerd
under Kubernetes, systemd-nspawn, LXC with LXD and Incus). The monitor of a container (conmon,
lxc.monitor) lives outside of it and is not one of its processes.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


_SHORT = 12  # how many digits of an id people and commands use
_ID = "([0-9a-f]{64})"
_PLAIN_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}"
_ESCAPE = r"\\x([0-9a-f]{2})"

_PODMAN = rf"libpod(?:-payload)?-{_ID}(?:\.scope)?"
_DOCKER = rf"docker-{_ID}\.scope"
_NERDCTL = rf"nerdctl-{_ID}\.scope"
_PODS = r"kubepods(?:[.-].*)?"
_IN_POD = rf"(?:(?:cri-containerd|crio|docker)-)?{_ID}(?:\.scope)?"
_IN_POD_OF_CGROUPFS = rf"kubepods[^:]*:cri-containerd:{_ID}"
_BARE = _ID
_NSPAWN = r"systemd-nspawn@(.+)\.service|machine-(.+)\.scope"
_LXC = r"lxc\.payload\.(.+)|machine-lxc\\x2d[0-9]+\\x2d(.+)\.scope"
_VIRTUAL_MACHINE = r"machine-qemu\\x2d.*\.scope"
_USER_MANAGER = r"user@([0-9]{1,10})\.service"

_IN_EVERY_NAME = ("libpod", "docker", "nerdctl", "kubepods", "machine", "nspawn", "lxc")
"""One of these is in the path of every container; most processes are in none, which is told
without compiling a pattern."""


class ContainerKind(StrEnum):
    """The program that runs the container."""

    PODMAN = "podman"
    DOCKER = "docker"
    NERDCTL = "nerdctl"
    KUBERNETES = "kubernetes"
    NSPAWN = "nspawn"
    LXC = "lxc"
    UNKNOWN = "unknown"
    """A pid namespace of its own; what made it is not known."""


class Container(NamedTuple):
    """A container. ``name`` is its name, or the first digits of its id, or empty.

    ``service`` is the unit of the system's or a user's manager that runs the container, where one
    does (a quadlet); ``uid`` the user whose container it is, None for the system's.
    """

    kind: ContainerKind
    name: str = ""
    service: str = ""
    uid: int | None = None

    @property
    def advice(self) -> str:
        """The advice what to do, as one sentence, with the command where there is one."""
        as_user = "" if self.uid is None else f" (as user {self.uid})"
        if self.service and re.fullmatch(_PLAIN_NAME, self.service.replace("@", "_")):
            manager = "systemctl" if self.uid is None else "systemctl --user"
            return f"restart its service{as_user}: {manager} restart {self.service}"
        command = _COMMANDS.get(self.kind, "")
        if not command or not re.fullmatch(_PLAIN_NAME, self.name):
            return "restart the container, or the program that made it"
        return f"{command.format(name=self.name, as_user=as_user)}"


_COMMANDS = {
    ContainerKind.PODMAN: "restart the container{as_user}: podman restart {name}",
    ContainerKind.DOCKER: "restart the container{as_user}: docker restart {name}",
    ContainerKind.NERDCTL: "restart the container{as_user}: nerdctl restart {name}",
    ContainerKind.KUBERNETES: "delete its pod, so that a new one is made; "
    "which one it is: crictl inspect {name}",
    ContainerKind.NSPAWN: "restart the container: machinectl reboot {name}",
    ContainerKind.LXC: "restart the container: lxc-stop --reboot --name {name} "
    "(LXD: lxc restart {name}; Incus: incus restart {name})",
}


def container_of(
    cgroup: str | None, *, same_pid_namespace: bool = True, own_cgroup: str | None = None
) -> Container | None:
    """The container of a process in this control group (cgroups(7)); None when it is in none, or
    in the same one as the caller, whose group is ``own_cgroup``.

    ``same_pid_namespace`` says whether the process has the caller's pid namespace. Sandboxes have
    one of their own as well, so ask about the leader of an application, not about its helpers.
    """
    found = _named(cgroup)
    if found is not None:
        return None if found == _named(own_cgroup) else found
    return None if same_pid_namespace else Container(ContainerKind.UNKNOWN)


def _named(cgroup: str | None) -> Container | None:
    """The outermost container that the path names."""
    if cgroup is None or not any(part in cgroup for part in _IN_EVERY_NAME):
        return None
    parts = [part for part in cgroup.split("/") if part not in {"", "..", "."}]
    uid: int | None = None
    for place, part in enumerate(parts):
        manager = re.fullmatch(_USER_MANAGER, part)
        if manager is not None:
            uid = int(manager[1])
        for recognise in _RECOGNISERS:
            found = recognise(parts[: place + 1])
            if found is not None:
                kind, name = found
                return Container(kind, name, _service(parts[:place], part), uid)
    return None


def _service(above: Sequence[str], part: str) -> str:
    """The service within which podman runs a container that shares its control group."""
    if not part.startswith("libpod-payload-") or not above:
        return ""
    return above[-1] if above[-1].endswith(".service") else ""


# -- by kind -----------------------------------------------------------------------------------

_Found = tuple[ContainerKind, str] | None


def _kubernetes(parts: Sequence[str]) -> _Found:
    beside = re.fullmatch(_IN_POD_OF_CGROUPFS, parts[-1])
    if beside is not None:
        return ContainerKind.KUBERNETES, beside[1][:_SHORT]
    inside = re.fullmatch(_IN_POD, parts[-1])
    if inside is None or not any(re.fullmatch(_PODS, part) for part in parts):
        return None
    return ContainerKind.KUBERNETES, inside[1][:_SHORT]


def _by_id(parts: Sequence[str]) -> _Found:
    for kind, pattern in (
        (ContainerKind.PODMAN, _PODMAN),
        (ContainerKind.DOCKER, _DOCKER),
        (ContainerKind.NERDCTL, _NERDCTL),
    ):
        found = re.fullmatch(pattern, parts[-1])
        if found is not None:
            return kind, found[1][:_SHORT]
    bare = re.fullmatch(_BARE, parts[-1])
    if bare is not None and parts[-2:-1] == ["docker"]:
        return ContainerKind.DOCKER, bare[1][:_SHORT]
    return None


def _lxc(parts: Sequence[str]) -> _Found:
    found = re.fullmatch(_LXC, parts[-1])
    if found is not None:
        return ContainerKind.LXC, _unescaped(found[1] or found[2])
    if parts[-2:-1] in (["lxc"], ["lxc.payload"]):
        return ContainerKind.LXC, parts[-1]
    return None


def _nspawn(parts: Sequence[str]) -> _Found:
    """Machines that are registered with systemd; virtual ones are programs of this machine."""
    found = re.fullmatch(_NSPAWN, parts[-1])
    if found is None or re.fullmatch(_VIRTUAL_MACHINE, parts[-1]):
        return None
    return ContainerKind.NSPAWN, _unescaped(found[1] or found[2])


_RECOGNISERS: tuple[Callable[[Sequence[str]], _Found], ...] = (_kubernetes, _by_id, _lxc, _nspawn)


def _unescaped(text: str) -> str:
    """The name that systemd-escape(1) has escaped."""
    return re.sub(_ESCAPE, lambda match: chr(int(match[1], 16)), text)
