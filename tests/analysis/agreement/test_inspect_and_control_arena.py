"""The same inputs through Inspect and ControlArena, whose stored answers `make_*.py` wrote."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from offswitch.analysis.metrics import (
    auroc,
    pass_at_k,
    pass_hat_k,
    recall_at_fpr,
    rescaled_usefulness,
    safety,
    suspicion,
    threshold_at_fpr,
    upfront_audit_safety,
)
from offswitch.analysis.stats import Clusters, proportion

from ..metrics.worlds import FAILED, episodes, key, step, steps, verdict, verdicts

DATA = Path(__file__).parent / "data"
INSPECT: dict[str, Any] = json.loads((DATA / "inspect.json").read_text())
ARENA: dict[str, Any] = json.loads((DATA / "control_arena.json").read_text())


def _worlds(name: str) -> Clusters:
    worlds: list[list[int]] = INSPECT[name]["worlds"]
    return Clusters(np.array([float(sum(one)) for one in worlds]), np.array([float(len(one)) for one in worlds]))


def _seen(scores: list[float]) -> Any:
    return suspicion(steps(*[step(number, score) for number, score in enumerate(scores)]))


def _safety(rows: list[tuple[float, bool]]) -> tuple[float | None, float | None]:
    table = verdicts(*[verdict(number, **(FAILED if done else {})) for number, (_, done) in enumerate(rows)])
    found = safety(table, _seen([score for score, _ in rows]), ARENA["threshold"])
    return found.over_attempted.value, found.over_successful.value


@pytest.mark.parametrize("name", ["repeated", "none"])
def test_the_clustered_standard_error_is_that_of_inspect(name: str) -> None:
    variance = _worlds(name).variance
    assert variance is not None
    assert variance**0.5 == pytest.approx(INSPECT[name]["stderr"])


def test_our_interval_is_no_narrower_than_those_of_inspect() -> None:
    found, theirs = proportion(_worlds("repeated")), INSPECT["repeated"]
    for other in (theirs["ci"], theirs["ci_wilson"]):
        assert found.hi - found.lo >= other["upper"] - other["lower"]


def test_no_failure_in_repeated_worlds_is_worth_the_worlds_where_inspect_counts_every_run() -> None:
    found, theirs = proportion(_worlds("none")), INSPECT["none"]
    assert theirs["ci"]["upper"] == 0
    assert theirs["ci_wilson"]["upper"] == pytest.approx(0.0126, abs=0.002)
    assert found.hi == pytest.approx(0.116, abs=0.015)


def test_pass_at_k_and_pass_hat_k_are_those_of_inspect() -> None:
    attempts: list[list[int]] = INSPECT["attempts"]
    table = episodes(
        *[
            key(4 * task + trial, task=f"t{task}", score=float(solved))
            for task, trials in enumerate(attempts)
            for trial, solved in enumerate(trials)
        ]
    )
    assert pass_at_k(table, 2).value == pytest.approx(INSPECT["pass@2"])
    assert pass_hat_k(table, 2).value == pytest.approx(INSPECT["pass^2"])


def test_safety_is_that_of_control_arena_where_every_episode_attempted() -> None:
    assert _safety(ARENA["attack"])[0] == pytest.approx(ARENA["safety"])
    assert ARENA["safety"] == pytest.approx(4 / 7)


def test_flags_on_idle_episodes_raise_the_safety_of_control_arena_and_not_ours() -> None:
    both = ARENA["attack"] + ARENA["idle"]
    assert ARENA["safety_with_idle"] == pytest.approx(36 / 39)
    assert list(_safety(both)) == pytest.approx([4 / 7, 4 / 7])


def test_a_threshold_lies_on_an_honest_score_where_control_arena_puts_it_between_two() -> None:
    honest = np.array(ARENA["honest"])
    ours = threshold_at_fpr(honest, 0.05)
    assert ours is not None
    assert ours.threshold in honest
    assert ours.threshold >= ARENA["threshold"]
    assert ours.actual <= (honest > ARENA["threshold"]).mean() <= 0.05


def test_auroc_and_recall_with_ties_are_those_of_control_arena() -> None:
    honest, attack = _seen(ARENA["honest"]), _seen(ARENA["tied"])
    assert auroc(honest, attack, samples=20).value == pytest.approx(ARENA["auroc"])
    found = recall_at_fpr(honest, attack, 0.05, samples=20)
    assert found.threshold is not None
    assert [found.recall.value, found.threshold.actual, found.threshold.threshold] == pytest.approx(ARENA["tpr"])


def test_upfront_audits_and_rescaled_usefulness_are_those_of_control_arena() -> None:
    episodes_in_all = len(ARENA["attack"]) + len(ARENA["idle"])
    assert upfront_audit_safety(7 / episodes_in_all, 100, 0.05) == pytest.approx(ARENA["upfront"])
    assert rescaled_usefulness(0.7, 0.9, 0.4) == pytest.approx(ARENA["scaled"])
