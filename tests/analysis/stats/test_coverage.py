"""The intervals hold the truth as often as they say; broken ones are seen to fall short by the same simulation."""

import numpy as np
import pytest

from offswitch.analysis.stats import Clusters, Estimate, clopper_pearson, confidence_sequence, proportion, wilson
from offswitch.analysis.stats.coverage import (
    HOSTILE,
    METHODS,
    Arms,
    Cell,
    compared,
    curve_coverage,
    errors_of_others,
    exact,
    hostile_coverage,
    repeated_coverage,
    sequence_coverage,
    shared,
    simulated,
    slope_coverage,
)

SAMPLES = 250
FEWEST = 0.95 - 3 * (0.95 * 0.05 / SAMPLES) ** 0.5
"""A true coverage of 95 % is simulated below this once in 700 times; every method here has more."""


@pytest.mark.parametrize("n", [7, 40])
def test_clopper_pearson_holds_every_rate_and_wilson_the_average(n: int) -> None:
    rates = np.linspace(0.001, 0.999, 499)
    assert exact(clopper_pearson, n, rates).min() >= 0.95
    assert exact(wilson, n, rates).mean() >= 0.94
    assert exact(wilson, n, rates).min() < 0.95


def unclustered(clusters: Clusters) -> Estimate:
    """What a reader computes who takes every episode for independent."""
    found = wilson(clusters.total, clusters.n)
    return Estimate(clusters.mean, found.lo, found.hi, clusters.n, clusters.groups, "wilson")


@pytest.mark.parametrize("cell", [Cell(30, "equal", 0.5, 0.02), Cell(10, "unequal", 0.2, 0.1)])
def test_clusters_are_held_where_others_fall_short(cell: Cell) -> None:
    found = simulated(cell, {**METHODS, "normal": errors_of_others, "naive": unclustered}, SAMPLES)
    assert min(found[name] for name in METHODS) >= FEWEST
    assert found["normal"] < 0.8
    assert found["naive"] < 0.8


@pytest.mark.parametrize("cell", [Cell(30, "equal", 0.5, 0.02), Cell(30, "unequal", 0.2, 0.3)])
def test_means_differences_and_ratios_are_held(cell: Cell) -> None:
    assert min(compared(cell, SAMPLES).values()) >= FEWEST


@pytest.mark.parametrize("arms", ["alike", "opposed"])
def test_arms_over_the_same_worlds_are_held_because_they_are_paired(arms: Arms) -> None:
    found = shared(arms, 60, SAMPLES)
    assert min(found["difference_of paired"], found["log_ratio paired"]) >= FEWEST
    if arms == "alike":
        assert max(found["difference_of width"], found["log_ratio width"]) < 0.85
    else:
        assert found["difference_of unpaired"] < FEWEST


@pytest.mark.parametrize("within", [True, False])
def test_a_slope_is_held_and_one_that_is_not_there_is_rarely_found(within: bool) -> None:
    found = slope_coverage(0.0, 20, 150, within=within)
    assert found["covered"] >= 0.89
    assert found["found"] <= 0.11


@pytest.mark.parametrize("name", HOSTILE)
def test_what_decides_holds_the_mean_of_hostile_worlds(name: str) -> None:
    found = hostile_coverage(name, 30, SAMPLES)
    assert min(found["worlds"], found["episodes"]) >= FEWEST
    assert min(found["naive"], found["normal"]) < FEWEST


def test_a_sequence_may_be_looked_at_and_an_interval_of_one_look_may_not() -> None:
    assert sequence_coverage(0.2, 300, 400) >= 0.93
    assert repeated_coverage(0.2, 300, 400) < 0.85


def test_the_sequence_that_is_simulated_is_the_one_that_is_given_out() -> None:
    found = confidence_sequence(3, 40)
    from offswitch.analysis.stats._sequence import refuted

    inside, outside = (found.lo + 1e-6, found.hi - 1e-6), (found.lo - 1e-6, found.hi + 1e-6)
    assert not any(refuted(3, 40, rate).any() for rate in inside)
    assert all(refuted(3, 40, rate).all() for rate in outside)


def test_bands_over_repeated_worlds_are_held_and_those_of_independent_ones_are_not() -> None:
    found = curve_coverage(12, 10, 150)
    assert found["clustered"] >= 0.89
    assert found["independent"] < 0.85


@pytest.mark.parametrize(("groups", "shows_only"), [(1, True), (9, True), (10, False), (30, False)])
def test_few_clusters_show_and_cannot_decide(groups: int, shows_only: bool) -> None:
    assert proportion(Clusters(np.ones(groups), np.full(groups, 5.0))).descriptive is shows_only
