"""The same inputs through scipy and statsmodels."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats as scipy_stats
from statsmodels.duration import survfunc
from statsmodels.stats import contingency_tables, multitest
from statsmodels.stats import proportion as others

from offswitch.analysis.stats import (
    bootstrap,
    clopper_pearson,
    confidence_sequence,
    holm,
    kaplan_meier,
    lower_bound,
    mcnemar,
    per_arm,
    trend,
    upper_bound,
    wilson,
)

THEIRS: Any = others
TABLES: Any = contingency_tables
FAMILIES: Any = multitest
COUNTS = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(COUNTS)
@settings(max_examples=100)
def test_wilson_and_clopper_pearson_are_those_of_statsmodels_and_scipy(counts: tuple[int, int]) -> None:
    k, n = counts
    for ours, name, word in ((wilson, "wilson", "wilson"), (clopper_pearson, "beta", "exact")):
        found = ours(k, n)
        lo, hi = THEIRS.proportion_confint(k, n, method=name)
        assert (found.lo, found.hi) == pytest.approx((lo, hi), abs=1e-9)
        exact: Any = scipy_stats.binomtest(k, n)
        theirs = exact.proportion_ci(0.95, method=word)
        assert (found.lo, found.hi) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@given(COUNTS)
@settings(max_examples=50)
def test_one_sided_bounds_are_those_of_scipy(counts: tuple[int, int]) -> None:
    k, n = counts
    above = scipy_stats.binomtest(k, n, alternative="less").proportion_ci(0.95).high
    below = scipy_stats.binomtest(k, n, alternative="greater").proportion_ci(0.95).low
    assert upper_bound(k, n) == pytest.approx(above, abs=1e-9)
    assert lower_bound(k, n) == pytest.approx(below, abs=1e-9)


@given(st.integers(0, 40), st.integers(0, 40))
@settings(max_examples=50)
def test_mcnemar_is_that_of_statsmodels(cured: int, broken: int) -> None:
    theirs = TABLES.mcnemar([[5, cured], [broken, 7]], exact=True)
    assert mcnemar(cured, broken) == pytest.approx(min(1.0, float(theirs.pvalue)), abs=1e-12)


@pytest.mark.parametrize(
    "p_values", [[0.3], [0.01, 0.04, 0.03], [0.5, 0.5, 0.02, 0.02], [1.0, 0.0, 0.2], [0.2, 0.015, 0.011, 0.0124]]
)
def test_holm_is_that_of_statsmodels_and_never_below_the_single_values(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert adjusted == pytest.approx(tuple(FAMILIES.multipletests(p_values, method="holm")[1]))
    assert all(after >= before for after, before in zip(adjusted, p_values, strict=True))


def test_the_trend_is_the_square_root_of_the_linear_association_of_statsmodels() -> None:
    k, n, x = np.array([2, 6, 11, 14]), np.array([40, 38, 41, 39]), np.arange(4)
    table = TABLES.Table(np.column_stack([n - k, k]))
    theirs = table.test_ordinal_association(row_scores=x, col_scores=np.array([0, 1]))
    total = n.sum()
    # statsmodels divides by n - 1 where Cochran and Armitage divide by n.
    found = trend(k, n, x)
    assert found.z is not None
    assert found.z * np.sqrt((total - 1) / total) == pytest.approx(float(theirs.zscore), rel=1e-9)


def test_the_survival_curve_is_that_of_statsmodels() -> None:
    rng = np.random.default_rng(3)
    times, happened = rng.integers(1, 20, 60), rng.random(60) < 0.6
    theirs: Any = survfunc.SurvfuncRight(times, happened)
    ours = kaplan_meier(times, happened)
    # Theirs also lists the times at which somebody left unharmed.
    at = [list(theirs.surv_times).index(time) for time in ours.times]
    assert ours.survival == pytest.approx(theirs.surv_prob[at])
    assert ours.at_risk == tuple(int(one) for one in theirs.n_risk[at])
    spread = theirs.surv_prob_se[at]
    for curve, lo, hi, error in zip(ours.survival, ours.lo, ours.hi, spread, strict=True):
        if 0 < curve < 1:
            half = 1.959963985 * error / (curve * abs(np.log(curve)))
            assert (lo, hi) == pytest.approx((curve ** np.exp(half), curve ** np.exp(-half)), rel=1e-6)


def test_the_bootstrap_of_a_mean_is_that_of_scipy() -> None:
    values = np.random.default_rng(5).random(80)

    def mean(rows: NDArray[np.intp]) -> float:
        return float(values[rows].mean())

    ours = bootstrap(mean, [[range(80)]], samples=4000)
    theirs = scipy_stats.bootstrap((values,), np.mean, n_resamples=4000, method="percentile", rng=1)
    assert ours is not None
    assert (ours.lo, ours.hi) == pytest.approx(tuple(theirs.confidence_interval), abs=0.01)


def test_sample_sizes_are_those_of_the_textbook() -> None:
    assert per_arm(0.1, 0.2) == 197  # without continuity correction (Fleiss)


@given(COUNTS)
@settings(max_examples=30)
def test_what_may_be_looked_at_always_is_wider_than_what_may_be_looked_at_once(counts: tuple[int, int]) -> None:
    k, n = counts
    always, once = confidence_sequence(k, n), wilson(k, n)
    assert always.hi - always.lo >= once.hi - once.lo - 0.02
    assert always.lo <= k / n <= always.hi
