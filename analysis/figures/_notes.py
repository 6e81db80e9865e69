"""The note of a page, from the numbers that it shows."""

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from ...records import SubjectKind
from .._rate import Rate
from .._words import listing
from ._sheet import Note
from ._text import drawable


def scripted_only(table: pd.DataFrame) -> bool:
    """Whether any row is a scripted subject's: such numbers say nothing about a model."""
    return bool(table["subject_kind"].eq(SubjectKind.SCRIPTED).any())


def note_of(
    rates: Sequence[Rate], *, scripted: bool, more: tuple[str, ...] = (), of: str = "exposed, valid episodes"
) -> Note:
    """The note over rates that are shown together. Clusters are those of the rate that has most: rates share them."""
    methods = dict.fromkeys(rate.method for rate in rates if rate.n)
    weak = [rate for rate in rates if rate.n and getattr(rate, "descriptive", False)]
    few = f" ({len(weak)} of {len(rates)} with too few clusters to decide: descriptive)" if weak else ""
    if any(not hasattr(rate, "unit") for rate in rates):
        few += " (episodes taken as independent)"
    return Note(
        n=sum(rate.n for rate in rates),
        clusters=max((rate.clusters for rate in rates), default=0),
        unit=unit_of(rates),
        method=listing(list(methods), 3) + few if methods else "",
        unknown=sum(rate.unknown for rate in rates),
        agent_caused=sum(rate.agent_caused for rate in rates),
        not_exposed=sum(rate.not_exposed for rate in rates),
        invalid=sum(rate.invalid for rate in rates),
        scripted=scripted,
        more=more,
        of=of,
    )


def unit_of(rates: Iterable[Any]) -> str:
    """What the rates count as one independent observation."""
    return next((str(rate.unit) for rate in rates if getattr(rate, "unit", None)), "world")


def invalid_reasons(episodes: pd.DataFrame) -> list[str]:
    """A sentence about why episodes are invalid; none where all are valid."""
    reasons = episodes.loc[~episodes["valid"].astype(bool), "invalid_reason"].fillna("no reason given")
    counts = reasons.astype(str).str.slice(0, 60).value_counts(sort=True)
    named = [f"{count:,} × {drawable(str(reason), 48)}" for reason, count in counts.head(3).items()]
    if len(counts) > len(named):
        named.append(f"{int(counts.iloc[3:].sum()):,} for other reasons")
    return [f"Invalid episodes: {listing(named)}."] if named else []


def unit_note(
    measured: Sequence[Any],
    *,
    scripted: bool,
    of: str,
    unknown: int = 0,
    invalid: int = 0,
    more: tuple[str, ...] = (),
    unit: str = "world",
) -> Note:
    """The note over estimates that are shown together."""
    known = [one for one in measured if one.n]
    methods = dict.fromkeys(one.method for one in known)
    weak = sum(bool(one.descriptive) for one in known)
    few = f" ({weak} of {len(known)} with too few clusters to decide: descriptive)" if weak else ""
    return Note(
        n=sum(one.n for one in known),
        clusters=max((one.clusters for one in known), default=0),
        unit=unit,
        method=listing(list(methods), 3) + few if methods else "",
        unknown=unknown,
        invalid=invalid,
        scripted=scripted,
        more=more,
        of=of,
    )
