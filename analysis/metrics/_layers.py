"""Defence in depth: several layers, and what they miss together."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .._outcomes import NO, UNKNOWN, YES, Codes
from .._rate import Rate, rate_of
from .._units import Labels


@dataclass(frozen=True)
class Layer:
    """One layer over the attacks that it was asked about."""

    name: str
    miss: Rate
    without: Rate
    """What all the others miss together."""
    rise: float | None
    """How much more is missed together without this layer."""
    fail_open: int
    """Attacks for which it gave no answer."""

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)


@dataclass(frozen=True)
class Defence:
    """What layers miss together: as measured, and as independence would have it."""

    layers: tuple[Layer, ...]
    joint: Rate
    independent: float | None
    """Product of the misses, over the attacks that every layer answered for."""
    ratio: float | None
    """Measured over independent: above 1 the layers miss the same attacks."""
    least: float | None
    most: float | None
    """Bounds without independence: max(0, Σ m - (L - 1)) and min m."""
    false_positives_at_most: float | None
    """Σ of the layers' false positive rates, at most 1; None where they are not told."""

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)


def defence_in_depth(
    caught: Mapping[str, Codes], units: Labels, *, false_positives: Mapping[str, float] | None = None
) -> Defence:
    """Joint miss of layers over attacks: Π m, measured P(∩ miss), their ratio and bounds. Unit: that of ``units``.

    ``caught``: for each layer a code an attack (`Trajectories.of`): yes, no, or unknown where it failed open.
    Raises `ValueError` without layers.
    """
    if not caught:
        raise ValueError("defence in depth: no layer was given")
    table = np.stack([np.asarray(codes, dtype=np.int8) for codes in caught.values()])
    joint = rate_of(_missed(table), units)
    layers = tuple(_layer(name, at, table, units, joint) for at, name in enumerate(caught))
    whole = (table != UNKNOWN).all(axis=0)
    misses = (table[:, whole] == NO).mean(axis=1) if whole.any() else None
    independent = None if misses is None else float(misses.prod())
    flagged = sum(false_positives.values()) if false_positives is not None else None
    return Defence(
        layers=layers,
        joint=joint,
        independent=independent,
        ratio=_over((table[:, whole] == NO).all(axis=0).mean() if whole.any() else None, independent),
        least=None if misses is None else max(0.0, float(misses.sum()) - (len(misses) - 1)),
        most=None if misses is None else float(misses.min()),
        false_positives_at_most=None if flagged is None else min(1.0, flagged),
    )


def _layer(name: str, at: int, table: Codes, units: Labels, joint: Rate) -> Layer:
    others = np.delete(table, at, axis=0)
    without = rate_of(_missed(others), units)
    rise = None if without.value is None or joint.value is None else without.value - joint.value
    return Layer(name, rate_of(_missed(table[[at]]), units), without, rise, int((table[at] == UNKNOWN).sum()))


def _missed(table: Codes) -> Codes:
    """Missed by all: no as soon as one caught it, unknown where one that did not answer might have."""
    open_ = (table == UNKNOWN).any(axis=0)
    return np.where((table == YES).any(axis=0), NO, np.where(open_, UNKNOWN, YES)).astype(np.int8)


def _over(joint: Any, independent: float | None) -> float | None:
    return None if joint is None or not independent else float(joint) / independent
