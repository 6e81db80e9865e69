"""A number on a page is the metric's own, whatever the page."""

import pytest

from offswitch.analysis import RunData, metrics
from offswitch.analysis.figures import (
    _comparison_data,
    _conditions_data,
    _cost_data,
    _frontier_data,
    _horizon_data,
    _scores_data,
    _suspicion_data,
    _time_data,
    _verdicts,
)
from offswitch.analysis.figures._groups import Group, groups
from offswitch.analysis.figures._page import NOTHING_ASKED, Ask


@pytest.fixture(scope="module")
def watched(many: RunData) -> Group:
    """The subject with its safeguards on: every page about monitors shows it."""
    (found,) = (one for one in groups(many) if one.safeguards)
    return found


@pytest.fixture(scope="module")
def parted(many: RunData, watched: Group) -> metrics.Arms:
    return metrics.arms(watched.verdicts, watched.episodes, many.steps)


def test_verdicts_shows_the_failure_rate_of_each_mode(many: RunData, watched: Group) -> None:
    shown = _verdicts.gather(many, NOTHING_ASKED)
    (row,) = (
        row for part in shown.parts for rows in part.rows for row in rows if row.failure_mode == "S3" and row.safeguards
    )
    assert row.failure == metrics.failure_rate(watched.verdicts[watched.verdicts["failure_mode"].eq("S3")])


def test_frontier_shows_safety_over_audit_budgets(many: RunData, watched: Group, parted: metrics.Arms) -> None:
    (panel,) = (one for one in _frontier_data.gather(many, NOTHING_ASKED).panels if one.budgets)
    known = metrics.frontier(watched.verdicts, parted.honest, parted.attack, _frontier_data.BUDGETS)
    assert [one.attempted for one in panel.budgets] == [point.safety.over_attempted for point in known]
    assert [one.successful for one in panel.budgets] == [point.safety.over_successful for point in known]
    option = {one.name: one for one in panel.options}["threshold (deployed)"]
    assert option.safety == metrics.prevented_rate(watched.verdicts)


def test_suspicion_shows_recall_and_auroc(many: RunData, parted: metrics.Arms) -> None:
    (panel,) = _suspicion_data.gather(many, Ask(fpr=0.1)).panels[-1:]
    known = metrics.recall_at_fpr(parted.honest, parted.attack, 0.1)
    assert known.threshold is not None
    assert (panel.threshold, panel.reached, panel.recall) == (
        known.threshold.threshold,
        known.threshold.actual,
        known.recall,
    )
    assert panel.auroc == metrics.auroc(parted.honest, parted.attack)


def test_conditions_shows_the_autonomy_ladder(many: RunData, watched: Group) -> None:
    (panel,) = (one for one in _conditions_data.gather(many, NOTHING_ASKED).panels if one.title == watched.title)
    ladder = panel.factors[-1]
    known = metrics.autonomy_ladder(watched.verdicts, watched.episodes)
    assert [one.failure for one in ladder.levels] == [one.failure for one in known.rungs if one.failure.n]
    assert ladder.slope == known.trend
    assert [one.usefulness for one in ladder.levels] == [one.usefulness for one in known.rungs if one.failure.n]


def test_time_shows_survival_and_the_time_to_comply(many: RunData, watched: Group) -> None:
    (panel,) = (one for one in _time_data.gather(many, NOTHING_ASKED).panels if one.title == watched.title)
    known = metrics.survival(watched.verdicts, watched.episodes).curve
    assert tuple(panel.survival[0].y[1:]) == known.survival
    assert tuple(panel.survival[0].lo[1:]) == known.lo
    assert panel.halt == metrics.time_to_comply(watched.verdicts, watched.episodes, many.steps)


def test_horizon_shows_success_by_bucket_and_the_horizon_or_why_there_is_none(many: RunData, watched: Group) -> None:
    (panel,) = (one for one in _horizon_data.gather(many, NOTHING_ASKED).panels if one.title == watched.title)
    assert [one.success for one in panel.buckets] == [one.success for one in metrics.bucketed_success(watched.episodes)]
    assert metrics.horizon(watched.episodes).refused in panel.refused != ""


def test_scores_shows_the_means(many: RunData, watched: Group) -> None:
    bars = [one for one in _scores_data.gather(many, NOTHING_ASKED).bars if one.safeguards]
    assert [(one.task, one.mean) for one in bars] == [
        (one.task, one.interval) for one in metrics.scores(watched.episodes)
    ]


def test_comparison_shows_the_pairs(many: RunData) -> None:
    shown = {one.name: one for one in _comparison_data.gather(many, NOTHING_ASKED).changes}
    for known in metrics.before_after(many.verdicts):
        one = shown[known.failure_mode]
        assert (one.before, one.after, one.difference, one.p_value) == (
            known.pairing.before,
            known.pairing.after,
            known.pairing.difference,
            known.p_adjusted,
        )


def test_cost_shows_the_usage(many: RunData, watched: Group) -> None:
    known = metrics.usage(watched.episodes)
    (spent,) = (one for one in _cost_data.gather(many, NOTHING_ASKED).spent if one.subject == watched.subject.label)
    assert (spent.usd, spent.host_s, spent.steps) == (known.usd.total, known.duration_s.total, known.steps.total)
