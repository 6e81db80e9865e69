"""What holds for every interval over clusters, whatever the data."""

import math
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offswitch.analysis.stats import (
    Clusters,
    Estimate,
    balanced,
    decisive,
    design_effect,
    difference,
    difference_of,
    log_ratio,
    mean,
    needed,
    power,
    proportion,
    risen,
    shared_correlation,
    sharing,
    upper_bound,
)

PAIRS = st.lists(
    st.integers(1, 6).flatmap(lambda size: st.tuples(st.integers(0, size), st.just(size))), min_size=2, max_size=20
)
EVERY = settings(max_examples=40, deadline=None)


def of(pairs: list[tuple[int, int]]) -> Clusters:
    return Clusters(
        np.array([yes for yes, _ in pairs], dtype=float), np.array([size for _, size in pairs], dtype=float)
    )


def width(found: Estimate) -> float:
    return found.hi - found.lo


@given(PAIRS)
@EVERY
def test_more_confidence_is_never_narrower(pairs: list[tuple[int, int]]) -> None:
    one = of(pairs)
    for method in (proportion, balanced, decisive, mean, difference):
        some, more = method(one, 0.8), method(one, 0.99)
        assert more.lo <= some.lo + 1e-9
        assert some.hi <= more.hi + 1e-9


@given(PAIRS)
@EVERY
def test_failures_and_successes_are_mirror_images(pairs: list[tuple[int, int]]) -> None:
    yes = of(pairs)
    no = Clusters(yes.sizes - yes.sums, yes.sizes)
    for method in (proportion, balanced, decisive, mean):
        one, other = method(yes), method(no)
        assert (one.lo, one.hi) == pytest.approx((1 - other.hi, 1 - other.lo), abs=1e-7)


@given(PAIRS, st.randoms(use_true_random=False))
@EVERY
def test_names_and_order_of_clusters_do_not_matter(pairs: list[tuple[int, int]], shuffle: Random) -> None:
    mixed = list(pairs)
    shuffle.shuffle(mixed)
    for method in (proportion, balanced, decisive, mean, difference):
        one, other = method(of(pairs)), method(of(mixed))
        assert (one.lo, one.hi) == pytest.approx((other.lo, other.hi), abs=1e-9)


@given(PAIRS)
@EVERY
def test_a_difference_and_its_reverse_are_mirror_images(pairs: list[tuple[int, int]]) -> None:
    one = of(pairs)
    centred = Clusters(2 * one.sums - one.sizes, one.sizes)
    there, back = difference(centred), difference(Clusters(-centred.sums, centred.sizes))
    assert (there.lo, there.hi) == pytest.approx((-back.hi, -back.lo), abs=1e-9)
    assert there.value is not None
    assert -1 <= there.lo <= there.value + 1e-9
    assert there.value <= there.hi + 1e-9 <= 1 + 1e-8
    assert width(there) > 0.01


@given(PAIRS)
@EVERY
def test_repeating_one_world_a_thousand_times_says_hardly_more(pairs: list[tuple[int, int]]) -> None:
    one = of(pairs)
    sizes = one.sizes.copy()
    sizes[0] *= 1000
    often = Clusters(one.sums * sizes / one.sizes, sizes)
    assert balanced(often).value == pytest.approx(balanced(one).value)
    for end in (1, -1):
        told, was = decisive(often), balanced(one)
        assert (told.hi if end > 0 else -told.lo) >= (was.hi if end > 0 else -was.lo) - 0.75 * width(was) / len(pairs)


def test_answers_that_go_together_make_wider_intervals() -> None:
    """Sixty of 200 in 20 clusters: spread evenly, somewhat together, wholly together."""
    sizes = np.full(20, 10.0)
    sums = (np.full(20, 3.0), np.array([1.0, 5.0] * 10), np.array([10.0] * 6 + [0.0] * 14))
    widths = [width(proportion(Clusters(one, sizes))) for one in sums]
    assert widths[0] < widths[1] < widths[2]
    effects = [design_effect(Clusters(one, sizes)) for one in sums]
    assert effects == sorted(effects, key=lambda one: one or 0.0)
    assert (effects[2] or 0.0) == pytest.approx(10, rel=0.3)


@pytest.mark.parametrize("rate", [0.0, 1.0])
@pytest.mark.parametrize("groups", [1, 3, 30])
def test_a_cell_of_one_answer_is_worth_its_clusters_and_not_its_repeats(groups: int, rate: float) -> None:
    found = proportion(Clusters(np.full(groups, 50 * rate), np.full(groups, 50.0)))
    reach = found.hi if rate == 0 else 1 - found.lo
    assert reach >= 1 - 0.025 ** (1 / groups) - 1e-9
    assert found.descriptive == (groups < 10)


