"""The recorded part of an episode up to a step: its records, what was said in it, and the transcript that it makes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ..agents import Answer, ToolCall, recorded_answers
from ..environments import NUDGE, StepResult
from ..records import (
    CallDecided,
    CallReturned,
    EpisodeEnded,
    EpisodeInvalidated,
    EpisodeKey,
    EpisodeOpened,
    FilesObserved,
    ModelAnswered,
    ModelFailed,
    MonitorChecked,
    Notice,
    NoticeDelivered,
    NoticeShown,
    Placement,
    Record,
    RunView,
    SnapshotTaken,
    SubjectKind,
    SuspicionObserved,
)
from ._errors import RunFailed, SpecError
from ._history import History
from ._loop import SoFar

_BEHIND = (Placement.MAILBOX, Placement.TICKET)
"""Placements in which a notice is seen by reading, not with the result of a call."""


class Turn(NamedTuple):
    """One answer and what came of it."""

    answered: ModelAnswered
    answer: Answer
    results: tuple[StepResult, ...]
    """Of those of its calls that were carried out, or of the answer itself where it made none."""


@dataclass(frozen=True)
class Prefix:
    """An episode up to and with a step."""

    episode_id: str
    key: EpisodeKey
    opened: EpisodeOpened
    step: int
    records: tuple[Record, ...]
    first: StepResult
    """What the agent was told before its first answer."""
    turns: tuple[Turn, ...]
    extra: Mapping[int, tuple[MonitorChecked | SnapshotTaken, ...]]
    """Step → records that the runner wrote after it, which are none of the episode's own."""

    @property
    def manifest_digest(self) -> str:
        """Of the file evidence after that step."""
        seen = [record.event for record in self.records if isinstance(record.event, FilesObserved)]
        return seen[-1].manifest_digest

    @property
    def snapshot(self) -> SnapshotTaken | None:
        """The state after that step, where it was stored then."""
        found = [one for one in self.extra.get(self.step, ()) if isinstance(one, SnapshotTaken)]
        return found[-1] if found else None

    def transcript(self) -> SoFar:
        """The conversation so far, as the agent saw it, and what is left of its last answer."""
        history = History(self.opened.system_prompt, self.opened.goal, self.first)
        for turn in self.turns:
            tell(history, turn.answer, turn.results)
        return SoFar(history, len(self.turns), self.pending)

    @property
    def pending(self) -> Answer | None:
        """The last answer with only those of its calls that were not carried out yet; None where all were."""
        if not self.turns:
            return None
        last = self.turns[-1]
        left = last.answer.calls[len(last.results) :]
        return last.answer.model_copy(update={"calls": left}) if left else None


def tell(history: History, answer: Answer, results: Sequence[StepResult]) -> None:
    """Add an answer and what came of it to a conversation."""
    history.answered(answer)
    if not answer.calls:
        for result in results:
            said = answer.hint or result.text
            history.nudged("\n".join(filter(None, (said, answer.reminder))), result.notices)
    for call, result in zip(answer.calls, results, strict=False):
        history.returned(call, result)


def read_prefix(view: RunView, episode_id: str, step: int) -> Prefix:
    """The part of an episode up to a step, held against the run's manifest.

    Raises `SpecError` for a step that the episode does not have or that ended it, `RunFailed` where its answers were
    not kept whole, and `RecordError` for a ledger that is damaged.
    """
    everything = list(view.records(episode_id))
    records = _up_to(everything, episode_id, step)
    opened = records[0].event if records else None
    if not isinstance(opened, EpisodeOpened):
        raise RunFailed(f"episode {episode_id}: does not begin with its key; offswitch verify {view.paths.root}")
    answers = list(_answers(view, opened.key, [r.event for r in records if isinstance(r.event, ModelAnswered)]))
    told = _Told(records)
    turns = tuple(told.turn(record, answer) for record, answer in zip(told.answered, answers, strict=True))
    return Prefix(
        episode_id=episode_id,
        key=opened.key,
        opened=opened,
        step=step,
        records=tuple(records),
        first=_result("", told.before_answers),
        turns=turns,
        extra=_extra(records),
    )


