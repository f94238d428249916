"""A broken policy file is a clear error, never a silent gap."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restartmanager.errors import ConfigurationError
from restartmanager.model import AppType, Required
from restartmanager.policy import parse_policy

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
