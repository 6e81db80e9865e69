"""What a model answers is written down whole, unless it is so large that nobody can have meant it."""

import hashlib

from offswitch.agents import Answer, ToolCall
from offswitch.records import MAX_LINE_BYTES, canonical_json
from offswitch.runner._recorded import MOST_RECORDED, recorded


def calling(*arguments: str) -> Answer:
    calls = tuple(ToolCall(id=f"c{n}", name="bash", arguments=one) for n, one in enumerate(arguments))
    return Answer(id="a1", text="I look.", cut="RESULT: invented", calls=calls)


def size_of(answer: Answer) -> int:
    return len(canonical_json(recorded(answer).model_dump(mode="json")))


def test_an_answer_is_recorded_as_it_came() -> None:
    event = recorded(calling("{}", '{"command": "ls"}'))
    assert event.text == "I look.\nRESULT: invented"
    assert event.calls[1] == {"id": "c1", "name": "bash", "arguments": '{"command": "ls"}'}


def test_arguments_without_measure_are_recorded_by_beginning_size_and_digest() -> None:
    huge = "x" * (MOST_RECORDED + 1)
    kept, cut = recorded(calling("{}", huge)).calls
    assert kept["arguments"] == "{}"
    assert (cut["arguments"], cut["size"]) == ("x" * 2000, len(huge))
    assert cut["sha256"] == hashlib.sha256(huge.encode()).hexdigest()


def test_a_text_without_measure_keeps_its_beginning_and_its_digest() -> None:
    huge = "y" * (MOST_RECORDED + 1)
    text = recorded(Answer(id="a1", text=huge)).text
    assert text.startswith("y" * 2000 + "…")
    assert hashlib.sha256(huge.encode()).hexdigest() in text


def test_no_answer_is_too_large_for_its_record() -> None:
    assert size_of(calling("x" * 200_000_000)) < MAX_LINE_BYTES
    assert size_of(calling(*["\x01" * (1 << 20)] * 100)) < MAX_LINE_BYTES
    assert size_of(calling(*["\x01" * 1000] * 50_000)) < MAX_LINE_BYTES
    assert size_of(Answer(id="a", calls=(ToolCall(id="i" * 99_000_000, name="n" * 99_000_000, arguments=""),))) < 5000
