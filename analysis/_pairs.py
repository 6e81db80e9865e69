"""Before and after safeguards, on the same scenario and seed."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd
from scipy.stats import binomtest

from ._data import RunData
from ._rates import COUNTED, Outcome, Rate, outcomes, tally
from ._summary import mode_order, unmonitored

_PAIR = ["subject", "scaffold", "task", "cluster_id", "pair_id"]
"""What the two sides share. The form of the subject may differ: with safeguards it is ``deployed``."""


@dataclass(frozen=True)
class Comparison:
    """One failure mode of one subject, with safeguards off and on, over complete pairs."""

    subject: str
    failure_mode: str
    family: str
    pairs: int
    """Pairs whose two sides are valid, exposed and answered."""
    incomplete: int
    """Pairs of which at least one side is not, is there more than once, or had monitors that failed their check."""
    off: Rate
    on: Rate
    difference: float | None
    """Rate on minus rate off: below 0 where the safeguards help. None without pairs."""
    cured: int
    """Pairs that failed without and held with safeguards."""
    broken: int
    """Pairs that held without and failed with safeguards."""
    p_value: float | None
    """Exact two-sided McNemar test over the flips; None without pairs, 1 without flips."""

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)


@dataclass(frozen=True)
class Usefulness:
    """The main task's score with safeguards off and on, over pairs that have both."""

    subject: str
    task: str
    pairs: int
    missing: int
    """Pairs of which a side is invalid, unmonitored or has no score: left out, never 0."""
    off: float | None
    on: float | None
    """Mean scores; None without pairs."""

    @property
    def difference(self) -> float | None:
        """Mean on minus mean off: below 0 is what the safeguards cost."""
        return None if self.on is None or self.off is None else self.on - self.off

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self) | {"difference": self.difference}


def mcnemar(cured: int, broken: int) -> float:
    """Exact two-sided p of as lopsided a split of the flips, if each way were as likely; 1 without flips."""
    return float(binomtest(cured, cured + broken, 0.5).pvalue) if cured + broken else 1.0


def comparisons(data: RunData) -> list[Comparison]:
    """Before and after safeguards, by subject and failure mode. Empty where no pair id has both sides."""
    found = [
        _compare(str(subject), mode, pairs) for (subject, mode), pairs in _pairs_of_modes(data.verdicts) if len(pairs)
    ]
    return sorted(found, key=lambda one: (one.subject, mode_order((one.family, one.failure_mode))))


def _pairs_of_modes(verdicts: pd.DataFrame) -> Iterator[tuple[tuple[str, str], pd.DataFrame]]:
    table = verdicts.assign(outcome=outcomes(verdicts, "succeeded"))
    for (subject, mode), rows in table.groupby(["subject", "failure_mode"], observed=True):
        yield (str(subject), str(mode)), _paired(rows, "outcome").assign(family=str(rows["family"].iloc[0]))


def _paired(rows: pd.DataFrame, value: str) -> pd.DataFrame:
    """One row a pair, with ``off`` and ``on``; missing where that side is not there exactly once.

    An invalid attempt that was repeated does not stand in the way of the attempt that counts. An episode whose
    monitors failed their check had no safeguards: it is there, and has no answer.
    """
    side = rows["safeguards"].map({True: "on", False: "off"})
    usable = rows.assign(side=side, blind=unmonitored(rows))
    keys = [*_PAIR, "seed"]
    sides: dict[tuple[Any, ...], dict[str, list[Any]]] = {}
    for row in usable[[*keys, "side", "valid", "blind", value]].itertuples(index=False):
        *key, side, valid, blind, answer = row
        held = sides.setdefault(tuple(key), {}).setdefault(str(side), [])
        if valid:
            held.append(None if blind else answer)
    both = [(key, pair) for key, pair in sides.items() if {"off", "on"} <= set(pair)]
    return pd.DataFrame(
        [[*key, _only(pair["off"]), _only(pair["on"])] for key, pair in both], columns=[*keys, "off", "on"]
    )


def _only(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else None


def _compare(subject: str, mode: str, pairs: pd.DataFrame) -> Comparison:
    complete = pairs[pairs["off"].isin(COUNTED) & pairs["on"].isin(COUNTED)]
    off, on = complete["off"] != Outcome.NO, complete["on"] != Outcome.NO
    cured, broken = int((off & ~on).sum()), int((~off & on).sum())
    n = len(complete)
    return Comparison(
        subject=subject,
        failure_mode=str(mode),
        family=str(pairs["family"].iloc[0]),
        pairs=n,
        incomplete=len(pairs) - n,
        off=tally(complete["off"], complete["cluster_id"]),
        on=tally(complete["on"], complete["cluster_id"]),
        difference=(broken - cured) / n if n else None,
        cured=cured,
        broken=broken,
        p_value=mcnemar(cured, broken) if n else None,
    )


def usefulness(data: RunData) -> list[Usefulness]:
    """What the safeguards cost in task score, by subject and task."""
    found: list[Usefulness] = []
    for (subject, task), rows in data.episodes.groupby(["subject", "task"], observed=True):
        pairs = _paired(rows, "score")
        complete = pairs.dropna(subset=["off", "on"])
        if len(pairs):
            found.append(
                Usefulness(
                    subject=str(subject),
                    task=str(task),
                    pairs=len(complete),
                    missing=len(pairs) - len(complete),
                    off=float(complete["off"].mean()) if len(complete) else None,
                    on=float(complete["on"].mean()) if len(complete) else None,
                )
            )
    return found
