"""Threshold profiles as data: closed, sourced, dated."""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ...records import Arm, Autonomy, Control, Family, Oversight, Placement, Pressure, RuleLevel, SubjectKind
from ._words import Combine, Comparator, Guards, RuleKind, StatisticName, Unit

Text = Annotated[str, Field(min_length=3, max_length=2000)]
RuleId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]


class Data(BaseModel):
    """Frozen and closed: a key that is not here is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class FactorFilter(Data):
    """Values of the scenario's factors; an empty list takes every value."""

    instruction: tuple[RuleLevel, ...] = ()
    control: tuple[Control, ...] = ()
    pressure: tuple[Pressure, ...] = ()
    autonomy: tuple[Autonomy, ...] = ()
    oversight: tuple[Oversight, ...] = ()
    placement: tuple[Placement, ...] = ()


class Population(Data):
    """Which episodes a condition is about, and how few are too few."""

    tasks: tuple[str, ...] = ()
    arms: tuple[Arm, ...] = ()
    side_tasks: tuple[str, ...] = ()
    factors: FactorFilter = FactorFilter()
    safeguards: Guards = Guards.ANY
    protocols: tuple[str, ...] = ()
    failure_modes: tuple[str, ...] = ()
    """Rows of the catalogue; empty for all that the runs judge."""
    families: tuple[Family, ...] = ()
    min_minutes: float | None = Field(default=None, ge=0)
    """Human time of the task from here on, in minutes."""
    max_minutes: float | None = Field(default=None, gt=0)
    """Human time of the task up to here, in minutes."""
    unit: Unit = Unit.WORLD
    minimum_n: int = Field(default=1, ge=1)
    """Counted observations."""
    minimum_clusters: int = Field(default=10, ge=2)
    """Independent units among them."""


class Parameters(Data):
    """Parameters of statistics; each one reads its own."""

    solved: float = Field(default=1.0, gt=0, le=1)
    """Score of the main task from which it counts as solved."""
    attempts: int = Field(default=8, ge=1)
    consistently: float = Field(default=0.8, gt=0, le=1)
    detected_above: float | None = Field(default=None, ge=0, le=1)
    """Suspicion above which an episode counts as detected."""
    passing: float = Field(default=0.2, ge=0, lt=1)
    which: Literal["main", "side"] = "main"
    incentive: FactorFilter = FactorFilter()
    """Factor values that make the incentive."""
    control_tasks: tuple[str, ...] = ()
    parts: tuple["Part", ...] = ()
    """Challenges, or the stages of a chain in their order."""
    score: str | None = None
    """Id of an external score."""


class Part(Data):
    """A challenge or a stage: failure modes of our verdicts, or a score that was measured elsewhere."""

    id: RuleId
    title: Text
    failure_modes: tuple[str, ...] = ()
    external: bool = False
    """Comes by ``--external`` under the rule's id and this one, joined by a dot."""


class Condition(Data):
    """One statistic of one population against one value."""

    statistic: StatisticName
    parameters: Parameters = Parameters()
    population: Population = Population()
    comparator: Comparator
    value: float
    illustrative: bool = False
    """The value is ours: no source states it."""

    @model_validator(mode="after")
    def _has_what_its_statistic_needs(self) -> Self:
        given = self.parameters
        wanted = {
            StatisticName.COVERT_RATE: ("detected_above", given.detected_above is not None),
            StatisticName.EXTERNAL: ("score", given.score is not None),
            StatisticName.CHALLENGES: ("parts", bool(given.parts)),
            StatisticName.CHAIN: ("parts", bool(given.parts)),
        }
        name, there = wanted.get(self.statistic, ("", True))
        if not there:
            raise ValueError(f"the statistic {self.statistic} needs parameters.{name}")
        return self


_OF_DANGER = frozenset(StatisticName) - {
    StatisticName.SUCCESS_RATE,
    StatisticName.CONSISTENT_SHARE,
    StatisticName.PRESERVATION,
    StatisticName.EXTERNAL,
}
"""Statistics that only say something bad: no safeguard holds from a value of theirs up."""


class Rule(Data):
    """One threshold of a framework, paraphrased."""

    id: RuleId
    title: Text
    kind: RuleKind
    paraphrase: Text
    source: Text
    date: date
    """Of the source."""
    illustrative: bool
    """At least one value is ours, or the source calls it an indication."""
    note: str = ""
    """Which values are ours, and what the rule leaves out."""
    subjects: tuple[SubjectKind, ...] = Field(min_length=1)
    conditions: tuple[Condition, ...] = Field(min_length=1)
    combine: Combine = Combine.ALL
    confidence: float = Field(default=0.95, ge=0.8, lt=1)
    """One-sided."""
    method: Text = "hull of the pooled and the balanced interval over worlds, unknown counted both ways"
    consequence: Text
    """What follows from it."""

    @field_validator("subjects")
    @classmethod
    def _scripts_are_no_subjects(cls, subjects: tuple[SubjectKind, ...]) -> tuple[SubjectKind, ...]:
        if SubjectKind.SCRIPTED in subjects:
            raise ValueError("a script is no subject of a rule; `offswitch check --allow-scripted` tries one")
        return subjects

    @model_validator(mode="after")
    def _points_one_way(self) -> Self:
        upward = self.kind is RuleKind.CAPABILITY
        for number, condition in enumerate(self.conditions, start=1):
            if upward and not condition.comparator.upward:
                raise ValueError(f"condition {number}: a capability is reached from a value up; write >= or >")
            if not upward and condition.statistic in _OF_DANGER and condition.comparator.upward:
                raise ValueError(f"condition {number}: a safeguard holds up to a {condition.statistic}; write <= or <")
        if any(condition.illustrative for condition in self.conditions) and not self.illustrative:
            raise ValueError("a rule with an illustrative condition is illustrative")
        return self


class Profile(Data):
    """The rules of one framework."""

    id: RuleId
    title: Text
    source: Text
    version: Annotated[str, Field(min_length=1, max_length=64)]
    date: date
    """Of this version of the profile's source."""
    rules: tuple[Rule, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_each_rule_once(self) -> Self:
        ids = [rule.id for rule in self.rules]
        twice = sorted({one for one in ids if ids.count(one) > 1})
        if twice:
            raise ValueError(f"the rule {twice[0]} comes twice")
        return self
