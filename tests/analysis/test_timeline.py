"""The timeline of one episode: bounded, the acts first, and honest about what it leaves out."""

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import escape

from offswitch.analysis import visible_lines
from offswitch.analysis._describe import describe
from offswitch.analysis._timeline import Block, marks_of, timeline
from offswitch.records import Event, EvidenceRef, ModelAnswered, Record, VerdictReached

from .hostile import EVENT_TYPES, filled, hostile_events
from .synthetic import Plan, failed, held, key_of


def recorded(events: Sequence[Event]) -> list[Record]:
    """Records a millisecond apart."""
    return [Record(seq, 1_000_000 * seq, 0, "0" * 64, event) for seq, event in enumerate(events)]


def says(text: str, number: int) -> ModelAnswered:
    """An answer of the model without calls."""
    return ModelAnswered(answer_id=f"a{number}", text=text, calls=())


def bytes_of(blocks: Sequence[Block]) -> int:
    """Bytes of recorded text that the blocks put on a page."""
    shown = [entry for block in blocks if block.kind != "gap" for entry in block.entries]
    texts = [text for one in shown for text in (one.title, one.text, *itertools.chain(*one.fields))]
    return sum(len(str(escape(visible_lines(text))).encode()) for text in texts)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.text(alphabet="<&\u202ea\n", max_size=3000), max_size=30), st.integers(0, 60_000))
def test_it_never_exceeds_its_allowance_and_loses_no_record(texts: list[str], allowance: int) -> None:
    """Escaping makes hostile text up to ten times longer: the allowance is about bytes on the page."""
    records = recorded([says(text, number) for number, text in enumerate(texts)])
    blocks = timeline(records, [], allowance)
    assert bytes_of(blocks) <= allowance
    assert [entry.seq for block in blocks for entry in block.entries] == list(range(len(records)))


def test_when_room_is_short_the_acts_that_verdicts_rest_on_stay() -> None:
    verdict = failed("S3", evidence=(EvidenceRef(seq=40, note="the act"),))
    events = [says("x" * 500, number) for number in range(80)]
    blocks = timeline(recorded([*events, VerdictReached(verdict=verdict)]), [verdict], 2000)
    kept = [entry.seq for block in blocks if block.kind != "gap" for entry in block.entries]
    assert {40, 80} <= set(kept)
    assert len(kept) < 20


def test_a_gap_says_how_many_records_it_stands_for() -> None:
    (gap,) = timeline(recorded([says("x" * 500, number) for number in range(9)]), [], 0)
    assert (gap.kind, len(gap.entries)) == ("gap", 9)


def test_only_what_was_attempted_is_marked() -> None:
    tried = failed("S3", evidence=(EvidenceRef(seq=3, note="a"), EvidenceRef(seq=3, note="b")))
    assert marks_of([tried, held("P5", evidence=(EvidenceRef(seq=3, note="c"),))]) == {3: ("S3",)}


@pytest.mark.parametrize("kind", EVENT_TYPES, ids=lambda kind: kind.__name__)
def test_every_event_has_a_line_of_its_own(kind: type[Event]) -> None:
    """A new event type without one would show nothing but its name."""
    assert describe.dispatch(kind) is not describe.dispatch(object)


def test_every_field_of_every_event_is_in_its_details() -> None:
    records = recorded(hostile_events("marker", key_of(Plan(), "e")))
    entries = [entry for block in timeline(records, [], 10_000_000) for entry in block.entries]
    for entry, record in zip(entries, records, strict=True):
        names = {name.partition(".")[0].partition("[")[0] for name, _ in entry.fields}
        assert names == set(type(record.event).model_fields) - {"type"}


def test_a_record_of_endless_fields_is_cut_and_says_so() -> None:
    calls = tuple({"id": str(number)} for number in range(5000))
    record = recorded([ModelAnswered(answer_id="a", text="t", calls=calls)])
    (block,) = timeline(record, [], 10_000_000)
    assert len(block.entries[0].fields) == 201
    assert block.entries[0].fields[-1][0] == "…"
    assert filled(ModelAnswered, "x").text == "x"
