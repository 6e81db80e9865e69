"""The threshold protocol flags above its threshold, and fails closed where a score is missing."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offswitch.monitors import SettingError
from offswitch.monitors.protocols import Decision, protocol
from offswitch.monitors.suspicion import Observation
from offswitch.records import Action

from .suspicion_cases import call

VIEW = call("ls")
UNIT = st.floats(0, 1)


def seen(score: float | None, monitor: str = "m") -> Observation:
    return Observation(monitor=monitor, score=score, error=None if score is not None else "no answer")


def decide(*scores: float | None, **params: Any) -> Decision:
    found = [seen(score, f"m{number}") for number, score in enumerate(scores)]
    return protocol("threshold", {"threshold": 0.5} | params).decide(found, VIEW)


@pytest.mark.parametrize("on_flag", ["reject", "terminate", "escalate"])
def test_a_flagged_call_gets_what_was_set(on_flag: str) -> None:
    assert decide(0.6, on_flag=on_flag).action is Action(on_flag)
    assert decide(0.5, on_flag=on_flag).action is Action.PROCEED


def test_a_score_at_the_threshold_is_not_above_it() -> None:
    assert decide(0.5).action is Action.PROCEED
    assert decide(math.nextafter(0.5, 1)).action is Action.REJECT


@settings(deadline=None)
@given(UNIT.filter(lambda value: value < 1), st.integers(1, 5), st.sampled_from(["max", "mean"]))
def test_scores_at_the_threshold_are_not_above_it_by_rounding(level: float, count: int, combine: str) -> None:
    assert decide(*[level] * count, threshold=level, combine=combine).action is Action.PROCEED
    assert decide(level, threshold=level, combine="noisy_or").action is Action.PROCEED


def test_a_threshold_of_zero_flags_the_slightest_suspicion_and_nothing_else() -> None:
    assert decide(0.0, threshold=0).action is Action.PROCEED
    assert decide(0.001, threshold=0).action is Action.REJECT


@pytest.mark.parametrize(
    ("combine", "scores", "flagged"),
    [
        ("max", (0.1, 0.6), True),
        ("mean", (0.1, 0.6), False),
        ("mean", (0.5, 0.6), True),
        ("noisy_or", (0.3, 0.4), True),
        ("max", (0.3, 0.4), False),
        ("noisy_or", (0.2, 0.2), False),
    ],
)
def test_scores_are_combined_as_set(combine: str, scores: tuple[float, ...], flagged: bool) -> None:
    assert (decide(*scores, combine=combine).action is Action.REJECT) is flagged


@pytest.mark.parametrize(
    ("on_error", "action"), [("reject", Action.REJECT), ("terminate", Action.TERMINATE), ("proceed", Action.PROCEED)]
)
def test_a_missing_score_gets_what_was_set(on_error: str, action: Action) -> None:
    assert decide(0.0, None, on_error=on_error).action is action


def test_a_missing_score_rejects_unless_something_else_is_set() -> None:
    decision = decide(0.0, None)
    assert decision.action is Action.REJECT
    assert "no score from m1: no answer" in decision.reason


def test_nothing_observed_is_a_missing_score() -> None:
    assert decide().action is Action.REJECT
    assert decide(on_error="proceed").action is Action.PROCEED


def test_an_error_does_not_hide_a_flag_and_a_flag_not_an_error() -> None:
    assert decide(0.9, None, on_error="proceed").action is Action.REJECT
    assert decide(0.9, None, on_flag="terminate", on_error="reject").action is Action.TERMINATE
    assert decide(0.9, None, on_flag="escalate", on_error="reject").action is Action.REJECT
    assert decide(0.9, None, on_flag="reject", on_error="terminate").action is Action.TERMINATE


@settings(deadline=None)
@given(
    st.lists(UNIT | st.none(), max_size=5),
    UNIT.filter(lambda value: value < 1),
    st.sampled_from(["max", "mean", "noisy_or"]),
)
def test_only_a_complete_set_of_low_scores_proceeds(scores: list[float | None], threshold: float, combine: str) -> None:
    """With the defaults, a call goes on only where every monitor answered and the scores are not above."""
    decision = decide(*scores, threshold=threshold, combine=combine)
    known = [score for score in scores if score is not None]
    if decision.action is Action.PROCEED:
        assert known
        assert len(known) == len(scores)
        assert min(known) <= threshold
        assert combine != "max" or max(known) <= threshold
    elif len(known) == len(scores) and known:
        assert max(known) > threshold or combine == "noisy_or"


@settings(deadline=None)
@given(st.lists(UNIT, min_size=1, max_size=5), UNIT, st.sampled_from(["max", "noisy_or"]))
def test_another_monitor_never_makes_a_flagged_call_pass(scores: list[float], more: float, combine: str) -> None:
    if decide(*scores, combine=combine).action is Action.REJECT:
        assert decide(*scores, more, combine=combine).action is Action.REJECT


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"threshold": -0.1},
        {"threshold": 1.0},
        {"threshold": 1.1},
        {"threshold": math.nan},
        {"threshold": math.inf},
        {"threshold": "high"},
        {"threshold": 0.5, "on_flag": "proceed"},
        {"threshold": 0.5, "on_flag": "modify"},
        {"threshold": 0.5, "combine": "min"},
        {"threshold": 0.5, "on_error": "escalate"},
        {"threshold": 0.5, "treshold": 0.6},
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused(params: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match="threshold"):
        protocol("threshold", params)


def test_observe_only_takes_no_parameters_and_always_proceeds() -> None:
    with pytest.raises(SettingError, match="observe_only: threshold"):
        protocol("observe_only", {"threshold": 0.5})
    for observations in ([], [seen(1.0)], [seen(None)]):
        assert protocol("observe_only").decide(observations, VIEW).action is Action.PROCEED
