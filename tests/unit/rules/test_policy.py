"""A broken policy file is a clear error, never a silent gap; drop-ins win over the package."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restartmanager.adapters.policy_files import load_policy, parse_policy
from restartmanager.errors import ConfigurationError
from restartmanager.model import AppType, Required, Treatment

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """
folders = ["/usr"]
[[critical]]
executables = ["a", "b"]
required = "reboot"
reason = "because"
"""


def test_reads_rules_with_their_reasons() -> None:
    (rule,) = parse_policy(GOOD, "x").rules
    assert rule.type is AppType.CRITICAL
    assert rule.executables == {"a", "b"}
    assert rule.required is Required.REBOOT
    assert rule.reason == "because"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("folders = []\nx = = 1", "line 2"),
        ("x = 1", "'x' is not a known section"),
        ('[critical]\nreason = "r"', "write [[critical]]"),
        ('[[critical]]\nreason = "r"\nname = "x"', "'name' is not a known key"),
        ('[[critical]]\nexecutables = ["a"]', "critical rule 1: a reason is missing"),
        ('[[shell]]\nreason = "r"\nrequired = "later"', "shell rule 1: required"),
        ('[[critical]]\nreason = "r"\nexecutables = "a"', "not a list of non-empty strings"),
        ('folders = "/usr"', "folders"),
        ("x = " + "9" * 5000, "limit"),
        ('[[service]]\nnames = ["a"]\nreason = "r"\ntreatment = "soon"', "treatment"),
        ('[[critical]]\nreason = "r"\ncarries = 1', "carries is true or false"),
        ('[[service]]\nname = "a"\nreason = "r"', "'name' is not a known key"),
        ('[[together]]\nservices = [1]\nreason = "r"', "not a list of non-empty strings"),
    ],
)
def test_names_file_place_and_reason(text: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_policy(text, "/etc/restartmanager/policy.toml")
    assert "/etc/restartmanager/policy.toml" in caught.value.message
    assert says in caught.value.message


@given(st.text())
def test_any_text_is_a_policy_or_a_clear_error(text: str) -> None:
    try:
        parse_policy(text, "x")
    except ConfigurationError as error:
        assert error.reason  # noqa: PT017 - either way is right


# -- services ----------------------------------------------------------------------------------

SERVICES = """
[[service]]
names = ["db@*.service"]
reason = "by hand"
required = "restart"
[[service]]
names = ["web.service"]
treatment = "reload"
reason = "it runs the new program then"
[[together]]
services = ["web.service", "cache.service"]
reason = "they share a socket"
"""


def test_a_service_is_known_by_any_of_its_names() -> None:
    policy = parse_policy(SERVICES, "x")
    rule = policy.service_rule(["dbus-org.db.service", "db@main.service"])
    assert rule is not None
    assert (rule.treatment, rule.required) == (Treatment.NEVER, Required.RESTART)
    assert policy.service_rule(["db.service"]) is None


def test_companions_are_found_from_either_side() -> None:
    policy = parse_policy(SERVICES, "x")
    assert policy.together_with(["cache.service"]) == {"web.service", "cache.service"}
    assert policy.together_with(["other.service"]) == frozenset()


# -- drop-ins ----------------------------------------------------------------------------------

MINE = frozenset({os.geteuid()})


@pytest.fixture
def shipped(tmp_path: Path) -> str:
    path = tmp_path / "policy.toml"
    path.write_text(GOOD + SERVICES)
    return str(path)


def drop_in(folder: Path, name: str, text: str) -> str:
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    (folder / name).write_text(text)
    (folder / name).chmod(0o644)
    return str(folder)


def treatment(shipped: str, *folders: str) -> Treatment:
    rule = load_policy(shipped, folders, trusted_uids=MINE).service_rule(["web.service"])
    assert rule is not None
    return rule.treatment


def rule(word: str) -> str:
    return f'[[service]]\nnames = ["web.service"]\ntreatment = "{word}"\nreason = "r"'


def test_a_drop_in_wins_over_the_package(shipped: str, tmp_path: Path) -> None:
    folder = drop_in(tmp_path / "etc", "50-web.toml", rule("restart"))
    assert treatment(shipped) is Treatment.RELOAD
    assert treatment(shipped, folder, str(tmp_path / "absent")) is Treatment.RESTART


def test_the_last_name_wins_whatever_its_folder(shipped: str, tmp_path: Path) -> None:
    early = drop_in(tmp_path / "usr", "90-web.toml", rule("never"))
    late = drop_in(tmp_path / "etc", "10-web.toml", rule("restart"))
    assert treatment(shipped, early, late) is Treatment.NEVER


def test_a_file_takes_the_place_of_one_with_its_name(shipped: str, tmp_path: Path) -> None:
    early = drop_in(tmp_path / "usr", "web.toml", rule("never"))
    late = drop_in(tmp_path / "etc", "web.toml", "")
    assert treatment(shipped, early, late) is Treatment.RELOAD


def test_a_protection_can_be_lifted(shipped: str, tmp_path: Path) -> None:
    text = '[[ordinary]]\nexecutables = ["a"]\nreason = "r"'
    folder = drop_in(tmp_path / "etc", "a.toml", text)
    policy = load_policy(shipped, [folder], trusted_uids=MINE)
    assert policy.rule_for("/usr/bin/a") is None
    assert policy.rule_for("/usr/bin/b") is not None


@pytest.mark.parametrize("spoilt", ["file", "folder", "owner"])
def test_a_file_that_others_could_write_is_refused(
    shipped: str, tmp_path: Path, spoilt: str
) -> None:
    folder = drop_in(tmp_path / "etc", "web.toml", rule("restart"))
    if spoilt == "file":
        (tmp_path / "etc" / "web.toml").chmod(0o664)
    if spoilt == "folder":
        (tmp_path / "etc").chmod(0o777)
    uids = frozenset({os.geteuid() + 1}) if spoilt == "owner" else MINE
    with pytest.raises(ConfigurationError, match=r"web\.toml.*others can write it"):
        load_policy(shipped, [folder], trusted_uids=uids)


@pytest.mark.root
def test_a_file_below_a_folder_that_others_could_write_is_refused(
    shipped: str, tmp_path: Path
) -> None:
    folder = drop_in(tmp_path / "etc", "web.toml", rule("restart"))
    os.chown(tmp_path, 0, 65050)
    tmp_path.chmod(0o770)
    with pytest.raises(ConfigurationError, match=r"web\.toml.*group 65050 can change"):
        load_policy(shipped, [folder], trusted_uids=MINE)


def test_what_is_no_regular_file_or_too_large_is_refused(shipped: str, tmp_path: Path) -> None:
    folder = drop_in(tmp_path / "etc", "x.toml", "#" * (1024 * 1024 + 1))
    with pytest.raises(ConfigurationError, match="larger than"):
        load_policy(shipped, [folder], trusted_uids=MINE)
    (tmp_path / "etc" / "x.toml").unlink()
    os.mkfifo(tmp_path / "etc" / "x.toml")
    with pytest.raises(ConfigurationError, match="no regular file"):
        load_policy(shipped, [folder], trusted_uids=MINE)
