"""What the store writes down comes back as it was, and what it would not write is refused."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restartmanager.adapters.store import codec
from restartmanager.adapters.store.strict import UnreadableError
from restartmanager.model import (
    Application,
    AppType,
    Evidence,
    Filter,
    FilterAction,
    FilterTrigger,
    How,
    Process,
    RebootReason,
    Recipe,
    Required,
    RestartBy,
    Service,
    Status,
)
from restartmanager.model.identity import UniqueProcess
from restartmanager.model.journal import JournalEntry, JournalStep
from restartmanager.testing.samples import APPLICATION, ENTRY, RECIPE

texts = st.binary(max_size=30).map(os.fsdecode) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=10
)
numbers = st.integers(min_value=0, max_value=2**64)
signed = st.integers(min_value=-(2**63), max_value=2**63)
identities = st.builds(UniqueProcess, numbers, numbers, st.text("0123456789abcdef:", max_size=32))
text_tuples = st.lists(texts, max_size=3).map(tuple)
processes = st.builds(
    Process,
    identity=identities,
    parent_pid=numbers,
    name=texts,
    executable=st.none() | texts,
    arguments=text_tuples,
    uid=numbers,
    process_group=numbers,
    session=numbers,
    terminal=st.booleans(),
    cgroup=st.none() | texts,
    same_pid_namespace=st.booleans(),
    kernel_thread=st.booleans(),
)
evidence = st.builds(
    Evidence,
    pid=numbers,
    path=texts,
    how=st.lists(st.sampled_from(How), max_size=3).map(tuple),
    stale=st.booleans(),
)
applications = st.builds(
    Application,
    name=texts,
    type=st.sampled_from(AppType),
    main_process=st.none() | processes,
    processes=st.lists(processes, max_size=2).map(tuple),
    service=st.none() | st.builds(Service, texts, texts, texts),
    evidence=st.lists(evidence, max_size=2).map(tuple),
    status=st.integers(0, 0xFF).map(Status),
    restart_by=st.sampled_from(RestartBy),
    reboot_reasons=st.integers(0, 0x1F).map(RebootReason),
    required=st.sampled_from(Required),
    reason=texts,
    restart_obstacle=texts,
)
recipes = st.builds(
    Recipe,
    executable=texts,
    arguments=text_tuples,
    directory=texts,
    environment=st.lists(st.tuples(texts, texts), max_size=3).map(tuple),
    uid=numbers,
    gid=numbers,
    groups=st.lists(numbers, max_size=3).map(tuple),
    umask=numbers,
    nice=signed,
    limits=st.lists(st.tuples(numbers, signed, signed), max_size=3).map(tuple),
)
entries = st.builds(
    JournalEntry,
    sequence=signed,
    application=applications,
    step=st.sampled_from(JournalStep),
    at=st.floats(allow_nan=False),
    recipe=st.none() | recipes,
    started_as=st.none() | identities,
    message=texts,
)
filters = st.builds(
    Filter,
    target=texts | identities,
    trigger=st.sampled_from(FilterTrigger),
    action=st.sampled_from(FilterAction),
)


def encoded(application: Application) -> str:
    """An application as the journal has it."""
    entry = json.loads(codec.encode_entry(replace(ENTRY, application=application)))
    return json.dumps(entry["application"])


def decoded(text: str) -> Application:
    """The application of a journal entry that has this one."""
    entry = json.loads(codec.encode_entry(ENTRY)) | {"application": json.loads(text)}
    return codec.decode_entry(1, json.dumps(entry), None).application


@given(applications)
def test_an_application_comes_back_as_it_was(application: Application) -> None:
    text = encoded(application)
    assert text.isascii()
    assert decoded(text) == application


@given(recipes)
def test_a_recipe_comes_back_as_it_was(recipe: Recipe) -> None:
    assert codec.decode_recipe(codec.encode_recipe(recipe)) == recipe


@given(entries)
def test_an_entry_comes_back_as_it_was(entry: JournalEntry) -> None:
    recipe = None if entry.recipe is None else codec.encode_recipe(entry.recipe)
    assert codec.decode_entry(entry.sequence, codec.encode_entry(entry), recipe) == entry


@given(identities)
def test_a_process_comes_back_as_it_was(identity: UniqueProcess) -> None:
    assert codec.decode_process(codec.encode_process(identity)) == identity


@given(filters)
def test_a_filter_comes_back_as_it_was(item: Filter) -> None:
    target = codec.encode_target(item.target)
    assert codec.decode_filter(int(item.trigger), target, int(item.action)) == item


@given(st.text(max_size=50) | st.none() | st.integers() | st.binary(max_size=20))
def test_what_is_not_ours_is_refused(text: object) -> None:
    for decode in (codec.decode_recipe, codec.decode_process):
        with pytest.raises(UnreadableError):
            decode(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=5), values),
    max_leaves=5,
)


@given(st.sampled_from(sorted(json.loads(encoded(APPLICATION)))), json_values)
def test_a_foreign_value_in_an_application_is_refused_or_understood(
    field: str, value: object
) -> None:
    raw = json.loads(encoded(APPLICATION))
    raw[field] = value
    try:
        application = decoded(json.dumps(raw))
    except UnreadableError:
        return
    assert json.loads(encoded(application)) == raw


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("type", "hologram"),
        ("status", 0x100),
        ("status", -1),
        ("status", True),
        ("reboot_reasons", 0x20),
        ("restart_by", "magic"),
        ("required", "a new machine"),
        ("evidence", [[1, "/a", ["borrowed"], False]]),
        ("name", None),
        ("processes", "none"),
    ],
)
def test_words_of_a_newer_version_are_refused(field: str, value: object) -> None:
    raw = json.loads(encoded(APPLICATION))
    raw[field] = value
    with pytest.raises(UnreadableError):
        decoded(json.dumps(raw))


def test_an_unknown_step_is_refused() -> None:
    text = codec.encode_entry(ENTRY).replace('"stop-intended"', '"half-stopped"')
    with pytest.raises(UnreadableError):
        codec.decode_entry(1, text, None)


def test_a_refusal_does_not_tell_the_secret() -> None:
    text = codec.encode_recipe(RECIPE).replace('"umask":18', '"umask":"18"')
    with pytest.raises(UnreadableError) as caught:
        codec.decode_recipe(text)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
