"""Carrying out recorded calls again, in a fresh container, and holding every record against the recorded one."""

import json
from typing import NoReturn

from ..environments import Episode, StepResult
from ..records import Record
from ._history import History
from ._loop import UNREADABLE, SoFar
from ._prefix import Prefix, Turn

_SHOWN = 160


def replay(episode: Episode, prefix: Prefix) -> SoFar:
    """Open a new episode and carry out the recorded calls; every record must be the recorded one, but for times,
    process ids and the like.

    Raises `EpisodeInvalid`: the state is another one then, and the first record that differs is named.
    """
    return _Replay(episode, prefix).run()


class _Replay:
    def __init__(self, episode: Episode, prefix: Prefix) -> None:
        self._episode = episode
        self._prefix = prefix
        self._written: list[Record] = []
        self._same = 1
        """Records that were compared; the first is the key, which is another one."""
        episode.ledger.subscribe(self._written.append)

    def run(self) -> SoFar:
        first = self._episode.open()
        self._extra(0)
        self._compare()
        history = History(self._episode.system, self._episode.goal, first)
        for turn in self._prefix.turns:
            self._turn(history, turn)
        if len(self._written) != len(self._prefix.records):
            self._refuse(f"{len(self._written)} records where {len(self._prefix.records)} were recorded")
        return SoFar(history, len(self._prefix.turns), self._prefix.pending)

    def _turn(self, history: History, turn: Turn) -> None:
        answer = turn.answer
        self._episode.answered(turn.answered)
        history.answered(answer)
        if not answer.calls:
            result = self._step(UNREADABLE if answer.hint else "", "", answer.id)
            said = answer.hint or result.text
            history.nudged("\n".join(filter(None, (said, answer.reminder))), result.notices)
        for call in answer.calls[: len(turn.results)]:
            history.returned(call, self._step(call.name or "(unnamed)", call.arguments, answer.id))

    def _step(self, tool: str, arguments: str, answer_id: str) -> StepResult:
        before = self._episode.steps
        result = self._episode.step(tool, arguments, answer_id)
        if result.ended is not None:
            self._refuse(f"step {self._episode.steps} ended the episode ({result.ended}), where it went on")
        if self._episode.steps > before:
            self._extra(self._episode.steps)
        self._compare()
        return result

    def _extra(self, step: int) -> None:
        """What the runner wrote then, so that records keep their numbers."""
        for event in self._prefix.extra.get(step, ()):
            self._episode.write(event)

    def _compare(self) -> None:
        recorded = self._prefix.records
        while self._same < len(self._written):
            if self._same >= len(recorded):
                self._refuse(f"{self._written[self._same].event.type} was written after the last recorded one")
            now, then = self._text(self._written[self._same]), self._text(recorded[self._same])
            if now != then:
                self._refuse(f"record {self._same} ({recorded[self._same].event.type}): {_difference(then, now)}")
            self._same += 1

    def _text(self, record: Record) -> str:
        text = json.dumps(record.event.repeatable(), sort_keys=True, default=str)
        for key in (self._prefix.key, self._episode.key):
            text = text.replace(key.run_id, "RUN").replace(key.episode_id, "EPISODE")
        return text

    def _refuse(self, why: str) -> NoReturn:
        text = f"step {self._episode.steps} is not what was recorded: {why}"
        raise self._episode.invalid("replaying the recorded calls", self._prefix.episode_id, text)


def _difference(then: str, now: str) -> str:
    """The place where two texts part, with some of what stands there."""
    at = next((i for i, (a, b) in enumerate(zip(then, now, strict=False)) if a != b), min(len(then), len(now)))
    start = max(0, at - _SHOWN // 2)
    return f"recorded …{then[start : at + _SHOWN]!r}, now …{now[start : at + _SHOWN]!r}"