def test_pairs_that_never_flip_leave_a_difference_open() -> None:
    found = difference(Clusters(np.zeros(12), np.full(12, 4.0)))
    assert found.value == 0
    assert found.lo == pytest.approx(-found.hi)
    assert found.hi > 0.2


def test_flips_within_one_cluster_are_not_taken_for_none() -> None:
    """As many cured as broken in each cluster: `risen` sees both, and is wider than a sum of zeros."""
    flips, sizes = np.full(15, 2.0), np.full(15, 4.0)
    apart = risen(Clusters(flips, sizes), Clusters(flips, sizes))
    assert apart.value == 0
    assert width(apart) > 0.3


def test_nothing_counted_is_no_number() -> None:
    none = Clusters(np.zeros(0), np.zeros(0))
    for found in (proportion(none), balanced(none), decisive(none), mean(none), difference(none)):
        assert found.value is None
        assert found.descriptive
    assert (mean(none).lo, mean(none).hi) == (0, 1)
    assert (difference(none).lo, difference(none).hi) == (-1, 1)
    assert (difference_of(none, none).value, log_ratio(none, none).hi) == (None, math.inf)


def test_a_ratio_over_nothing_is_no_number_and_one_of_nothing_is_zero() -> None:
    some, none = Clusters(np.ones(12), np.full(12, 2.0)), Clusters(np.zeros(12), np.full(12, 2.0))
    assert (log_ratio(some, none).value, log_ratio(some, none).lo, log_ratio(some, none).hi) == (None, 0.0, math.inf)
    nothing = log_ratio(none, some)
    assert (nothing.value, nothing.lo) == (0, 0)
    assert 0 < nothing.hi < math.inf


def test_a_mean_keeps_to_its_range_and_refuses_values_beyond_it() -> None:
    scores = Clusters(np.array([1.0, 9.0, 5.0]), np.array([1.0, 1.0, 1.0]))
    found = mean(scores, within=(0.0, 10.0))
    assert found.value == 5
    assert 0 <= found.lo < 5 < found.hi <= 10
    with pytest.raises(ValueError, match="impossible"):
        mean(scores)
    with pytest.raises(ValueError, match="range"):
        mean(scores, within=(-math.inf, math.inf))


@given(st.sampled_from([0.01, 0.02, 0.05, 0.2]), st.integers(0, 4))
@settings(max_examples=15, deadline=None)
def test_the_episodes_that_a_claim_needs_are_the_fewest_that_prove_it(limit: float, failures: int) -> None:
    n = needed(limit, failures)
    assert upper_bound(failures, n) <= limit < upper_bound(failures, n - 1)


def test_power_grows_with_observations_and_shrinks_with_repetition() -> None:
    assert power(0.1, 0.2, 197) == pytest.approx(0.8, abs=0.005)
    assert power(0.1, 0.2, 400) > power(0.1, 0.2, 200) > power(0.1, 0.2, 200, deff=5)
    assert power(0.1, 0.2, 1) >= 0.05
    with pytest.raises(ValueError, match="power"):
        power(0.1, 0.1, 100)


@given(PAIRS)
@EVERY
def test_what_two_samples_share_is_found_by_the_names_of_their_clusters(pairs: list[tuple[int, int]]) -> None:
    values = [float(number < yes) for yes, size in pairs for number in range(size)]
    names = np.array([f"world {place}" for place, (_, size) in enumerate(pairs) for _ in range(size)], dtype=object)
    one, other, together = sharing((values, names), (values, names))
    assert together == pytest.approx(shared_correlation(one, other))
    assert 0 <= together <= 1 + 1e-9
    back = sharing((values[::-1], names[::-1]), (values, names))[2]
    assert back == pytest.approx(together)
    apart = sharing((values, names), (values, names + "'"))[2]
    assert apart == 0
    mirrored = sharing((values, names), ([1 - value for value in values], names))[2]
    assert mirrored == pytest.approx(-1 if 0 < sum(values) < len(values) and one.residuals.any() else 0, abs=1e-6)


@given(PAIRS, PAIRS, st.floats(-1, 1))
@EVERY
def test_pairing_moves_no_value_and_keeps_it_inside(
    one: list[tuple[int, int]], other: list[tuple[int, int]], together: float
) -> None:
    for method in (difference_of, log_ratio):
        plain, paired = method(of(one), of(other)), method(of(one), of(other), correlation=together)
        assert paired.value == plain.value
        assert paired.value is None or paired.lo - 1e-9 <= paired.value <= paired.hi + 1e-9
        assert together > 0 or paired.hi >= plain.hi - 1e-9
