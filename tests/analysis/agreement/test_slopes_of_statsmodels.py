"""Logistic slopes over clusters: those of generalised estimating equations."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import t
from statsmodels.genmod.cov_struct import Independence
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.generalized_estimating_equations import GEE

from offswitch.analysis.stats import clustered_slope

THEIRS: Any = GEE
GROUPS, EACH = 25, 6
Sample = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.intp]]


@pytest.fixture(scope="module")
def sample() -> Sample:
    """Worlds of different readiness to fail, each under conditions of its own."""
    rng = np.random.default_rng(11)
    codes = np.repeat(np.arange(GROUPS), EACH)
    steps = rng.integers(0, 4, GROUPS * EACH).astype(float)
    worlds = rng.normal(-1, 1.2, GROUPS)
    return (rng.random(GROUPS * EACH) < expit(worlds[codes] + 0.6 * steps)).astype(float), steps, codes


def _equations(sample: Sample) -> Any:
    answers, steps, codes = sample
    design = np.column_stack([np.ones_like(steps), steps])
    return THEIRS(answers, design, groups=codes, family=Binomial(), cov_struct=Independence())


def test_the_slope_is_that_of_estimating_equations_and_its_error_theirs_with_small_sample_factors(
    sample: Sample,
) -> None:
    ours, theirs = clustered_slope(*sample), _equations(sample).fit()
    assert ours.value == pytest.approx(float(theirs.params[1]), rel=1e-6)
    n = GROUPS * EACH
    factor = GROUPS / (GROUPS - 1) * np.sqrt(GROUPS / (GROUPS - 1) * (n - 1) / (n - 2))
    reach = float(t.ppf(0.975, GROUPS - 2)) * factor * float(theirs.bse[1])
    assert ours.value is not None
    assert (ours.lo, ours.hi) == pytest.approx((ours.value - reach, ours.value + reach), rel=1e-5)


def test_the_slope_of_shares_is_that_of_estimating_equations(sample: Sample) -> None:
    """Scores are shares: their mean is modelled as that of answers is (fractional logit)."""
    answers, steps, codes = sample
    shares = np.clip(0.5 * answers + 0.1 * steps + np.random.default_rng(5).uniform(0, 0.2, len(answers)), 0, 1)
    ours, theirs = clustered_slope(shares, steps, codes), _equations((shares, steps, codes)).fit()
    assert ours.value == pytest.approx(float(theirs.params[1]), rel=1e-6)
    level = THEIRS(shares, np.ones((len(shares), 1)), groups=codes, family=Binomial(), cov_struct=Independence())
    score = theirs.model.compare_score_test(level.fit())
    assert ours.t is not None
    assert ours.t**2 == pytest.approx(float(score["statistic"]) * (GROUPS - 1) / GROUPS, rel=1e-6)


def test_the_score_test_is_theirs_with_a_factor_and_students_t_for_the_normal(sample: Sample) -> None:
    answers, _, codes = sample
    level = THEIRS(answers, np.ones((len(answers), 1)), groups=codes, family=Binomial(), cov_struct=Independence())
    theirs = _equations(sample).fit().model.compare_score_test(level.fit())
    ours = clustered_slope(*sample)
    assert ours.t is not None
    assert ours.t**2 == pytest.approx(float(theirs["statistic"]) * (GROUPS - 1) / GROUPS, rel=1e-6)
    assert ours.p_value >= float(theirs["p-value"])
