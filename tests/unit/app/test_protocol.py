from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restartmanager.app.protocol import (
    LINE_LIMIT,
    REASON_LIMIT,
    LineReader,
    Reply,
    ReplyKind,
    Request,
    RequestKind,
    socket_folders,
    socket_name,
    socket_owner,
)
from restartmanager.model.answers import EndReason
from restartmanager.model.identity import UniqueProcess

REQUESTS = [
    *(Request(RequestKind.QUERY, reason) for reason in EndReason),
    *(Request(RequestKind.END, reason) for reason in EndReason),
    Request(RequestKind.CANCELLED),
]


@pytest.mark.parametrize("request_", REQUESTS, ids=str)
def test_what_is_sent_is_understood(request_: Request) -> None:
    line = request_.line()
    assert line.endswith(b"\n")
    assert Request.parse(line[:-1]) == request_


def test_the_lines_are_those_of_the_specification() -> None:
    assert [request.line() for request in REQUESTS] == [
        b"restartmanager 1 query update\n",
        b"restartmanager 1 query forced\n",
        b"restartmanager 1 query session-end\n",
        b"restartmanager 1 end update\n",
        b"restartmanager 1 end forced\n",
        b"restartmanager 1 end session-end\n",
        b"restartmanager 1 cancelled\n",
    ]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"query update",
        b"restartmanager 1",
        b"restartmanager 2 query update",
        b"restartmanager 1 query",
        b"restartmanager 1 query later",
        b"restartmanager 1 query update now",
        b"restartmanager 1 cancelled update",
        b"restartmanager  1 query update",
        b"RESTARTMANAGER 1 QUERY UPDATE",
    ],
)
def test_what_is_no_request(line: bytes) -> None:
    assert Request.parse(line) is None


@given(st.sampled_from(ReplyKind), st.text())
def test_a_reply_is_one_short_line(kind: ReplyKind, reason: str) -> None:
    line = Reply(kind, reason if kind is ReplyKind.NO else "").line()
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert len(line) <= LINE_LIMIT
    found = Reply.parse(line[:-1])
    assert found is not None
    assert found.kind is kind
    assert len(found.reason) <= REASON_LIMIT


def test_a_reason_keeps_its_words() -> None:
    assert Reply(ReplyKind.NO, " a\n call \t is on ").line() == b"no a call is on\n"
    assert Reply.parse(b"no a call is on") == Reply(ReplyKind.NO, "a call is on")
    assert Reply.parse(b"no") == Reply(ReplyKind.NO)


@pytest.mark.parametrize("line", [b"", b"YES", b"yes please", b"perhaps", b"\xff", b" yes"])
def test_what_is_no_reply(line: bytes) -> None:
    assert Reply.parse(line) is None


@given(st.binary(max_size=2000))
def test_any_bytes_are_a_message_or_none(data: bytes) -> None:
    assert Request.parse(data) is None or data.startswith(b"restartmanager 1 ")
    found = Reply.parse(data)
    assert found is None or len(found.reason) <= REASON_LIMIT


@given(st.lists(st.binary(max_size=40).filter(lambda line: b"\n" not in line)), st.data())
def test_lines_come_whole_however_they_are_cut(lines: list[bytes], data: st.DataObject) -> None:
    rest = b"".join(line + b"\n" for line in lines)
    reader, found = LineReader(), []
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        found += reader.feed(rest[:size])
        rest = rest[size:]
    assert found == lines
    assert not reader.overflowed


def test_a_line_may_be_as_long_as_the_limit_and_no_longer() -> None:
    reader = LineReader()
    assert reader.feed(b"x" * (LINE_LIMIT - 1)) == []
    assert reader.feed(b"\n") == [b"x" * (LINE_LIMIT - 1)]
    assert reader.feed(b"x" * LINE_LIMIT) == []
    assert reader.overflowed
    assert reader.feed(b"\nyes\n") == []


@given(st.integers(1, 2**22), st.integers(0, 2**63))
def test_a_socket_is_called_after_its_process(pid: int, ticks: int) -> None:
    assert socket_owner(socket_name(UniqueProcess(pid, ticks, "boot"))) == (pid, ticks)


@pytest.mark.parametrize(
    "name", ["", "1", "1-", "-1", "1-2-3", "a-1", "1-²", "kernel-facts.json", "1-" + "1" * 21]
)
def test_other_names_belong_to_no_process(name: str) -> None:
    assert socket_owner(name) is None


def test_where_sockets_can_be() -> None:
    assert socket_folders(1000) == (
        ("/run/user", ("1000", "restartmanager")),
        ("/tmp", ("restartmanager-1000",)),
    )
    assert socket_folders(0, "/own") == (
        ("/own", ("restartmanager",)),
        ("/run/user", ("0", "restartmanager")),
        ("/run", ("restartmanager",)),
    )
    assert socket_folders(0, "relative") == socket_folders(0)
