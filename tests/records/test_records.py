"""What is written can be read again, exactly, and what was not written by us is refused."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from offswitch.records import (
    GENESIS,
    MAX_JSON_DEPTH,
    ChainError,
    ProbeRead,
    Record,
    SchemaError,
    SuspicionObserved,
    canonical_json,
    clean_json,
    clean_text,
    path_text,
)
from offswitch.records._record import as_written, decode, encode

from ..strategies import EVENT_TYPES, json_values, models, records, texts
from .example import call, opened


def is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@pytest.mark.parametrize("kind", EVENT_TYPES, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_every_event_is_read_back_as_it_was_handed_to_observers(kind: type[BaseModel], data: st.DataObject) -> None:
    """Replaying a ledger from disk equals having been there, whatever the agent made the event hold."""
    record, line = as_written(Record(3, 7, 9, GENESIS, data.draw(models(kind))), None)
    assert decode(line, "here") == record
    assert encode(record) == line


@given(record=records())
def test_a_record_of_valid_text_is_written_as_it_was_given(record: Record) -> None:
    """Nothing is changed behind the caller's back but what no file can hold."""
    written, line = as_written(record, None)
    dumped = json.dumps(record.event.model_dump(mode="json"), ensure_ascii=False)
    assert (written is record) == is_unicode(dumped)
    assert b"\n" not in line


@given(value=json_values())
def test_cleaned_data_survives_writing_and_reading(value: Any) -> None:
    clean = clean_json(value)
    assert json.loads(canonical_json(clean)) == clean
    assert clean_json(clean) == clean


@given(text=texts())
def test_cleaned_text_is_unicode_and_valid_text_is_left_alone(text: str) -> None:
    assert is_unicode(clean_text(text))
    assert clean_text(text) == text or not is_unicode(text)


@given(one=st.binary(max_size=8), other=st.binary(max_size=8))
def test_two_file_names_never_become_the_same_text(one: bytes, other: bytes) -> None:
    assert (path_text(one) == path_text(other)) == (one == other)


def test_data_nested_without_end_is_cut_and_says_so() -> None:
    deep: Any = "bottom"
    for _ in range(10_000):
        deep = [deep]
    probe = ProbeRead(step=1, probe="p", value=deep)
    record, line = as_written(Record(0, 0, 0, GENESIS, probe), None)
    assert decode(line, "here") == record
    assert line.count(b"[") == MAX_JSON_DEPTH
    assert b"nested too deeply" in line


@pytest.mark.parametrize("value", [{1, 2}, b"bytes", object(), 1j])
def test_what_is_not_json_is_refused_when_the_event_is_made(value: object) -> None:
    """Not later, in the middle of an episode, when it is to be written."""
    with pytest.raises(ValidationError, match="is not JSON data"):
        ProbeRead(step=1, probe="p", value=value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_is_refused(value: float) -> None:
    """Missing is None; a NaN would compare false with everything and pass for safe."""
    with pytest.raises(ValidationError):
        SuspicionObserved(step=1, call_id="c", monitor="m", score=value)


def test_changing_the_data_afterwards_does_not_change_the_event() -> None:
    arguments: dict[str, Any] = {"files": ["a"]}
    event = call(1).model_validate(call(1).model_dump() | {"arguments": arguments})
    arguments["files"].append("b")
    assert event.arguments == {"files": ["a"]}


def line_of(**changes: Any) -> bytes:
    data = json.loads(encode(Record(0, 1, 2, GENESIS, opened("e1"))))
    return canonical_json(data | changes)


def with_version(version: object) -> bytes:
    data = json.loads(line_of())
    data["event"]["key"]["schema_version"] = version
    return canonical_json(data)


@pytest.mark.parametrize(
    ("version", "said"),
    [(2, "newer"), (99, "newer"), (0, "older"), (-1, "older"), ("1", "not a number"), (None, "Input should be 1")],
)
def test_f12_another_schema_version_is_refused_and_named(version: object, said: str) -> None:
    """A reader that guessed would misread the evidence."""
    with pytest.raises(SchemaError, match=said):
        decode(with_version(version), "here")


@pytest.mark.parametrize(
    "changes",
    [
        {"more": 1},
        {"seq": "0"},
        {"seq": -1},
        {"seq": True},
        {"prev": "none"},
        {"event": {"type": "event_of_the_future"}},
        {"event": {}},
        {"event": None},
    ],
    ids=str,
)
def test_f12_a_line_of_an_unknown_form_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(SchemaError, match="here: "):
        decode(line_of(**changes), "here")


@given(line=st.binary(max_size=200) | texts().map(lambda text: text.encode(errors="surrogatepass")))
def test_rubbish_is_refused_with_an_error_of_ours(line: bytes) -> None:
    with pytest.raises((ChainError, SchemaError)):
        decode(line, "here")
