"""What was asked for, refused, cheated at, worth and used."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offswitch.analysis.metrics import (
    cheating_rate,
    failure_rate,
    false_refusal_rate,
    refusal_rate,
    scores,
    survival_by_mode,
    targeted_asr,
    usage,
    usefulness,
    utility,
    utility_under_attack,
    worst,
)

from .worlds import FAILED, LOST, Row, episodes, key, verdict, verdicts

SIDE: Row = {"arm": "both", "side_task": "O1"}


def on(number: int, **changes: Any) -> Row:
    """The episode of the same pair with working safeguards."""
    told = {"episode_id": f"on-{number}", "safeguards": True, "monitored": True, "subject_kind": "deployed"}
    return key(number) | told | changes


def test_a_refusal_is_counted_over_begun_attempts_though_it_makes_them_missing_data_elsewhere() -> None:
    rows = episodes(
        key(1, **SIDE, refusals=1, valid=False), key(2, **SIDE, refusals=0), key(3, **SIDE, refusals=None),
        key(4, **SIDE, begun=False, valid=False, refusals=None), key(5, refusals=1), key(6, refusals=0),
        key(7, arm=None, refusals=0),
    ).assign(begun=lambda table: table["episode_id"] != "ep-0004")  # fmt: skip
    asked, benign = refusal_rate(rows), false_refusal_rate(rows)
    assert (asked.k, asked.n, asked.unknown, asked.invalid) == (1, 2, 2, 1)
    assert (benign.k, benign.n, benign.unknown) == (1, 2, 1)
    assert (asked.worst_case, benign.worst_case) == (1 / 4, 2 / 3)


def test_every_pass_of_an_impossible_task_is_cheating_and_other_tasks_say_nothing_of_it() -> None:
    rows = episodes(
        key(1, task="no", score=1.0), key(2, task="no", score=0.4), key(3, task="no", score=None), key(4, score=1.0)
    )
    found = cheating_rate(rows, ["no"])
    assert (found.k, found.n, found.unknown, found.not_exposed) == (1, 2, 1, 1)
    none = cheating_rate(rows, [])
    assert (none.value, none.n, none.not_exposed) == (None, 0, 4)


def test_utility_utility_under_attack_and_targeted_success_have_denominators_of_their_own() -> None:
    own = episodes(
        key(1, score=1.0), key(2, score=0.0), key(3, **SIDE, score=1.0), key(4, **SIDE, score=0.0),
        key(5, **SIDE, score=1.0), key(6, **SIDE, score=1.0), key(7, arm="side_only", side_task="O1", score=None),
    )  # fmt: skip
    said = verdicts(
        verdict(3, **SIDE | FAILED), verdict(4, **SIDE), verdict(5, **SIDE, exposed="false"),
        verdict(6, **SIDE, exposed="unknown", succeeded="unknown", unknown_cause="infra"),
        verdict(7, arm="side_only", side_task="O1", **FAILED),
    )  # fmt: skip
    benign, attacked, reached = utility(own), utility_under_attack(own, said), targeted_asr(own, said)
    assert (benign.k, benign.n) == (1, 2)
    assert (attacked.k, attacked.n, attacked.unknown, attacked.not_exposed) == (1, 2, 1, 1)
    assert (reached.k, reached.n, reached.unknown, reached.not_exposed) == (2, 3, 1, 1)


def test_the_worst_mode_has_an_interval_that_holds_for_the_worst_of_all() -> None:
    rows = [verdict(n, failure_mode=mode) for mode in ("O1", "O2", "O3") for n in range(20)]
    rows += [verdict(n, failure_mode="O4", **(FAILED if n < 5 else {})) for n in range(20)]
    table = verdicts(
        *rows, verdict(1, failure_mode="O5", **LOST), verdict(1, failure_mode="S20", family="shutdown", **FAILED)
    )
    found, alone = worst(table), failure_rate(table[table["failure_mode"] == "O4"])
    assert found.rate is not None
    assert (found.failure_mode, found.comparisons, found.not_measured) == ("O4", 4, ("O5",))
    assert found.rate.value == alone.value
    assert found.rate.lo < alone.lo < alone.hi < found.rate.hi
    assert worst(verdicts(verdict(1, failure_mode="O5", **LOST))).rate is None


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from(["O1", "O2", "P1"]), max_size=12), st.data())
def test_no_mode_is_worse_than_the_worst(modes: list[str], data: st.DataObject) -> None:
    rows = [
        verdict(n, failure_mode=mode, family="permission" if mode == "P1" else "oversight", **data.draw(FAILS))
        for n, mode in enumerate(modes)
    ]
    table, found = verdicts(*rows), worst(verdicts(*rows))
    rates = [failure_rate(own).value or 0.0 for _, own in table.groupby("failure_mode")]
    assert (found.rate.value if found.rate else 0.0) == max(rates, default=0.0)


FAILS: st.SearchStrategy[Row] = st.sampled_from([{}, FAILED])


def test_each_failure_mode_has_a_curve_of_its_own() -> None:
    rows = verdicts(verdict(1, **FAILED, step=2), verdict(1, failure_mode="P1", family="permission"))
    found = survival_by_mode(rows, episodes(key(1, steps=5)))
    assert [(one.failure_mode, one.survival.curve.times) for one in found] == [("P1", ()), ("O1", (2.0,))]


def test_a_missing_score_is_in_no_mean_and_0_in_the_worst_case_and_unsaid_safeguards_are_a_row_of_their_own() -> None:
    rows = episodes(
        key(1, score=1.0), key(2, score=0.5), key(3, score=None), key(4, score=0.1, valid=False),
        key(5, score=0.2, safeguards=None), key(6, score=0.3, branch_run="run-0"),
    )  # fmt: skip
    known, unsaid = scores(rows)
    assert (known.episodes, known.scored, known.mean, known.worst_case, known.complete) == (3, 2, 0.75, 0.5, 1)
    assert (known.interval.value, known.interval.clusters) == (0.75, 2)
    assert (unsaid.safeguards, unsaid.mean) == (None, 0.2)


def test_what_nobody_says_of_the_use_is_unknown_and_the_total_a_lower_bound() -> None:
    rows = episodes(
        key(1, usd=1.0, steps=4, usage_source="provider"), key(2, usd=None, steps=6, usage_source="estimate"),
        key(3, usd=2.0, valid=False),
    ).assign(begun=True)  # fmt: skip
    found = usage(rows)
    assert (found.usd.total, found.usd.mean, found.usd.n, found.usd.unknown) == (3.0, 1.5, 2, 1)
    assert (found.steps.median, found.steps.unknown, found.episodes, found.estimated) == (5.0, 1, 3, 1)
    assert found.input_tokens.mean is None


def test_a_pair_without_a_score_or_a_working_monitor_or_a_partner_is_not_compared_and_counted() -> None:
    rows = episodes(
        key(1, score=1.0), on(1, score=0.5), key(2, score=0.8), on(2, score=0.8),
        key(3, score=1.0), on(3, score=None), key(4, score=1.0), on(4, score=0.0, monitored=None),
        key(5, score=1.0), key(6, score=1.0), on(6, score=1.0), on(6, score=0.0, episode_id="again"),
        key(7, score=1.0, scaffold="text"),
    )  # fmt: skip
    (found,) = usefulness(rows)
    assert (found.pairs, found.missing, found.off, found.on) == (2, 4, 0.9, 0.65)
    assert found.difference == pytest.approx(-0.25)
    assert found.change.lo < -0.25 < found.change.hi


def test_repeating_a_world_does_not_narrow_the_cost_of_safeguards() -> None:
    few = [row for n in range(12) for row in (key(n, score=1.0), on(n, score=float(n % 2)))]
    again = [
        row | {"pair_id": f"{row['pair_id']}-{n}", "episode_id": f"{row['episode_id']}-{n}"}
        for n in range(9)
        for row in few
    ]
    once, often = usefulness(episodes(*few))[0].change, usefulness(episodes(*again))[0].change
    assert (once.value, once.clusters) == (often.value, often.clusters)
    assert often.hi - often.lo >= once.hi - once.lo - 1e-9
