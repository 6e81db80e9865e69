"""The figures are taken as they say; what they come to is for the command to show, not for a test to judge."""

import itertools
import time

import pytest

from offswitch.benchmarks import MEASUREMENTS, Figure, Side, bench
from offswitch.benchmarks._figure import interleaved, of_ratio, of_rounds, of_times, spread


def test_operations_take_turns() -> None:
    order: list[str] = []
    taken = interleaved({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 4)
    assert order == ["a", "b"] * 7, "three turns to warm up, and four that count"
    assert {name: len(times) for name, times in taken.items()} == {"a": 4, "b": 4}


def test_an_operation_is_timed_in_milliseconds() -> None:
    taken = interleaved({"sleep": lambda: time.sleep(0.02)}, 3)
    assert all(20.0 <= one < 2000.0 for one in taken["sleep"])


def test_a_ratio_is_of_medians_and_its_spread_of_stretches() -> None:
    above = list(itertools.islice(itertools.cycle([2.0, 2.0, 50.0]), 60))
    ratio = of_ratio("key", above, [1.0] * 60, "meaning", 2.5)
    assert (ratio.value, ratio.met, ratio.readings) == (2.0, True, 60)
    assert (ratio.low, ratio.high) == (2.0, 2.0)
    assert dict(ratio.parts) == {"above_ms": 2.0, "below_ms": 1.0}


def test_a_figure_is_on_one_side_of_its_target() -> None:
    assert of_times("key", [1.0, 5.0, 3.0], "", 3.0).met is True
    assert of_times("key", [1.0, 5.0, 4.0], "", 3.0).met is False
    assert of_rounds("key", [10.0, 30.0, 20.0], "per s", "", 20.0).met is True
    assert Figure("key", 1.0, "ratio", "", 2.0, Side.AT_LEAST).met is False
    assert Figure("key", 1.0, "ratio", "").met is None


def test_a_single_reading_is_its_own_spread() -> None:
    assert spread([4.0]) == (4.0, 4.0)


def test_a_name_that_is_no_measurement_is_refused() -> None:
    with pytest.raises(KeyError):
        bench(["nothing"])


@pytest.mark.docker
@pytest.mark.parametrize("name", [name for name in MEASUREMENTS if name not in ("lives", "growth")])
def test_every_measurement_runs_and_names_its_figures(name: str) -> None:
    found = bench([name], scale=0.001)
    assert found.figures
    for figure in found.figures:
        assert figure.value > 0 or name == "memory", f"{figure.key}: four episodes may well be lost in the heap"
        assert figure.key in (MEASUREMENTS[name].__doc__ or ""), "its documentation names it"
        assert figure.low is None or figure.high is None or figure.low <= figure.high
    assert found.machine["cores"] >= 1
