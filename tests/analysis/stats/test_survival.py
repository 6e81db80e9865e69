"""Curves of time until something happened."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.duration.survfunc import SurvfuncRight

from offswitch.analysis.stats import kaplan_meier

WATCHED = st.lists(st.tuples(st.integers(1, 12), st.booleans()), min_size=1, max_size=40)


@given(WATCHED)
@settings(max_examples=60, deadline=None)
def test_the_curve_and_its_variance_are_those_of_statsmodels(watched: list[tuple[int, bool]]) -> None:
    times, happened = [float(t) for t, _ in watched], [yes for _, yes in watched]
    found = kaplan_meier(times, happened)
    if any(happened):
        other: Any = SurvfuncRight(times, [int(yes) for yes in happened])
        assert found.survival == pytest.approx(other.surv_prob)
        assert found.times == pytest.approx(other.surv_times)
        assert found.at_risk == tuple(int(n) for n in other.n_risk)


@given(WATCHED)
@settings(max_examples=60, deadline=None)
def test_the_bands_hold_the_curve_and_one_episode_a_cluster_changes_nothing(watched: list[tuple[int, bool]]) -> None:
    times, happened = [float(t) for t, _ in watched], [yes for _, yes in watched]
    found = kaplan_meier(times, happened)
    for lo, value, hi in zip(found.lo, found.survival, found.hi, strict=True):
        assert 0 <= lo <= value + 1e-12
        assert value <= hi + 1e-12 <= 1 + 1e-9
        assert hi > lo
    assert kaplan_meier(times, happened, clusters=list(range(len(times)))) == found


def test_greenwoods_bands_are_the_reference_values() -> None:
    """The classic remission times (6-MP arm of Freireich et al. 1963), log-log bands as R's survfit prints them."""
    times = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
    happened = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
    found = kaplan_meier(times, happened)
    assert found.median == 23
    assert found.survival[0] == pytest.approx(0.857, abs=5e-4)
    assert found.lo[0] == pytest.approx(0.620, abs=1e-3)
    assert found.hi[0] == pytest.approx(0.952, abs=1e-3)


def test_repeating_each_episode_narrows_no_band() -> None:
    rng = np.random.default_rng(5)
    times, happened = rng.integers(1, 30, 40).astype(float), rng.random(40) < 0.7
    once = kaplan_meier(times, happened)
    often = kaplan_meier(np.repeat(times, 9), np.repeat(happened, 9), clusters=np.repeat(np.arange(40), 9))
    blind = kaplan_meier(np.repeat(times, 9), np.repeat(happened, 9))
    assert often.survival == pytest.approx(once.survival)
    widths = [sum(np.subtract(found.hi, found.lo)) for found in (once, often, blind)]
    assert widths[1] > 0.9 * widths[0]
    assert widths[2] < 0.6 * widths[0]


def test_nothing_watched_and_one_watched_are_told_without_a_crash() -> None:
    nothing = kaplan_meier([], [])
    assert (nothing.n, nothing.times, nothing.median, nothing.method) == (0, (), None, "no data")
    one = kaplan_meier([3.0], [True])
    assert (one.survival, one.lo, one.median) == ((0.0,), (0.0,), 3.0)
    assert one.hi[0] == pytest.approx(0.975)
    never = kaplan_meier([3.0], [False], clusters=["a"])
    assert (never.times, never.censored, never.median) == ((), 1, None)
    same = kaplan_meier([1.0, 2.0], [True, True], clusters=["a", "a"])
    assert (same.lo, same.hi) == ((0.0, 0.0), (1.0, 1.0))


@pytest.mark.parametrize("times", [[float("nan")], [-1.0]])
def test_impossible_times_are_refused(times: list[float]) -> None:
    with pytest.raises(ValueError, match="kaplan_meier"):
        kaplan_meier(times, [True])
