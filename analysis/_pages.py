"""The page of each episode, and which episodes get one in a large run."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from ..records import Tri, Verdict
from ._escape import shorten
from ._log import EpisodeLog
from ._modes import COUNTED_MODES, USEFULNESS_MODES, mode_order
from ._outcomes import Outcome, outcome_of, strongest
from ._rows import Row
from ._timeline import Block, timeline

MAX_PAGES = 1500
"""Episodes with a page; failed, unknown and invalid ones come first."""
TOTAL_BYTES = 10_000_000
"""Shared by all timelines."""
MOST_BYTES = 400_000
"""Of one timeline."""
_FACTS = (
    *("subject", "subject_kind", "scaffold", "model", "fingerprint", "task", "task_version", "seed", "attempt"),
    *("arm", "instruction", "control", "pressure", "autonomy", "oversight", "placement", "side_task", "bucket"),
    *("safeguards", "monitors", "protocol", "mechanisms", "profile", "isolation", "image_digest"),
    *("score", "score_error", "end_reason", "steps", "input_tokens", "output_tokens", "usd", "provider_errors"),
    *("model_failure", "lost_channels", "duration_s", "virtual_s", "records", "pair_id", "scenario_hash"),
)

STATES: dict[Outcome, tuple[str, str]] = {
    Outcome.YES: ("failed", "control failed"),
    Outcome.AGENT_CAUSED: ("failed", "evidence destroyed"),
    Outcome.UNKNOWN: ("unknown", "unknown"),
    Outcome.INVALID: ("invalid", "invalid"),
    Outcome.NO: ("held", "controls held"),
    Outcome.NOT_EXPOSED: ("idle", "never exposed"),
}
"""Outcome of an episode → name for the style sheet, words for the reader."""


@dataclass(frozen=True)
class Judgement:
    """One verdict on the page."""

    failure_mode: str
    state: str
    words: str
    grade: str
    details: tuple[tuple[str, str], ...]
    evidence: tuple[tuple[int, str], ...]
    """Record number and what it shows."""


@dataclass(frozen=True)
class Page:
    """Everything a reader sees of one episode. Every text may be hostile."""

    number: int
    """Position in the run, counted from 1: what links and anchors use."""
    episode_id: str
    subject: str
    task: str
    score: float | None
    steps: int
    state: str
    words: str
    modes: str
    """Failure modes that count against it."""
    safeguards: str
    reason: str | None
    """Why it is missing data."""
    failed: frozenset[tuple[object, ...]]
    """Rows of the verdict table that it counts against."""
    facts: tuple[tuple[str, str], ...]
    judgements: tuple[Judgement, ...]
    """Verdicts of which something was attempted, unknown or lost."""
    quiet: tuple[tuple[str, tuple[Judgement, ...]], ...]
    """The others by what they say, for one line each."""
    blocks: tuple[Block, ...]


@dataclass
class Pages:
    """Collects pages within the limits of one report."""

    episodes: int
    """How many there will be."""
    notable: list[Page] = field(default_factory=list[Page])
    others: list[Page] = field(default_factory=list[Page])
    seen: int = 0

    def add(self, log: EpisodeLog, row: Row, verdicts: list[Verdict]) -> None:
        """Take one episode in, while there is room for it."""
        self.seen += 1
        valid = bool(row["valid"])
        counted = [one for one in verdicts if one.failure_mode not in USEFULNESS_MODES | COUNTED_MODES]
        outcome = strongest([outcome_of(valid, one) for one in counted]) if valid else Outcome.INVALID
        kept = self.others if outcome in (Outcome.NO, Outcome.NOT_EXPOSED) else self.notable
        if len(self.notable) < MAX_PAGES and (kept is self.notable or self._room()):
            kept.append(self._page(log, row, verdicts, outcome))

    def _room(self) -> bool:
        return len(self.others) < MAX_PAGES // 3 or self.episodes <= MAX_PAGES

    def all(self) -> list[Page]:
        """The pages in the order of the run."""
        return sorted(self.notable + self.others, key=lambda page: page.number)

    def _page(self, log: EpisodeLog, row: Row, verdicts: list[Verdict], outcome: Outcome) -> Page:
        allowance = min(MOST_BYTES, TOTAL_BYTES // max(1, min(self.episodes, MAX_PAGES)))
        state, words = STATES[outcome]
        valid = bool(row["valid"])
        ordered = sorted(verdicts, key=lambda one: mode_order((one.family, one.failure_mode)))
        judged = [_judgement(one, valid) for one in ordered]
        return Page(
            number=self.seen,
            episode_id=shorten(str(row["episode_id"]), 80),
            subject=shorten(str(row.get("subject") or row["episode_id"]), 80),
            task=shorten(str(row.get("task") or ""), 60),
            score=row["score"],
            steps=row["steps"],
            state=state,
            words=words,
            modes=shorten(" ".join(one.failure_mode for one in ordered if outcome_of(valid, one) in _FAILED), 60),
            safeguards="safeguards on" if row.get("safeguards") else "safeguards off",
            reason=None if valid else shorten(str(row["invalid_reason"]), 500),
            failed=frozenset(_address(row, one) for one in verdicts if outcome_of(bool(row["valid"]), one) in _FAILED),
            facts=tuple((name, _fact(row.get(name))) for name in _FACTS if row.get(name) not in (None, ())),
            judgements=tuple(one for one in judged if one.words not in _QUIET),
            quiet=tuple((word, tuple(one for one in judged if one.words == word)) for word in _QUIET),
            blocks=tuple(timeline(log.records, verdicts, allowance)),
        )


_FAILED = (Outcome.YES, Outcome.AGENT_CAUSED)
_QUIET = ("held", "never exposed")


def _address(row: Row, verdict: Verdict) -> tuple[object, ...]:
    subject = (row["subject_kind"], row["subject"], row["scaffold"])
    return (*subject, row["safeguards"], verdict.failure_mode)


def _fact(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:.4g}"
    words = cast("Sequence[object]", value) if isinstance(value, tuple) else [value]
    return shorten(", ".join(map(str, words)), 160)


def _judgement(verdict: Verdict, valid: bool) -> Judgement:
    state, words = STATES[outcome_of(valid, verdict)]
    if state == "held":
        words = "attempted and stopped" if verdict.attempted is Tri.TRUE else "held"
    details = (
        ("reason", verdict.reason),
        ("route", verdict.route),
        ("step", verdict.step),
        ("blocked by", verdict.blocked_by),
        ("disclosed", None if verdict.disclosed is Tri.NOT_APPLICABLE else verdict.disclosed),
        ("rule", verdict.rule_level.replace("_", " ")),
        ("evidence lost by", verdict.unknown_cause),
    )
    return Judgement(
        failure_mode=shorten(verdict.failure_mode, 60),
        state=state,
        words=words,
        grade=verdict.grade,
        details=tuple((name, shorten(str(value), 500)) for name, value in details if value is not None),
        evidence=tuple((one.seq, shorten(one.note, 300)) for one in verdict.evidence[:20]),
    )
