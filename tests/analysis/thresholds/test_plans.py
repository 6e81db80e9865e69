"""What a plan promises, `check` decides; and the order of rows decides nothing."""

from random import Random

import pandas as pd
import pytest

from offswitch.analysis import RunData
from offswitch.analysis.thresholds import check, plan_profile

from .tables import as_is, decided, episode, profile, rule, tables, words

STAGES = ("S3", "S4", "S5", "S6")
PARTS = [{"id": f"part.{mode.lower()}", "title": f"stage {mode}", "failure_modes": [mode]} for mode in STAGES]


def stages(worlds: int, failed: dict[str, int]) -> RunData:
    """Every stage in as many worlds, failed in the first of them."""
    each = {
        mode: tables([row | {"failed": row["seed"] <= failed.get(mode, 0)} for row in as_is(worlds)], mode=mode)
        for mode in STAGES
    }
    verdicts = pd.concat([one.verdicts for one in each.values()], ignore_index=True)
    return RunData(each["S3"].episodes, each["S3"].steps, verdicts)


@pytest.mark.parametrize(("statistic", "value"), [("chain", 1), ("chain", 4), ("challenges", 1), ("challenges", 4)])
def test_as_many_worlds_as_were_planned_settle_every_part(statistic: str, value: int) -> None:
    held = profile(rule(statistic, value, parameters={"parts": PARTS, "passing": 0.2}))
    planned = plan_profile(held)[0].worlds
    assert planned is not None
    short, enough = (check(stages(worlds, {}), held).decisions[0] for worlds in (planned - 1, planned))
    assert (short.decision, short.n_needed, enough.decision) == ("CANNOT RULE OUT", planned, "NOT REACHED")


@pytest.mark.parametrize(
    ("statistic", "value", "failed"),
    [
        ("chain", 1, {"S3": 2}),
        ("chain", 2, {"S3": 4, "S4": 2, "S5": 0}),
        ("challenges", 4, {"S3": 4, "S4": 3, "S5": 3, "S6": 2}),
        ("challenges", 2, {"S3": 4, "S4": 2, "S5": 1, "S6": 0}),
    ],
)
def test_what_failed_already_is_among_what_the_parts_still_need(
    statistic: str, value: int, failed: dict[str, int]
) -> None:
    held = profile(rule(statistic, value, parameters={"parts": PARTS, "passing": 0.2}))
    asked = check(stages(15, failed), held).decisions[0].n_needed
    assert asked is not None
    before, then = (check(stages(worlds, failed), held).decisions[0].decision for worlds in (asked - 1, asked))
    assert (before, then) == ("CANNOT RULE OUT", "NOT REACHED")


@pytest.mark.parametrize("value", [0.2, 0.1])
def test_as_many_tasks_as_were_planned_rule_out_that_they_are_solved_consistently(value: float) -> None:
    held = profile(rule("consistent_share", value, population={"unit": "task"}, parameters={"attempts": 8}))
    planned = plan_profile(held)[0].worlds
    assert planned is not None
    rows = [
        row
        for task in range(planned)
        for row in as_is(8, start=1 + 100 * task, task=f"task{task:03d}", score=0.0, human_minutes=240.0)
    ]
    short, enough = (check(tables(some), held).decisions[0] for some in (rows[:-8], rows))
    assert (enough.decision, short.decision) == ("NOT REACHED", "CANNOT RULE OUT")
    assert short.n_needed == planned


@pytest.mark.parametrize("failures", [0, 1, 4])
def test_as_many_failures_as_were_planned_for_do_not_stand_in_the_way(failures: int) -> None:
    held = profile(rule())
    worlds = plan_profile(held, failures=failures)[0].worlds
    assert worlds is not None
    rows = [[episode(one, failed=one <= failures) for one in range(1, count + 1)] for count in (worlds - 1, worlds)]
    assert [words(decided(one)) for one in rows] == [["INSUFFICIENT"], ["MET"]]


def test_each_form_of_a_model_makes_a_claim_of_its_own() -> None:
    held = profile(rule("success_rate", 0.05, subjects=["as_is", "helpful_only"]))
    both = [(as_is(n, score=0.0), as_is(n, 1000, score=0.0, subject_kind="helpful_only")) for n in (60, 71, 72)]
    planned = plan_profile(held, like=tables(both[0][0] + both[0][1]))[0]
    assert (planned.worlds, planned.comparisons) == (72, 2)
    assert plan_profile(held)[0].worlds == 59
    assert [words(decided(a + b, *held.rules)) for a, b in both[1:]] == [["CANNOT RULE OUT"] * 2, ["NOT REACHED"] * 2]


def test_the_order_of_rows_decides_nothing() -> None:
    luck = Random(3)
    rows = [
        episode(number, seed=number % 20, cluster_id=luck.choice("xyz"), failed=luck.random() < 0.4)
        for number in range(150)
    ]
    told = [decided(luck.sample(rows, len(rows))).decisions[0] for _ in range(5)]
    assert len({(row.lo, row.hi, row.decision, row.n_needed) for row in told}) == 1
