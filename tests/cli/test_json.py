"""Documents: as published, ASCII only, and nothing is lost in them."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError

from cli.machinery import SCHEMAS, assert_valid, schema
from cli.samples import AFFECTED, HOSTILE, IGNORED, NGINX, OUTCOMES
from restartmanager.cli.output.json_documents import (
    affected_document,
    dumps,
    outcomes_document,
    text_from_json,
    text_to_json,
)
from restartmanager.errors import ShutdownError
from restartmanager.model import (
    Affected,
    AppType,
    How,
    RebootReason,
    Required,
    RestartBy,
    Result,
    Status,
    Step,
    words,
)
from restartmanager.model.journal import JournalStep

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()))


@pytest.mark.parametrize("path", sorted(SCHEMAS.iterdir()), ids=lambda path: path.name)
def test_the_schemas_are_schemas(path: Path) -> None:
    Draft202012Validator.check_schema(json.loads(path.read_text(encoding="ascii")))


def test_affected() -> None:
    document = json.loads(dumps(affected_document(AFFECTED)))
    assert_valid("affected", document)
    assert list(document) == [
        *("schema", "reboot_reasons", "required", "applications"),
        *("unexplained", "inspected", "not_inspectable", "ignored", "unresponsive"),
    ]
    nginx, _, login, stopped = document["applications"]
    assert nginx["service"] == "nginx.service"
    assert nginx["manager"] == "systemd"
    assert nginx["main_process"] == {
        "pid": 812,
        "start_time": round(NGINX.main_process.identity.start_time, 2) if NGINX.main_process else 0,
        "uid": 987654321,
        "exe": "/usr/sbin/nginx",
    }
    assert nginx["evidence"][0] == {
        "pid": 812,
        "path": "/usr/lib/libssl.so.3",
        "how": ["mapped"],
        "stale": True,
    }
    assert (nginx["status"], nginx["restart_by"], nginx["restartable"]) == (
        ["running"],
        "unit",
        True,
    )
    assert (login["reboot_reasons"], login["required"]) == (["critical-process"], "relogin")
    assert (nginx["reason"], login["reason"]) == ("", "it carries a login session")
    assert stopped["status"] == ["stopped"]
    assert (document["reboot_reasons"], document["required"]) == (["critical-process"], "relogin")


def test_nobody() -> None:
    assert_valid("affected", json.loads(dumps(affected_document(Affected()))))


def test_what_the_policy_leaves_out() -> None:
    document = json.loads(dumps(affected_document(Affected(ignored=IGNORED))))
    assert_valid("affected", document)
    assert document["ignored"] == [
        {"path": "/memfd:a", "reason": "memory with a name", "pids": [7, 8]},
        {"path": "/tmp/b\x1b", "reason": "a temporary file", "pids": [9]},
        {"path": "/memfd:c", "reason": "memory with a name", "pids": [1, 2, 3, 4, 5, 6]},
    ]


@pytest.mark.parametrize("missing", ["ignored", "inspected"])
def test_a_document_that_lacks_something_is_found_out(missing: str) -> None:
    document = affected_document(Affected())
    del document[missing]
    with pytest.raises(ValidationError):
        assert_valid("affected", document)


def test_an_application_that_lacks_its_reason_is_found_out() -> None:
    document = affected_document(AFFECTED)
    del document["applications"][0]["reason"]
    with pytest.raises(ValidationError):
        assert_valid("affected", document)


def test_outcomes() -> None:
    document = json.loads(dumps(outcomes_document("shutdown", OUTCOMES, ShutdownError(OUTCOMES))))
    assert_valid("outcomes", document)
    assert document["complete"] is False
    assert document["error"] == {
        "kind": "ShutdownError",
        "message": "Not everything could be shut down.",
    }
    assert [item["result"] for item in document["outcomes"]] == [
        *("done", "skipped", "failed", "done", "skipped")
    ]
    assert document["outcomes"][3]["process"]["pid"] == 4711


def test_a_document_that_is_not_as_published_is_found_out() -> None:
    with pytest.raises(ValidationError):
        assert_valid("affected", {**affected_document(Affected()), "more": 1})


def test_the_schema_knows_every_word() -> None:
    definitions = schema("affected")["$defs"]
    application = definitions["application"]["properties"]

    def known(*path: str) -> set[str]:
        node = application
        for step in path:
            node = node[step]
        return set(node["enum"])

    assert known("type") == set(AppType)
    assert known("restart_by") == set(RestartBy)
    assert known("status", "items") == set(words(Status(0xFF)))
    how = application["evidence"]["items"]["properties"]["how"]["items"]["enum"]
    assert set(how) == set(How)
    assert set(definitions["required"]["enum"]) == set(Required)
    reasons = definitions["reboot_reasons"]["items"]["enum"]
    assert set(reasons) == set(words(RebootReason(0x1F)))
    outcome = schema("outcomes")["properties"]["outcomes"]["items"]["properties"]
    assert (set(outcome["step"]["enum"]), set(outcome["result"]["enum"])) == (
        set(Step),
        set(Result),
    )


def test_hostile_text() -> None:
    text = dumps(affected_document(Affected((HOSTILE,))))
    assert text.isascii()
    assert not [c for c in text if not c.isprintable() and c != "\n"]
    (application,) = json.loads(text)["applications"]
    assert text_from_json(application["name"]) == HOSTILE.name
    assert application["name"] == "a\x1b[31mb\nc\ufffdff\u202e"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("/usr/lib/é\\x2d", "/usr/lib/é\\x2d"),
        ("a\udcffb", "a\ufffdffb"),
        ("\ufffdff", "\ufffd\ufffdff"),
        ("\ud800", "\ufffdud800"),
    ],
)
def test_what_json_cannot_hold(text: str, written: str) -> None:
    assert text_to_json(text) == written
    assert text_from_json(written) == text


@given(ANY_TEXT)
def test_every_text_can_be_read_back(text: str) -> None:
    written = text_to_json(text)
    assert written.encode("utf-8").decode("utf-8") == written
    assert text_from_json(written) == text
    assert text_from_json(json.loads(dumps({"text": text}))["text"]) == text


def test_every_step_of_a_journal_is_in_the_schema() -> None:
    entry = schema("session")["properties"]["journal"]["items"]
    assert set(entry["properties"]["step"]["enum"]) == set(JournalStep)
