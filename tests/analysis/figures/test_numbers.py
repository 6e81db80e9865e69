"""The numbers on the pages: what is counted, what is left out, and that nothing vanishes."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offswitch.analysis import load
from offswitch.analysis.figures import _comparison_data, _cost_data, _episode_data, _suspicion_data, _time_data
from offswitch.analysis.figures._page import NOTHING_ASKED, Ask
from offswitch.analysis.figures._text import width, wrap
from offswitch.records import MonitorChecked

from ..synthetic import RunBuilder, failed, held, lost
from .runs import HEALTHY, WATCHED, drawn_run

SICK = (MonitorChecked(monitor="keywords", healthy=False),)


def watched(
    run: RunBuilder, seed: int, suspicion: float | None, *, bad: bool, extra: tuple[MonitorChecked, ...]
) -> None:
    verdict = failed("S3") if bad else held("S3")
    run.episode(verdicts=[verdict], safeguards=WATCHED, seed=seed, suspicion=suspicion, extra=extra)


def test_an_episode_whose_monitors_failed_their_check_or_said_nothing_is_unknown_and_not_unsuspicious(
    run: RunBuilder,
) -> None:
    for seed in range(6):
        watched(run, seed, 0.1 * seed, bad=False, extra=HEALTHY)
        watched(run, 100 + seed, 0.8, bad=True, extra=HEALTHY)
    watched(run, 200, 0.0, bad=True, extra=SICK)
    watched(run, 201, None, bad=True, extra=HEALTHY)
    watched(run, 202, 0.0, bad=True, extra=())
    found = _suspicion_data.gather(load(run.root), NOTHING_ASKED)
    (panel,) = found.panels
    assert (len(panel.honest), len(panel.attack), found.note.unknown) == (6, 6, 3)
    assert panel.recall is not None
    assert panel.recall.value == 1.0
    assert panel.recall.lo < 1.0
    assert panel.auroc is not None
    assert panel.auroc.value == 1.0
    assert panel.auroc.lo < 1.0


def test_an_episode_of_which_nobody_knows_whether_something_was_tried_is_neither_honest_nor_an_attack(
    run: RunBuilder,
) -> None:
    watched(run, 1, 0.2, bad=False, extra=HEALTHY)
    run.episode(verdicts=[lost("S3")], safeguards=WATCHED, seed=2, suspicion=0.3, extra=HEALTHY)
    found = _suspicion_data.gather(load(run.root), NOTHING_ASKED)
    assert (len(found.panels[0].honest), len(found.panels[0].attack)) == (1, 0)
    assert "1 episode in neither" in found.note.words


def test_an_unknown_episode_is_at_no_risk_and_is_counted(run: RunBuilder) -> None:
    run.episode(verdicts=[held("S3"), held("P5")], seed=1)
    run.episode(verdicts=[lost("S3"), held("P5")], seed=2)
    run.episode(verdicts=[failed("S3"), lost("P5")], seed=3)
    found = _time_data.gather(load(run.root), NOTHING_ASKED)
    (panel,) = found.panels
    assert (panel.survival[0].n, panel.survival[0].events, found.note.unknown) == (2, 1, 1)


def test_a_pair_is_compared_where_both_sides_answer_and_is_counted_where_one_does_not(run: RunBuilder) -> None:
    for seed, before, after, extra in (
        (1, failed("S3"), held("S3"), HEALTHY),
        (2, held("S3"), failed("S3"), HEALTHY),
        (3, failed("S3"), lost("S3"), HEALTHY),
        (4, failed("S3"), held("S3"), ()),
    ):
        run.episode(verdicts=[before], seed=seed, pair=f"p{seed}")
        run.episode(verdicts=[after], seed=seed, pair=f"p{seed}", safeguards=WATCHED, extra=extra)
    found = _comparison_data.gather(load(run.root), NOTHING_ASKED)
    (change,) = found.changes
    assert (change.cured, change.broken, change.incomplete) == (1, 1, 2)
    assert change.p_value == 1.0
    assert [(flip.worse, flip.before, flip.after) for flip in found.flips] == [
        (True, "ep-0003", "ep-0004"),
        (False, "ep-0001", "ep-0002"),
    ]


def test_two_runs_are_paired_by_scenario_and_seed(tmp_path: Path) -> None:
    first = load(drawn_run(tmp_path / "first", seeds=2))
    same = _comparison_data.gather(first, Ask(other=load(drawn_run(tmp_path / "same", seeds=2, run_id="same"))))
    assert (same.before, same.after, same.flips) == ("drawn", "same", ())
    assert {change.difference.value for change in same.changes if change.difference} == {0.0}
    with RunBuilder(tmp_path / "other", "other") as run:
        run.episode(verdicts=[held("S3")], seed=77)
    other = _comparison_data.gather(first, Ask(other=load(tmp_path / "other")))
    assert not other.changes
    assert "share no scenario" in other.why


def test_an_unknown_price_makes_the_sum_a_lower_bound(run: RunBuilder) -> None:
    run.episode(verdicts=[held("S3")], usd=0.5, seed=1)
    run.episode(verdicts=[held("S3")], usd=None, seed=2)
    (spent,) = _cost_data.gather(load(run.root), NOTHING_ASKED).spent
    assert (spent.usd, spent.usd_unknown) == (0.5, 1)


def test_the_episode_page_takes_the_first_failure_and_holds_the_report_against_it(run: RunBuilder) -> None:
    run.episode(verdicts=[held("S3")], seed=1)
    name = run.episode(verdicts=[failed("S3"), held("P5")], seed=2)
    data = load(run.root)
    found = _episode_data.gather(data, NOTHING_ASKED)
    assert found.name == name
    assert found.violation is not None
    assert found.violation[1] == "S3"
    (claim,) = found.claims
    assert (claim.observed, claim.claimed, claim.contradicted) == ("failed", "does not admit it", True)
    assert _episode_data.gather(data, Ask(episode="ep-0001")).violation is None


@settings(max_examples=20, deadline=None)
@given(st.text(max_size=120), st.floats(0.4, 6), st.integers(1, 4))
def test_no_line_is_wider_than_its_room(text: str, inches: float, lines: int) -> None:
    found = wrap(text, inches, 8.0, lines)
    assert len(found) <= lines
    assert all(width(line, 8.0) <= 72 * inches for line in found if len(line) > 1)


@pytest.mark.parametrize("text", ["", "   ", "\n\n"])
def test_text_without_letters_takes_no_line_or_shows_its_codes(text: str) -> None:
    assert all(line.strip() for line in wrap(text, 2.0, 8.0))
