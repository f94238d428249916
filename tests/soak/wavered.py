"""Tests that have wavered. Each was a race, of the product or of the test, and has been mended."""

from __future__ import annotations

_SERVICES = "tests/sandboxed/test_services.py::"
_ANSWERS = "tests/scenarios/test_answers.py::"
_RECIPES = "tests/integration/adapters/processes/test_recipes.py::"
_UNEXPLAINED = "tests/integration/adapters/scan/test_unexplained.py::"
_MUTATIONS = "tests/mutations/test_mutations.py::"

WAVERED = (
    _SERVICES + "test_a_socket_whose_service_runs_is_put_back_all_the_same[at-once]",
    _ANSWERS + "test_what_a_peer_finds_is_understood[checkrestart]",
    _RECIPES + "test_a_process_that_hides_its_arguments_is_called_by_its_program",
    _UNEXPLAINED + "test_the_process_is_named_or_the_reason_is_given[btrfs-program]",
    _UNEXPLAINED + "test_the_process_is_named_or_the_reason_is_given[xfs-program]",
    _MUTATIONS + "test_without_the_rule_its_test_fails[10-hostile_bytes_are_none]",
)