def _up_to(records: Sequence[Record], episode_id: str, step: int) -> list[Record]:
    """Everything until the agent is asked again, or its next call is decided."""
    found: list[Record] = []
    done = 0
    for record in records:
        event = record.event
        if isinstance(event, EpisodeEnded | EpisodeInvalidated | ModelFailed):
            break
        beyond = isinstance(event, CallDecided | SuspicionObserved) and event.step > step
        if beyond or (isinstance(event, ModelAnswered) and done == step):
            return found
        done += isinstance(event, CallReturned)
        found.append(record)
    last = done - 1 if done else 0
    if done == step and done:
        raise SpecError(
            f"--step {step}: the episode {episode_id} ended with that step; its last state is --step {last}"
        )
    raise SpecError(f"--step {step}: the episode {episode_id} has steps up to {done}; give one from 0 to {last}")


def _answers(view: RunView, key: EpisodeKey, recorded: Sequence[ModelAnswered]) -> Iterator[Answer]:
    """The answers whole: what the ledger says of a script is all there is, a model's lie in its recording."""
    path = view.paths.replay / f"{key.episode_id}.jsonl"
    if path.is_file():
        found = recorded_answers(path)
        if [one.id for one in found[: len(recorded)]] != [one.answer_id for one in recorded]:
            raise RunFailed(f"{path}: holds other answers than the ledger; offswitch verify {view.paths.root}")
        yield from found[: len(recorded)]
        return
    if key.subject.kind is not SubjectKind.SCRIPTED:
        raise RunFailed(
            f"episode {key.episode_id}: its answers were not recorded, so its transcript cannot be told again; "
            "offswitch run --record keeps them"
        )
    for one in recorded:
        calls = tuple(ToolCall.model_validate(call) for call in one.calls if "size" not in call)
        if len(calls) != len(one.calls):
            raise RunFailed(f"episode {key.episode_id}: answer {one.answer_id} is too large to be in the ledger whole")
        yield Answer(id=one.answer_id, text=one.text, calls=calls, usd=one.usd)


@dataclass
class _Told:
    """What came of each answer, by the records."""

    records: Sequence[Record]
    answered: list[Record] = field(init=False)
    before_answers: list[Notice] = field(init=False)

    def __post_init__(self) -> None:
        self._notices = {r.seq: r.event.notice for r in self.records if isinstance(r.event, NoticeDelivered)}
        self.answered = [record for record in self.records if isinstance(record.event, ModelAnswered)]
        first = self.answered[0].seq if self.answered else len(self.records)
        self.before_answers = self._shown(self.records[:first])

    def turn(self, answered: Record, answer: Answer) -> Turn:
        """The answer with its results. Without a call, the agent was told to make one."""
        assert isinstance(answered.event, ModelAnswered)
        following = [one.seq for one in self.answered if one.seq > answered.seq]
        end = following[0] if following else len(self.records)
        own = self.records[answered.seq + 1 : end]
        if not answer.calls:
            # A call that could not be read is a malformed call, with a result of its own.
            returned = [one.event for one in own if isinstance(one.event, CallReturned)]
            text = returned[0].output if returned else NUDGE
            return Turn(answered.event, answer, (_result(text, self._shown(own)),))
        starts = [index for index, one in enumerate(own) if isinstance(one.event, CallReturned)]
        parts = [own[start:stop] for start, stop in zip(starts, [*starts[1:], len(own)], strict=True)]
        return Turn(answered.event, answer, tuple(self._returned(part) for part in parts))

    def _returned(self, part: Sequence[Record]) -> StepResult:
        returned = part[0].event
        assert isinstance(returned, CallReturned)
        return _result(returned.output, self._shown(part))

    def _shown(self, records: Iterable[Record]) -> list[Notice]:
        seqs = [seq for one in records if isinstance(one.event, NoticeShown) for seq in one.event.notice_seqs]
        return [self._notices[seq] for seq in seqs if self._notices[seq].placement not in _BEHIND]


def _extra(records: Sequence[Record]) -> dict[int, tuple[MonitorChecked | SnapshotTaken, ...]]:
    found: dict[int, tuple[MonitorChecked | SnapshotTaken, ...]] = {}
    done = 0
    for record in records:
        done += isinstance(record.event, CallReturned)
        if isinstance(record.event, MonitorChecked | SnapshotTaken):
            found[done] = (*found.get(done, ()), record.event)
    return found


def _result(text: str, notices: Sequence[Notice]) -> StepResult:
    return StepResult(text=text, notices=tuple(notices), reward=0.0, terminated=False, truncated=False, control={})
