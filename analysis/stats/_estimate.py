"""`Estimate`: a number that says how far it can be trusted."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """A value with its interval and what stands behind it."""

    value: float | None
    """None where there is nothing to estimate it from, never 0."""
    lo: float
    hi: float
    """Ends of the interval, as wide as the parameter's range where nothing is known (infinite where it has none)."""
    n: int
    """Observations."""
    clusters: int
    """Independent groups among them."""
    method: str
    """Of the interval, for example ``wilson 95%``; ``no data`` where n is 0."""
    descriptive: bool = False
    """The interval does not keep its confidence with so few clusters: it shows, and cannot decide."""
