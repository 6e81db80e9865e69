"""Intervals of one proportion."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from offswitch.analysis import Interval, clopper_pearson, wilson


@st.composite
def counts(draw: st.DrawFn) -> tuple[int, int]:
    """k of n, with n from 1 to 3000."""
    n = draw(st.integers(1, 3000))
    return draw(st.integers(0, n)), n


@pytest.mark.parametrize(
    ("k", "n", "lo", "hi"),
    [(0, 10, 0, 27.8), (0, 30, 0, 11.4), (0, 100, 0, 3.7), (3, 10, 10.8, 60.3), (2, 100, 0.6, 7.0)],
)
def test_wilson_gives_the_reference_values_of_the_metrics_document(k: int, n: int, lo: float, hi: float) -> None:
    """docs/design/metrics.md §1.5."""
    found = wilson(k, n)
    assert round(100 * found.lo, 1) == lo
    assert round(100 * found.hi, 1) == hi


def test_clopper_pearson_gives_one_percent_for_a_clean_row_of_three_hundred() -> None:
    """The rule of three: 3/n, one-sided at 95 %, which is two-sided at 90 %."""
    assert clopper_pearson(0, 300, confidence=0.90).hi == pytest.approx(1 - 0.05 ** (1 / 300))
    assert round(100 * clopper_pearson(0, 300, confidence=0.90).hi, 1) == 1.0


@given(counts(), st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_both_agree_with_scipy(count: tuple[int, int], confidence: float) -> None:
    k, n = count
    test = binomtest(k, n)
    for found, expected in (
        (wilson(k, n, confidence), test.proportion_ci(confidence, method="wilson")),
        (clopper_pearson(k, n, confidence), test.proportion_ci(confidence, method="exact")),
    ):
        assert found.lo == pytest.approx(float(expected.low), abs=1e-9)
        assert found.hi == pytest.approx(float(expected.high), abs=1e-9)


@given(counts())
def test_an_interval_holds_its_rate_and_is_never_of_zero_width(count: tuple[int, int]) -> None:
    """Resampling gives width 0 for cells that are all zero or all one; these must not."""
    k, n = count
    for found in (wilson(k, n), clopper_pearson(k, n)):
        assert 0 <= found.lo <= k / n <= found.hi <= 1
        assert found.hi - found.lo > 1e-4


@pytest.mark.parametrize("method", [wilson, clopper_pearson])
def test_no_observation_says_nothing(method: type) -> None:
    assert method(0, 0) == Interval(0.0, 1.0)


@pytest.mark.parametrize(("k", "n", "confidence"), [(-1, 3, 0.95), (4, 3, 0.95), (1, 3, 1.0), (1, 3, 0.0)])
def test_impossible_counts_are_refused(k: int, n: int, confidence: float) -> None:
    """A score above 1 once came from a divisor that was fixed while the count was not."""
    with pytest.raises(ValueError, match="interval"):
        wilson(k, n, confidence)
    with pytest.raises(ValueError, match="interval"):
        clopper_pearson(k, n, confidence)
