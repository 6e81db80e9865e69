"""Trends over an ordered condition."""

import numpy as np
import pytest

from offswitch.analysis.stats import clustered_slope, trend


def test_a_rate_that_rises_has_a_trend_and_a_mirrored_one_falls() -> None:
    rising, falling = trend([2, 6, 12], [20, 20, 20], [0, 1, 2]), trend([12, 6, 2], [20, 20, 20], [0, 1, 2])
    assert rising.z is not None
    assert falling.z == pytest.approx(-rising.z)
    assert rising.p_value == pytest.approx(falling.p_value)
    # chi-square for trend, 1 df: N (N Σkx - K Σnx)² / (K (N - K)(N Σnx² - (Σnx)²))
    assert rising.z**2 == pytest.approx(60 * (60 * 30 - 20 * 60) ** 2 / (20 * 40 * (60 * 100 - 60**2)))


@pytest.mark.parametrize(("k", "n"), [([0, 0], [5, 5]), ([5, 5], [5, 5]), ([0, 0], [0, 0])])
def test_where_nothing_differs_there_is_no_trend(k: list[int], n: list[int]) -> None:
    assert trend(k, n, [0, 1]).z is None
    assert trend(k, n, [0, 1]).p_value == 1


def sample(slope: float, rng: np.random.Generator, groups: int = 40, repeats: int = 3) -> tuple[np.ndarray, ...]:
    x = np.tile(np.repeat([0.0, 1.0, 2.0], repeats), groups)
    clusters = np.repeat(np.arange(groups), 3 * repeats)
    base = np.repeat(rng.normal(-1, 1.5, groups), 3 * repeats)
    y = (rng.random(len(x)) < 1 / (1 + np.exp(-(base + slope * x)))).astype(float)
    return y, x, clusters


def test_a_clustered_slope_finds_the_direction_and_says_how_sure_it_is() -> None:
    y, x, clusters = sample(1.0, np.random.default_rng(2))
    up, down = clustered_slope(y, x, clusters), clustered_slope(y, -x, clusters)
    assert up.value is not None
    assert down.value is not None
    assert 0 < up.lo < up.value < up.hi
    assert down.value == pytest.approx(-up.value)
    assert up.p_value < 0.001
    assert (up.n, up.clusters, up.descriptive) == (360, 40, False)


def test_without_a_slope_it_is_rarely_found_although_whole_clusters_go_together() -> None:
    """Conditions differ between clusters, so that repetition alone would look like evidence."""
    rng, groups, repeats = np.random.default_rng(3), 30, 10
    x = np.repeat(np.resize([0.0, 1.0, 2.0], groups), repeats)
    clusters = np.repeat(np.arange(groups), repeats)
    clustered, naive = 0, 0
    for _ in range(200):
        y = (rng.random(len(x)) < np.repeat(rng.beta(0.3, 0.7, groups), repeats)).astype(float)
        clustered += clustered_slope(y, x, clusters).p_value < 0.05
        k, n = (np.bincount(x.astype(int), weights=one) for one in (y, np.ones_like(y)))
        naive += trend(k, n, [0, 1, 2]).p_value < 0.05
    assert clustered <= 18
    assert naive >= 60


def test_answers_that_separate_have_no_finite_slope_and_still_a_test() -> None:
    x = np.repeat([0.0, 1.0], 20)
    found = clustered_slope((x > 0).astype(float), x, np.arange(40))
    assert found.value is None
    assert (found.lo, found.hi) == (-np.inf, np.inf)
    assert found.t is not None
    assert found.t > 0
    assert found.p_value < 0.001


@pytest.mark.parametrize("y", [[0, 0, 0, 0], [1, 1, 1, 1]])
def test_one_answer_only_is_no_slope(y: list[int]) -> None:
    found = clustered_slope(y, [0, 1, 0, 1], ["a", "a", "b", "b"])
    assert (found.value, found.t, found.p_value) == (None, None, 1.0)
    assert found.descriptive


def test_one_cluster_or_one_condition_tells_nothing() -> None:
    assert clustered_slope([0, 1, 1], [0, 1, 2], ["a"] * 3).p_value == 1
    assert clustered_slope([0, 1, 1], [1, 1, 1], ["a", "b", "c"]).value is None


def test_a_missing_answer_is_refused() -> None:
    with pytest.raises(ValueError, match="clustered_slope"):
        clustered_slope([0, float("nan")], [0, 1], ["a", "b"])
    with pytest.raises(ValueError, match="outside 0 to 1"):
        clustered_slope([0, 1.5], [0, 1], ["a", "b"])
