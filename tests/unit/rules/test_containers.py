"""Control groups as the container managers make them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restartmanager.rules.containers import Container, ContainerKind, container_of

ID = "3f4a" * 16
SHORT = ID[:12]
POD = "kubepods-burstable-pod0d3c7a1e_9f2b_4a77_8f0e_2b1c3d4e5f60.slice"


@pytest.mark.parametrize(
    ("cgroup", "kind", "name"),
    [
        (f"/system.slice/docker-{ID}.scope", "docker", SHORT),
        (f"/docker/{ID}", "docker", SHORT),
        (f"/docker/{ID}/init.scope", "docker", SHORT),
        (f"/../../system.slice/docker-{ID}.scope", "docker", SHORT),
        (f"/machine.slice/libpod-{ID}.scope", "podman", SHORT),
        (f"/machine.slice/libpod-{ID}.scope/container", "podman", SHORT),
        (f"/libpod_parent/libpod-{ID}", "podman", SHORT),
        (f"/system.slice/nerdctl-{ID}.scope", "nerdctl", SHORT),
        (
            f"/kubepods.slice/kubepods-burstable.slice/{POD}/cri-containerd-{ID}.scope",
            "kubernetes",
            SHORT,
        ),
        (f"/kubepods.slice/kubepods-besteffort.slice/{POD}/crio-{ID}.scope", "kubernetes", SHORT),
        (f"/kubepods.slice/{POD}/docker-{ID}.scope", "kubernetes", SHORT),
        (f"/kubepods/burstable/pod0d3c7a1e-9f2b/{ID}", "kubernetes", SHORT),
        (f"/system.slice/containerd.service/{POD}:cri-containerd:{ID}", "kubernetes", SHORT),
        (
            "/machine.slice/systemd-nspawn@web.service/payload/system.slice/x.service",
            "nspawn",
            "web",
        ),
        (r"/machine.slice/machine-my\x2dweb.scope/payload/init.scope", "nspawn", "my-web"),
        ("/lxc.payload.web/system.slice/nginx.service", "lxc", "web"),
        ("/lxc.payload/web", "lxc", "web"),
        ("/lxc/web/init.scope", "lxc", "web"),
        (r"/machine.slice/machine-lxc\x2d4711\x2dweb.scope", "lxc", "web"),
    ],
)
def test_containers_by_their_control_groups(cgroup: str, kind: str, name: str) -> None:
    assert container_of(cgroup) == Container(ContainerKind(kind), name)


@pytest.mark.parametrize(
    "cgroup",
    [
        None,
        "",
        "/",
        "/init.scope",
        "/system.slice/docker.service",
        "/system.slice/containerd.service",
        f"/system.slice/docker-{ID[:63]}.scope",
        f"/system.slice/docker-{ID}.service",
        f"/machine.slice/libpod-conmon-{ID}.scope",
        f"/kubepods.slice/{POD}/crio-conmon-{ID}.scope",
        "/lxc.monitor.web",
        "/kubepods.slice",
        r"/machine.slice/machine-qemu\x2d1\x2dwindows.scope/libvirt/emulator",
        f"/user.slice/{ID}",
        "/user.slice/user-1000.slice/user@1000.service/app.slice/app-flatpak-org.x.Y-1.scope",
        "/system.slice/system-lxc.slice/lxc.service",
    ],
)
def test_other_control_groups_are_no_containers(cgroup: str | None) -> None:
    assert container_of(cgroup) is None


def test_a_users_container_is_known_as_such() -> None:
    above = "/user.slice/user-1000.slice/user@1000.service/user.slice"
    found = container_of(f"{above}/libpod-{ID}.scope/container")
    assert found == Container(ContainerKind.PODMAN, SHORT, uid=1000)
    assert found.advice == f"restart the container (as user 1000): podman restart {SHORT}"


def test_a_container_within_a_service_is_restarted_with_it() -> None:
    found = container_of(f"/system.slice/web.service/libpod-payload-{ID}")
    assert found == Container(ContainerKind.PODMAN, SHORT, service="web.service")
    assert found.advice == "restart its service: systemctl restart web.service"
    own = "/user.slice/user-1000.slice/user@1000.service/app.slice"
    found = container_of(f"{own}/web@1.service/libpod-payload-{ID}")
    assert found is not None
    assert found.advice == (
        "restart its service (as user 1000): systemctl --user restart web@1.service"
    )


def test_in_the_container_itself_nothing_is_one() -> None:
    """Where the control groups are not hidden, all processes there have the same name in them."""
    own = f"/docker/{ID}"
    assert container_of(f"{own}/nginx.service", own_cgroup=own) is None
    assert container_of(f"/docker/{'ab' * 32}", own_cgroup=own) is not None


def test_a_pid_namespace_without_a_known_name() -> None:
    found = container_of("/user.slice/x.scope", same_pid_namespace=False)
    assert found == Container(ContainerKind.UNKNOWN)
    assert found.advice == "restart the container, or the program that made it"


@pytest.mark.parametrize("kind", [kind for kind in ContainerKind if kind != "unknown"])
def test_the_advice_names_the_container(kind: ContainerKind) -> None:
    assert "web" in Container(kind, "web").advice
    assert ": " in Container(kind, "web").advice


@pytest.mark.parametrize("name", ["a b", "$(reboot)", "-rf", "a;b", "a\nb", "", "x" * 300])
def test_a_hostile_name_is_in_no_command(name: str) -> None:
    for kind in ContainerKind:
        assert Container(kind, name).advice == "restart the container, or the program that made it"
    advice = Container(ContainerKind.DOCKER, "web", service=f"{name}.service").advice
    assert advice == "restart the container: docker restart web" or name == "x" * 300 or not name


@given(st.text())
def test_any_text_is_a_container_or_none(text: str) -> None:
    for cgroup in (text, f"/lxc/{text}", f"/machine.slice/machine-{text}.scope"):
        found = container_of(cgroup)
        assert found is None or isinstance(found.advice, str)
