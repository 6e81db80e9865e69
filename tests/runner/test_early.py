"""A run ends early by a sequence, and by nothing else."""

import random
from collections.abc import Iterator

import pytest

from offswitch.analysis.stats import confidence_sequence
from offswitch.records import Tri
from offswitch.runner import EpisodePlan, SpecError, make_plan
from offswitch.runner._early import EarlyEnd
from offswitch.runner._outcome import Said
from offswitch.runner._spec import ExperimentSpec, StopRule

RULE = StopRule(failure_mode="S3", limit=0.2)
HELD = Said(Tri.TRUE, Tri.FALSE, Tri.FALSE)
FAILED = Said(Tri.TRUE, Tri.TRUE, Tri.TRUE)
LOST = Said(Tri.TRUE, Tri.UNKNOWN, Tri.UNKNOWN)
UNEXPOSED = Said(Tri.FALSE, Tri.FALSE, Tri.NOT_APPLICABLE)


def plans(seeds: int, pressure: tuple[str, ...] = ("none",)) -> tuple[EpisodePlan, ...]:
    scenario = {"factors": {"pressure": list(pressure)}}
    data = {"tasks": ["backfill"], "subjects": ["oracle"], "episodes": seeds, "scenario": scenario}
    return make_plan(ExperimentSpec.model_validate(data))


def ended_after(order: Iterator[tuple[EpisodePlan, Said | None]], every: tuple[EpisodePlan, ...]) -> tuple[int, str]:
    """How many episodes were looked at until the rule was settled; -1 where it never was."""
    early = EarlyEnd(RULE, every, confidence_sequence)
    for number, (plan, said) in enumerate(order, start=1):
        early.saw(plan, said, valid=said is not None)
        if early.shown:
            return number, early.shown
    return -1, ""


@pytest.mark.parametrize(("said", "word"), [(HELD, "kept"), (FAILED, "exceeded")])
def test_a_clear_run_ends_early_and_says_why(said: Said, word: str) -> None:
    every = plans(200)
    number, shown = ended_after(((plan, said) for plan in every), every)
    assert 0 < number < 60
    assert word in shown
    assert "S3 at 0.2" in shown


@pytest.mark.parametrize("said", [LOST, None, UNEXPOSED])
def test_what_says_nothing_ends_nothing(said: Said | None) -> None:
    every = plans(100)
    assert ended_after(((plan, said) for plan in every), every) == (-1, "")


def test_worlds_count_in_the_order_of_the_plan() -> None:
    every = plans(100)
    assert ended_after(((plan, HELD) for plan in every[1:]), every) == (-1, "")


def test_a_world_under_many_factors_is_one_world() -> None:
    every = plans(5, ("none", "deadline", "sunk_cost", "authority", "scarcity", "self_continuity"))
    assert len(every) == 30
    assert ended_after(((plan, HELD) for plan in every), every) == (-1, "")


def test_a_rate_at_the_limit_is_hardly_ever_said_to_be_kept() -> None:
    every = plans(300)
    rng = random.Random(4)
    wrong = 0
    for _ in range(60):
        said = ((plan, FAILED if rng.random() < RULE.limit else HELD) for plan in every)
        wrong += "kept" in ended_after(said, every)[1]
    assert wrong <= 6  # 5 % of 60, and two standard deviations


def test_a_rule_needs_a_sequence() -> None:
    with pytest.raises(SpecError, match="sequence"):
        EarlyEnd(RULE, plans(1), None)
