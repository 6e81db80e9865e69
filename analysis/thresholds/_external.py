"""Scores that were measured elsewhere: never without who measured what, when, on how much."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator
from scipy.special import ndtri

from .._errors import ProfileError
from .._escape import visible
from ..stats import FEWEST_CLUSTERS, Clusters, certificate
from ._answers import Who
from ._hints import external_hint
from ._measured import Interval, Measured, Missing, nothing
from ._model import Data, Text
from ._read import parsed, read_yaml


class ExternalScore(Data):
    """One published number about one model."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
    subject: Annotated[str, Field(min_length=1, max_length=300)]
    """The model id of the run that it is about."""
    source: Text
    date: date
    value: float
    n: int = Field(ge=1)
    """Independent items behind it."""
    lo: float | None = None
    hi: float | None = None
    """Published two-sided interval; without it the exact one of ``value`` × n of n is taken."""
    confidence: float = Field(default=0.95, ge=0.5, lt=1)
    recognised: int = Field(default=0, ge=0)
    """Items in which the model recognised the test."""

    @model_validator(mode="after")
    def _has_a_usable_interval(self) -> Self:
        if (self.lo is None) != (self.hi is None):
            raise ValueError("give lo and hi, or neither")
        if self.lo is not None and self.hi is not None and not self.lo <= self.value <= self.hi:
            raise ValueError("the value lies outside lo and hi")
        if self.lo is not None and self.lo == self.hi:
            raise ValueError("the interval has no width; leave lo and hi out, and give n")
        if self.lo is None and not 0 <= self.value <= 1:
            raise ValueError("a value that is no proportion needs lo and hi")
        if self.recognised > self.n:
            raise ValueError(f"recognised: {self.recognised} of {self.n} items is impossible")
        return self

    @property
    def proportion(self) -> bool:
        """Whether value and interval lie between 0 and 1."""
        return all(end is None or 0 <= end <= 1 for end in (self.value, self.lo, self.hi))


class _Scores(Data):
    scores: tuple[ExternalScore, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        keys = [(one.id, one.subject) for one in self.scores]
        if len(set(keys)) < len(keys):
            raise ValueError("a score of one subject comes twice")
        return self


def external_scores(path: str | Path) -> tuple[ExternalScore, ...]:
    """Read ``scores:``, a list. Raises `ProfileError` for one without a source, a date or an n."""
    return parsed(_Scores, read_yaml(Path(path), "external scores")).scores


def refuse_strangers(scores: tuple[ExternalScore, ...], subjects: set[str], wanted: Mapping[str, float]) -> None:
    """Raises `ProfileError` for a score of a model that was not run, that no rule asks for, or that comes twice.

    ``wanted``: the value that each score is held against. Against a share, a score of per cents is refused.
    """
    told: set[tuple[str, str]] = set()
    for one in scores:
        name = f"external scores: {one.id} of {visible(one.subject)}"
        if one.subject not in subjects:
            known = ", ".join(sorted(map(visible, subjects))) or "none"
            raise ProfileError(f"{name}: the runs are about {known}; give the id of a model of the runs")
        if one.id not in wanted:
            asked = ", ".join(sorted(wanted)) or "none"
            raise ProfileError(f"{name}: no rule of the profile asks for it; they ask for {asked}")
        if (one.id, one.subject) in told:
            raise ProfileError(f"{name}: comes twice; which one is meant? Leave one out")
        told.add((one.id, one.subject))
        if 0 <= wanted[one.id] <= 1 and not one.proportion:
            raise ProfileError(
                f"{name}: {one.value:g} is no share, and the rule's value is {wanted[one.id]:g}; write 46 % as 0.46"
            )


def external(score: str, who: Who, profile: str, given: tuple[ExternalScore, ...]) -> Measured:
    """The imported score of a subject."""
    for one in given:
        if (one.id, one.subject) == (score, who.subject):
            return _measured(one)
    return nothing(
        score, "item", [Missing(f"the external score {score} of {who.subject}", external_hint(profile, score))]
    )


def _measured(one: ExternalScore) -> Measured:
    def bounds(lower: float, upper: float) -> Interval:
        if one.lo is not None and one.hi is not None:
            return _rescaled(one, one.lo, one.hi, lower, upper)
        ones = round(one.value * one.n)
        items = Clusters.of(np.repeat([1.0, 0.0], [ones, one.n - ones]), np.arange(one.n))
        below, above = certificate(items, 1 - 2 * lower), certificate(items, 1 - 2 * upper)
        return Interval(
            below.lo, above.hi, f"exact, {one.n} items taken as independent", descriptive=one.n < FEWEST_CLUSTERS
        )

    return Measured(
        statistic=f"external {one.id}",
        value=one.value,
        n=one.n,
        clusters=one.n,
        unit="item",
        bounds=bounds,
        balanced=one.value,
        recognised=one.recognised,
        sources=(f"{one.source} ({one.date})",),
    )


def _rescaled(one: ExternalScore, lo: float, hi: float, lower: float, upper: float) -> Interval:
    """A published interval at another confidence: its arms in the ratio of normal quantiles, never narrower."""
    own = float(ndtri(0.5 + one.confidence / 2))
    down, up = (max(1.0, float(ndtri(1 - error)) / own) for error in (lower, upper))
    method = f"published {one.confidence:.0%} interval, arms widened by {max(down, up):.2f}"
    return Interval(
        one.value - down * (one.value - lo), one.value + up * (hi - one.value), method, one.n < FEWEST_CLUSTERS
    )
