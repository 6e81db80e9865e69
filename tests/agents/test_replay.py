"""A recording gives the same answers without the model, and only to the same requests."""

import json
import resource
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from offswitch.agents import (
    Agent,
    Answer,
    Message,
    ModelFailure,
    RecordingAgent,
    ReplayAgent,
    ReplayError,
    ToolSpec,
)
from offswitch.records import StorageError

from .conftest import HISTORY, TOOLS, OpenAgent
from .wire import Wire, answer, call, status

Change = Callable[[list[Message]], list[Message]]


def episode(agent: Agent, turns: int = 3, change: Change = lambda history: history) -> list[Answer | ModelFailure]:
    """Play turns whose history grows; from the third request on it is changed."""
    history, outcomes = list(HISTORY), list[Answer | ModelFailure]()
    for turn in range(turns):
        try:
            reply = agent.act(change(history) if turn == 2 else history, TOOLS)
        except ModelFailure as failure:
            outcomes.append(failure)
            continue
        outcomes.append(reply)
        history.append(reply.message())
        history += [Message(role="tool", text=f"result {turn}", call_id=one.id, name=one.name) for one in reply.calls]
    return outcomes


@pytest.fixture
def recording(wire: Wire, open_agent: OpenAgent, tmp_path: Path) -> Path:
    """Three turns with calls, the first after a failed attempt."""
    wire.script = [status(429)] + [answer(None, [call("bash", f'{{"command": "ls {n}"}}')]) for n in range(3)]
    path = tmp_path / "recording.jsonl"
    with RecordingAgent(open_agent(), path) as agent:
        episode(agent)
    return path


def test_a_replay_gives_the_recorded_answers_without_the_model(wire: Wire, recording: Path) -> None:
    asked = len(wire.requests)
    replies = episode(ReplayAgent(recording))
    assert [one.calls[0].arguments for one in replies if isinstance(one, Answer)] == [
        '{"command": "ls 0"}',
        '{"command": "ls 1"}',
        '{"command": "ls 2"}',
    ]
    first = replies[0]
    assert isinstance(first, Answer)
    assert (first.attempts, first.input_tokens) == (2, 11)
    assert len(wire.requests) == asked


def test_a_replay_is_the_same_subject(recording: Path, open_agent: OpenAgent) -> None:
    replay, model = ReplayAgent(recording), open_agent()
    assert (replay.subject, replay.price_known) == (model.subject, model.price_known)


def shortened(history: list[Message]) -> list[Message]:
    return history[:-1]


def lengthened(history: list[Message]) -> list[Message]:
    return [*history, history[1]]


def changed(index: int, **update: object) -> Change:
    return lambda history: [*history[:index], history[index].model_copy(update=update), *history[index + 1 :]]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (changed(0, text="Other rules."), r"history\[0\]\.text"),
        (changed(1, role="system"), r"history\[1\]\.role"),
        (changed(2, calls=()), r"history\[2\]\.calls"),
        (changed(3, text="another result"), r"history\[3\]\.text"),
        (changed(3, call_id="a9_9"), r"history\[3\]\.call_id"),
        (changed(3, name="other"), r"history\[3\]\.name"),
        (shortened, r"the length of the history \(6 recorded, 5 now\)"),
        (lengthened, r"the length of the history \(6 recorded, 7 now\)"),
    ],
)
def test_the_first_difference_is_named_by_turn_and_field(recording: Path, change: Change, field: str) -> None:
    with pytest.raises(ReplayError, match=f"turn 3 differs from the recording in {field}"):
        episode(ReplayAgent(recording), change=change)


def test_other_tools_are_another_request(recording: Path) -> None:
    other = ToolSpec(name="bash", description="Do not.", parameters=TOOLS[0].parameters)
    with pytest.raises(ReplayError, match="turn 1 differs from the recording in the tools"):
        ReplayAgent(recording).act(HISTORY, [other])


def test_a_turn_beyond_the_recording_is_refused(recording: Path) -> None:
    with pytest.raises(ReplayError, match="turn 4 was not recorded"):
        episode(ReplayAgent(recording), turns=4)


def test_failures_are_recorded_and_replayed(wire: Wire, open_agent: OpenAgent, tmp_path: Path) -> None:
    wire.script = [status(401), answer(None, refusal="No."), answer("fine")]
    path = tmp_path / "recording.jsonl"
    with RecordingAgent(open_agent(), path) as agent:
        live = episode(agent)
    for before, after in zip(live, episode(ReplayAgent(path)), strict=True):
        if isinstance(before, ModelFailure):
            assert isinstance(after, ModelFailure)
            assert (str(after), after.category, after.errors) == (str(before), before.category, before.errors)
            assert after.answer == before.answer
        else:
            assert after == before


def test_a_recording_is_never_written_over(recording: Path, open_agent: OpenAgent) -> None:
    before = recording.read_bytes()
    with pytest.raises(FileExistsError):
        RecordingAgent(open_agent(), recording)
    assert recording.read_bytes() == before


def test_a_bug_of_the_other_agent_is_not_recorded_as_a_failure(tmp_path: Path, open_agent: OpenAgent) -> None:
    class Broken(Agent):
        subject = open_agent().subject
        price_known = False

        def act(self, history: Sequence[Message], tools: Sequence[ToolSpec]) -> Answer:
            raise ZeroDivisionError(len(history), len(tools))

    path = tmp_path / "recording.jsonl"
    with RecordingAgent(Broken(), path) as agent, pytest.raises(ZeroDivisionError):
        agent.act(HISTORY, TOOLS)
    assert len(path.read_text().splitlines()) == 1


@pytest.mark.parametrize("damage", ["", "{}", '{"format": 2}', "text"])
def test_a_file_that_is_no_recording_is_refused(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "recording.jsonl"
    path.write_text(damage)
    with pytest.raises(ReplayError, match="is no recording"):
        ReplayAgent(path)


def test_a_recording_whose_last_line_was_torn_off_is_refused(recording: Path) -> None:
    recording.write_bytes(recording.read_bytes()[:-20])
    with pytest.raises(ReplayError, match="is no recording"):
        ReplayAgent(recording)


def test_the_recording_holds_answers_and_digests_but_not_the_history(recording: Path) -> None:
    text = recording.read_text()
    assert "ls 2" in text
    assert "Count the files." not in text
    turns = [json.loads(line) for line in text.splitlines()[1:]]
    assert [len(turn["added"]) for turn in turns] == [2, 2, 2]


@contextmanager
def largest_file(limit: int) -> Generator[None]:
    """The kernel refuses to write beyond this size, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_under_a_recording_is_a_matter_of_the_disk_and_not_of_the_agent(
    tmp_path: Path, open_agent: OpenAgent
) -> None:
    """Else an episode would count as spoilt by its script, and would never be repeated."""
    with (
        RecordingAgent(open_agent(), tmp_path / "replay.jsonl") as recorder,
        pytest.raises(StorageError, match=r"recording .*replay.jsonl: File too large"),
        largest_file(1000),
    ):
        episode(recorder, turns=20)


def test_a_recording_that_cannot_even_begin_is_one_too(tmp_path: Path, open_agent: OpenAgent) -> None:
    with pytest.raises(StorageError, match="File too large"), largest_file(10):
        RecordingAgent(open_agent(), tmp_path / "replay.jsonl")
