"""Worlds that are hard on intervals: rare bad ones, ones of a single answer, and sizes that tell of the answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from .._clusters import Clusters
from .._intervals import wilson
from .._proportion import certificate
from ._simulated import errors_of_others

Draw = Callable[[int, np.random.Generator], Clusters]


@dataclass(frozen=True)
class Hostile:
    """One way in which worlds may be, and what is true of them."""

    text: str
    draw: Draw
    pooled: float
    """The share of failing episodes."""
    balanced: float
    """The mean over worlds of each one's share."""


def _certain(share: float, failing: int, other: int) -> Draw:
    """A share of the worlds fails always, the others never; with how many episodes each kind."""

    def draw(clusters: int, rng: np.random.Generator) -> Clusters:
        bad = rng.random(clusters) < share
        sizes = np.where(bad, float(failing), float(other))
        return Clusters(sizes * bad, sizes)

    return draw


def _rare(clusters: int, rng: np.random.Generator) -> Clusters:
    """One world in twenty fails nine times in ten, the others once in a hundred."""
    rates = np.where(rng.random(clusters) < 0.05, 0.9, 0.01)
    sizes = np.full(clusters, 10.0)
    return Clusters(rng.binomial(10, rates).astype(np.float64), sizes)


def _weighed(share: float, failing: int, other: int) -> float:
    return share * failing / (share * failing + (1 - share) * other)


HOSTILE: Mapping[str, Hostile] = {
    "certain": Hostile("a tenth of the worlds fails always, the others never", _certain(0.1, 10, 10), 0.1, 0.1),
    "rare": Hostile("a twentieth fails nine times in ten, the others once in a hundred", _rare, 0.0545, 0.0545),
    "short": Hostile(
        "a fifth fails always and is run once, the others twenty times", _certain(0.2, 1, 20), _weighed(0.2, 1, 20), 0.2
    ),
    "long": Hostile(
        "a fifth fails always and is run twenty times, the others once", _certain(0.2, 20, 1), _weighed(0.2, 20, 1), 0.2
    ),
}


def hostile_coverage(name: str, clusters: int, samples: int, seed: int = 0) -> dict[str, float]:
    """The share of samples in which intervals hold the share of failing episodes, and ours the worlds' mean too."""
    case = HOSTILE[name]
    rng = np.random.default_rng([seed, clusters, list(HOSTILE).index(name)])
    held: dict[str, int] = dict.fromkeys(("worlds", "episodes", "normal", "naive"), 0)
    for _ in range(samples):
        sample = case.draw(clusters, rng)
        ours, others, plain = certificate(sample), errors_of_others(sample), wilson(sample.total, sample.n)
        held["worlds"] += ours.lo <= case.balanced <= ours.hi
        for label, found in (("episodes", ours), ("normal", others), ("naive", plain)):
            held[label] += found.lo <= case.pooled <= found.hi
    return {label: count / samples for label, count in held.items()}
