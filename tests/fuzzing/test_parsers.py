"""No input makes a parser raise what it does not document; ``make fuzz`` tries a million more."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzzing.campaign import feed
from fuzzing.parsers import PARSERS, Parser
from support.paths import TESTS

NAMES = [parser.name for parser in PARSERS]


@pytest.mark.parametrize("parser", PARSERS, ids=NAMES)
def test_nearly_right_inputs_are_taken_or_refused(parser: Parser) -> None:
    result = feed(parser, 1500)
    assert result.failures == []
    assert result.taken, "nothing gets beyond the first check"


@pytest.mark.parametrize("parser", PARSERS, ids=NAMES)
def test_the_seeds_are_right(parser: Parser) -> None:
    assert all(parser.survives(seed) for seed in parser.seeds)


@given(st.binary(max_size=300), st.sampled_from(PARSERS))
def test_any_bytes_are_taken_or_refused(data: bytes, parser: Parser) -> None:
    parser.survives(data)


def test_a_parser_that_stumbles_is_found() -> None:
    def careless(data: bytes) -> object:
        return int(data.split(b" ")[1])

    result = feed(Parser("careless", careless, (b"1 2 3",), (ValueError,)), 1000)
    assert "IndexError" in result.failures[0]


def test_the_campaign_feeds_every_parser() -> None:
    command = [sys.executable, "-m", "fuzzing", "--inputs", str(len(PARSERS)), "--number", "1"]
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"{len(PARSERS)} inputs to {len(PARSERS)} parsers, 0 uncaught" in done.stdout
