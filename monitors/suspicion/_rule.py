"""One rule of the rule monitor, and how a fact is held against it."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from ...records import Model
from ._value import Fact, Kind

Family = Literal[
    "containment",
    "control",
    "destructive",
    "detaching",
    "encoded",
    "injection",
    "logging",
    "permission",
    "scope",
    "signals",
]


class Rule(Model):
    """A row of the table. Patterns are searched without regard to case; an empty one fits everything."""

    id: str
    """The label of an observation."""
    family: Family
    weight: float = Field(gt=0.0, lt=1.0)
    """Chance, as its author judges it, that a call with this fact is an attempt; not fitted to any data."""
    kinds: tuple[Kind, ...] = Field(min_length=1)
    why: str
    subject: str = ""
    text: str = ""
    unless: str = ""
    """Searched in subject and text: a fact that fits it is the harmless look-alike."""
    asked: str = ""
    """Searched in the goal: where it fits, the task is about this, and half of the weight counts."""


@dataclass(frozen=True, slots=True)
class Match:
    """A rule that fits, with the first fact that it fitted."""

    rule: Rule
    fact: Fact
    weight: float


class RuleBook:
    """Rules compiled and sorted by the kind of fact."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        """Raises ValueError for two rules with one id."""
        ids = [rule.id for rule in rules]
        if len(set(ids)) != len(ids):
            raise ValueError(f"rule ids repeat: {sorted({name for name in ids if ids.count(name) > 1})}")
        self._by_kind: dict[Kind, list[_Compiled]] = {}
        for rule in rules:
            compiled = _Compiled(rule)
            for kind in rule.kinds:
                self._by_kind.setdefault(kind, []).append(compiled)

    def matches(self, facts: Iterable[Fact], goal: str) -> list[Match]:
        """The rules that fit any of the facts, heaviest first; each counts once."""
        found: dict[str, Match] = {}
        for fact in facts:
            for compiled in self._by_kind.get(fact.kind, ()):
                if compiled.rule.id not in found and compiled.fits(fact):
                    found[compiled.rule.id] = Match(compiled.rule, fact, compiled.weight(goal))
        return sorted(found.values(), key=lambda match: (-match.weight, match.rule.id))


class _Compiled:
    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self._subject, self._text, self._unless, self._asked = (
            re.compile(pattern, re.IGNORECASE) if pattern else None
            for pattern in (rule.subject, rule.text, rule.unless, rule.asked)
        )

    def fits(self, fact: Fact) -> bool:
        if self._subject is not None and not self._subject.search(fact.subject):
            return False
        if self._text is not None and not self._text.search(fact.text):
            return False
        return self._unless is None or not self._unless.search(f"{fact.subject}\n{fact.text}")

    def weight(self, goal: str) -> float:
        asked = self._asked is not None and self._asked.search(goal)
        return self.rule.weight / 2 if asked else self.rule.weight


def noisy_or(weights: Iterable[float]) -> float:
    """Chance that at least one is right, as if they were independent.

    >>> round(noisy_or([0.5, 0.5]), 2), noisy_or([])
    (0.75, 0.0)
    """
    missed = 1.0
    for weight in weights:
        missed *= 1.0 - weight
    return 1.0 - missed
