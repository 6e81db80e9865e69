"""Recording what a model answered, and playing it back without the model."""

import hashlib
import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import ValidationError

from ..records import Model, StorageError, Subject, canonical_json, read_plain
from ._errors import Category, ModelFailure, ReplayError
from ._types import Agent, Answer, Message, ToolSpec


class _Header(Model):
    """First line of a recording."""

    format: Literal[1] = 1
    subject: Subject
    price_known: bool


class _Failed(Model):
    """A `ModelFailure`, to be raised again."""

    message: str
    category: Category
    attempts: int
    errors: tuple[str, ...]
    answer: Answer | None


class _Turn(Model):
    """One request and what came of it. Digests are of field contents, so that a difference can be named."""

    tools: str
    kept: int
    """Messages at the start of the history that are those of the turn before."""
    added: tuple[dict[str, str], ...]
    """Field digests of the messages behind them."""
    answer: Answer | None = None
    failure: _Failed | None = None


class _Request(NamedTuple):
    """Digests of what an agent is asked."""

    tools: str
    messages: tuple[dict[str, str], ...]


_NOTHING = _Request("", ())
_RECORDING_BYTES = 512 << 20


class RecordingAgent(Agent):
    """Passes everything on to another agent and appends each request's digest with its answer to a file.

    One recorder writes one episode: answers are played back in their order. The history itself is not stored,
    only digests of it; the answers are.

    Args:
        agent: Who answers. Closed with this one.
        path: A file that does not exist yet.

    Raises:
        FileExistsError: It does.
        StorageError: It cannot be written, here and in every later call: an answer without its record is none.
    """

    def __init__(self, agent: Agent, path: Path) -> None:
        self.subject = agent.subject
        self.price_known = agent.price_known
        self._agent = agent
        self._path = path
        self._before = _NOTHING
        self._file = path.open("xb", buffering=0)
        try:
            self._write(_Header(subject=agent.subject, price_known=agent.price_known))
        except StorageError:
            self._file.close()
            raise

    def act(self, history: Sequence[Message], tools: Sequence[ToolSpec]) -> Answer:
        """The other agent's answer, or its failure; both are recorded."""
        request = _digest(history, tools)
        try:
            answer = self._agent.act(history, tools)
        except ModelFailure as failure:
            self._record(request, failure=_Failed(**_facts(failure)))
            raise
        self._record(request, answer=answer)
        return answer

    def check(self) -> None:
        """Look at the other agent."""
        self._agent.check()

    def close(self) -> None:
        """Close the file and the other agent."""
        try:
            self._file.close()
        finally:
            self._agent.close()

    def _record(self, request: _Request, answer: Answer | None = None, failure: _Failed | None = None) -> None:
        kept = _common(self._before.messages, request.messages)
        added = request.messages[kept:]
        self._write(_Turn(tools=request.tools, kept=kept, added=added, answer=answer, failure=failure))
        self._before = request

    def _write(self, line: Model) -> None:
        rest = memoryview(json.dumps(line.model_dump(mode="json")).encode() + b"\n")
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise StorageError(error.errno, f"recording {self._path}: {error.strerror}") from error


class ReplayAgent(Agent):
    """Gives the recorded answers to the same requests, in their order, without a model.

    Args:
        path: What a `RecordingAgent` wrote.

    Raises:
        ReplayError: The file is no recording.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        header, self._turns = _load(path)
        self.subject = header.subject
        self.price_known = header.price_known
        self._number = 0
        self._before = _NOTHING

    def act(self, history: Sequence[Message], tools: Sequence[ToolSpec]) -> Answer:
        """The recorded answer.

        Raises:
            ReplayError: The request is not the recorded one; the message names the turn and the field.
            ModelFailure: The recorded one.
        """
        if self._number == len(self._turns):
            raise ReplayError(f"{self._path}: turn {self._number + 1} was not recorded; the recording ends before it")
        turn = self._turns[self._number]
        asked = _digest(history, tools)
        recorded = _Request(turn.tools, self._before.messages[: turn.kept] + turn.added)
        difference = _difference(recorded, asked)
        if difference is not None:
            raise ReplayError(f"{self._path}: turn {self._number + 1} differs from the recording in {difference}")
        self._number, self._before = self._number + 1, recorded
        if turn.failure is not None:
            failed = turn.failure
            raise ModelFailure(failed.message, failed.category, failed.attempts, failed.errors, failed.answer)
        assert turn.answer is not None
        return turn.answer


def recorded_answers(path: Path) -> tuple[Answer, ...]:
    """The answers of a recording up to its first failure, in their order. Raises `ReplayError`, `OSError`."""
    _, turns = _load(path)
    return tuple(turn.answer for turn in itertools.takewhile(lambda turn: turn.failure is None, turns) if turn.answer)


def _facts(failure: ModelFailure) -> dict[str, Any]:
    return {
        "message": str(failure),
        "category": failure.category,
        "attempts": failure.attempts,
        "errors": failure.errors,
        "answer": failure.answer,
    }


def _load(path: Path) -> tuple[_Header, list[_Turn]]:
    try:
        lines = read_plain(path, _RECORDING_BYTES).decode().split("\n")
    except UnicodeDecodeError as error:
        raise ReplayError(f"{path} is no recording: it is not UTF-8 (byte {error.start})") from error
    lines = lines[:-1] if lines[-1] == "" else lines
    try:
        header = _Header.model_validate_json(lines[0] if lines else "")
        turns = [_Turn.model_validate_json(line) for line in lines[1:]]
    except ValidationError as error:
        raise ReplayError(f"{path} is no recording of this version: {error.errors()[0]['msg']}") from error
    if any((turn.answer is None) == (turn.failure is None) for turn in turns):
        raise ReplayError(f"{path} is no recording: a turn holds neither an answer nor a failure")
    return header, turns


def _digest(history: Sequence[Message], tools: Sequence[ToolSpec]) -> _Request:
    messages = tuple({name: _sha(value) for name, value in message.repeatable().items()} for message in history)
    return _Request(_sha([tool.repeatable() for tool in tools]), messages)


def _sha(value: Any) -> str:
    return hashlib.sha256(canonical_json(value)).hexdigest()[:32]


def _common(one: Sequence[dict[str, str]], other: Sequence[dict[str, str]]) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (left, right) in pairs if left != right), min(len(one), len(other)))


def _difference(recorded: _Request, asked: _Request) -> str | None:
    """The first field that differs, in words; None where all are equal."""
    same = _common(recorded.messages, asked.messages)
    if same < min(len(recorded.messages), len(asked.messages)):
        left, right = recorded.messages[same], asked.messages[same]
        fields = [name for name in left if left[name] != right.get(name)]
        return f"history[{same}].{fields[0]}"
    if len(recorded.messages) != len(asked.messages):
        return f"the length of the history ({len(recorded.messages)} recorded, {len(asked.messages)} now)"
    return "the tools" if recorded.tools != asked.tools else None
