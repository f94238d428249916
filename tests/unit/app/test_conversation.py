"""The application's half of a conversation, word by word."""

from __future__ import annotations

import pytest

from restartmanager.app.conversation import Conversation, Handlers, SharedState, run
from restartmanager.app.protocol import Request, RequestKind

QUERY = Request(RequestKind.QUERY).line()
GO_ON = Request(RequestKind.CANCELLED).line()


@pytest.mark.parametrize("last", [GO_ON, b""], ids=["the word", "the end of the connection"])
def test_who_agreed_is_told_once_to_go_on(last: bytes) -> None:
    told: list[str] = []
    handlers = Handlers(cancelled=lambda: told.append("cancelled"))
    conversation = Conversation(SharedState(handlers))
    assert run(conversation.hear(QUERY)) == b"yes\n"
    assert run(conversation.hear(last)) == b""
    assert conversation.over
    assert run(conversation.hear(b"")) == b""
    assert told == ["cancelled"]


def test_who_did_not_agree_is_not_told_to_go_on() -> None:
    told: list[str] = []
    handlers = Handlers(lambda _: "not now", cancelled=lambda: told.append("cancelled"))
    conversation = Conversation(SharedState(handlers))
    assert run(conversation.hear(QUERY)) == b"no not now\n"
    assert run(conversation.hear(GO_ON)) == b""
    assert told == []
