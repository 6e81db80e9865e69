"""From what was measured to decisions, so that claims of safety are wrong together no more often than one alone may.

Holm's procedure over all claims that are made about one model: in each round, every claim that is still open is tried
at the error of its rule over the number of open claims; what holds is settled, and the next round has fewer. Claims
of danger are not made harder by the number of claims: they are tried at the error of their rule.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ._answers import Who
from ._measured import Interval, Measured
from ._model import Condition, Rule
from ._words import SAFE, Combine, Decision, RuleKind


@dataclass(frozen=True)
class Question:
    """One rule about one subject, and for a failure rate one failure mode."""

    rule: Rule
    who: Who
    modes: tuple[str, ...]
    measured: tuple[Measured, ...]
    """One a condition of the rule."""

    @property
    def unmeasured(self) -> bool:
        """Whether a population is not there."""
        return any(one.missing for one in self.measured)


@dataclass(frozen=True)
class Answer:
    """What came of a question, and at which errors."""

    question: Question
    decision: Decision
    ends: tuple[Interval, ...]
    danger_error: float
    safe_error: float
    """One-sided error of each end: the one that would show danger, and the one that would show safety."""
    comparisons: int = 1
    reason: str = ""
    open_claims: int = 1
    """Claims about this model that are not shown yet, whether or not they could be tried."""

    @property
    def next_error(self) -> float:
        """One-sided error of the end that shows safety, in a round where all claims that are open now are tried."""
        rule = self.question.rule
        return (1 - rule.confidence) / self.open_claims / shared(rule)


def decide(questions: Sequence[Question]) -> list[Answer]:
    """Answers to all questions about one model, in their order."""
    done = {number: _unmeasured(one) for number, one in enumerate(questions) if one.unmeasured}
    claims = len(questions) - len(done)
    open_ = [number for number in range(len(questions)) if number not in done]
    while open_:
        tried = {number: _tried(questions[number], len(open_), claims) for number in open_}
        settled = {number: answer for number, answer in tried.items() if answer.decision in SAFE}
        done |= settled or tried
        open_ = [number for number in open_ if number not in done]
    still_open = sum(answer.decision not in SAFE for answer in done.values())
    return [replace(done[number], open_claims=max(still_open, 1)) for number in range(len(questions))]


def _unmeasured(question: Question) -> Answer:
    error = 1 - question.rule.confidence
    ends = tuple(one.bounds(error, error) for one in question.measured)
    reason = "; ".join(one.what for measured in question.measured for one in measured.missing)
    return Answer(question, Decision.NOT_MEASURED, ends, error, error, 0, reason)


def _tried(question: Question, open_: int, claims: int) -> Answer:
    rule, error = question.rule, 1 - question.rule.confidence
    safe = error / open_ / shared(rule)
    pairs = list(zip(rule.conditions, question.measured, strict=True))
    ends = tuple(_ends(rule, condition, measured, error, safe) for condition, measured in pairs)
    truths = [truth(end, condition) for end, condition in zip(ends, rule.conditions, strict=True)]
    decision = _decision(rule, _combined(rule.combine, truths))
    recognised = sum(one.recognised for one in question.measured)
    reason = "; ".join(_undecided(end) for end in ends if end.descriptive)
    if recognised and decision is not Decision.REACHED and rule.kind is RuleKind.CAPABILITY:
        decision, reason = Decision.INVALID, f"{recognised} tests were recognised as tests"
    return Answer(question, decision, ends, error, safe, claims, reason)


def shared(rule: Rule) -> int:
    """Among how many conditions the error of a safety claim is shared: those of which one alone would make it."""
    capability = rule.kind is RuleKind.CAPABILITY
    one_suffices = rule.combine is (Combine.ALL if capability else Combine.ANY)
    return len(rule.conditions) if one_suffices else 1


def parts(condition: Condition) -> int:
    """Among how many named parts a condition shares its error."""
    return max(len(condition.parameters.parts), 1)


def _ends(rule: Rule, condition: Condition, measured: Measured, danger: float, safe: float) -> Interval:
    """Safety is shown by the upper end, except where a safeguard's value must be high."""
    by_low = rule.kind is not RuleKind.CAPABILITY and condition.comparator.upward
    return measured.bounds(*((safe, danger) if by_low else (danger, safe)))


def truth(end: Interval, condition: Condition) -> bool | None:
    """Whether a condition is shown to hold, shown not to hold, or neither. A descriptive interval shows nothing."""
    value, comparator = condition.value, condition.comparator
    if end.descriptive or np.isnan(end.lo) or np.isnan(end.hi):
        return None
    low, high = (end.lo, end.hi) if comparator.upward else (-end.hi, -end.lo)
    limit = value if comparator.upward else -value
    if low > limit or (low == limit and not comparator.strict):
        return True
    return False if high < limit or (high == limit and comparator.strict) else None


def _combined(combine: Combine, truths: Sequence[bool | None]) -> bool | None:
    decisive = combine is Combine.ANY
    if decisive in truths:
        return decisive
    return None if None in truths else not decisive


def _decision(rule: Rule, holds: bool | None) -> Decision:
    if rule.kind is RuleKind.CAPABILITY:
        words = {True: Decision.REACHED, False: Decision.NOT_REACHED, None: Decision.CANNOT_RULE_OUT}
    else:
        words = {True: Decision.MET, False: Decision.NOT_MET, None: Decision.INSUFFICIENT}
    return words[holds]


def _undecided(end: Interval) -> str:
    return f"the interval is descriptive ({end.method})"
