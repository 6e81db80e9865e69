"""One figure, and how it is taken: operations that take turns, so that all of them meet the same disturbance."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

Taken = dict[str, list[float]]
"""Operation → its times in milliseconds, in the order in which they were taken."""


class Side(StrEnum):
    """On which side of its target a figure should be."""

    AT_MOST = "at_most"
    AT_LEAST = "at_least"


@dataclass(frozen=True)
class Figure:
    """A median with its spread."""

    key: str
    value: float
    unit: str
    """``ratio``, ``ms``, ``MB``, ``per s`` or ``containers``."""
    meaning: str
    target: float | None = None
    side: Side = Side.AT_MOST
    low: float | None = None
    """5th percentile of single readings, or the least of the rounds; None for a single reading."""
    high: float | None = None
    """95th percentile, or the most of the rounds."""
    readings: int = 1
    parts: Mapping[str, float] = field(default_factory=dict[str, float])
    """What a ratio is made of, and other readings that explain it."""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        if self.target is None:
            return None
        return self.value <= self.target if self.side is Side.AT_MOST else self.value >= self.target


def interleaved(operations: Mapping[str, Callable[[], object]], times: int) -> Taken:
    """Time every operation ``times`` times, one after the other in turn, after three turns to warm up."""
    taken: Taken = {name: [] for name in operations}
    for turn in range(times + 3):
        for name, operation in operations.items():
            started = time.perf_counter()
            operation()
            elapsed = (time.perf_counter() - started) * 1e3
            if turn >= 3:
                taken[name].append(elapsed)
    return taken


def of_times(key: str, taken: list[float], meaning: str, target: float | None = None) -> Figure:
    """The median of times in milliseconds."""
    low, high = spread(taken)
    return Figure(key, statistics.median(taken), "ms", meaning, target, low=low, high=high, readings=len(taken))


def of_ratio(
    key: str,
    above: list[float],
    below: list[float],
    meaning: str,
    target: float | None = None,
    side: Side = Side.AT_MOST,
) -> Figure:
    """The ratio of two medians; its spread is that of the ratios of twenty stretches of the same run."""
    pairs = zip(_stretches(above), _stretches(below), strict=True)
    ratios = [statistics.median(a) / statistics.median(b) for a, b in pairs]
    parts = {"above_ms": round(statistics.median(above), 3), "below_ms": round(statistics.median(below), 3)}
    value = statistics.median(above) / statistics.median(below)
    return Figure(
        key, value, "ratio", meaning, target, side, min(ratios), max(ratios), readings=len(above), parts=parts
    )


def of_rounds(
    key: str,
    values: list[float],
    unit: str,
    meaning: str,
    target: float | None = None,
    parts: Mapping[str, list[float]] | None = None,
) -> Figure:
    """The median of rounds of which more is better; ``parts`` by their medians."""
    told = {name: round(statistics.median(part), 3) for name, part in (parts or {}).items()}
    value = statistics.median(values)
    return Figure(key, value, unit, meaning, target, Side.AT_LEAST, min(values), max(values), len(values), told)


def spread(taken: list[float]) -> tuple[float, float]:
    """The 5th and the 95th percentile."""
    if len(taken) < 2:
        return taken[0], taken[0]
    cuts = statistics.quantiles(taken, n=20, method="inclusive")
    return cuts[0], cuts[-1]


def _stretches(taken: list[float], count: int = 20) -> list[list[float]]:
    size = max(1, len(taken) // count)
    return [taken[at : at + size] for at in range(0, size * (len(taken) // size), size)]
