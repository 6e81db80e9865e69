"""Clustered proportions: what the interval may and may not claim."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offswitch.analysis.stats import Clusters, balanced, decisive, proportion, wilson

CLUSTERED = st.lists(st.tuples(st.integers(0, 5), st.integers(1, 5)), min_size=1, max_size=25)


def of(pairs: list[tuple[int, int]]) -> Clusters:
    sizes = np.array([size for _, size in pairs], dtype=float)
    return Clusters(np.minimum([yes for yes, _ in pairs], sizes).astype(float), sizes)


@given(CLUSTERED)
@settings(max_examples=60)
def test_the_interval_holds_the_value_and_is_never_of_zero_width(pairs: list[tuple[int, int]]) -> None:
    clusters = of(pairs)
    for found in (proportion(clusters), balanced(clusters), decisive(clusters)):
        assert found.value is not None
        assert 0 <= found.lo <= found.value <= found.hi <= 1
        assert found.hi - found.lo > 0.01
        assert found.descriptive == (len(pairs) < 10)


@given(CLUSTERED)
@settings(max_examples=60)
def test_clusters_never_say_more_than_as_many_independent_observations(pairs: list[tuple[int, int]]) -> None:
    clusters = of(pairs)
    if clusters.groups < clusters.n:
        free = wilson(clusters.total, clusters.n)
        found = proportion(clusters)
        assert found.hi - found.lo >= 0.9 * (free.hi - free.lo)


def test_repeating_one_harmless_cluster_does_not_lower_what_decides() -> None:
    fair = Clusters(np.array([1.0] * 6 + [0.0] * 14), np.ones(20))
    padded = Clusters(np.append(fair.sums, 0.0), np.append(fair.sizes, 1000.0))
    assert proportion(padded).value == pytest.approx(6 / 1020)
    assert decisive(padded).hi >= proportion(fair).hi - 0.03


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.8])
@pytest.mark.parametrize("sizes", [[10] * 30, [1, 2, 4, 8, 40] * 6])
@pytest.mark.parametrize("rate", [0.02, 0.3])
def test_the_interval_covers_whatever_the_correlation(rho: float, sizes: list[int], rate: float) -> None:
    rng = np.random.default_rng(11)
    covered = 0
    for _ in range(300):
        shape = (1 - rho) / rho if rho else 0.0
        inner = rng.beta(rate * shape, (1 - rate) * shape, len(sizes)) if rho else np.full(len(sizes), rate)
        yes = rng.binomial(sizes, inner)
        found = proportion(Clusters(yes.astype(float), np.array(sizes, dtype=float)))
        covered += found.lo <= rate <= found.hi
    assert covered / 300 >= 0.95
