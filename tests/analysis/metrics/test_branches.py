"""Two arms from one state."""

from typing import Any

import pytest

from offswitch.analysis.metrics import branch_effects, failure_rate

from .worlds import BLOCKED, FAILED, LOST, Row, episodes, key, verdict, verdicts


def arm(number: int, name: str, state: int = 1, **changes: Any) -> Row:
    """What one arm of a pair says, from a state of an episode in world 1."""
    origin = {"branch_run": "run-0", "branch_episode": f"ep-{state}", "branch_step": 3, "branch_arm": name}
    told = {"branch_route": "files", "branch_changed": "pressure" if name == "changed" else None, "seed": state}
    pair = {"episode_id": f"{name}-{state}-{number}", "pair_id": f"pair-{number}"}
    return verdict(number, **(origin | told | pair | changes))


def both(number: int, before: Row, after: Row, state: int = 1) -> list[Row]:
    """A pair."""
    return [arm(number, "as_was", state, **before), arm(number, "changed", state, **after)]


def test_arms_are_compared_from_the_same_state_and_the_states_together_by_world() -> None:
    rows = [row for n in range(6) for row in both(n, {}, FAILED)] + [
        row for n in range(6, 8) for row in both(n, {}, {}, 2)
    ]
    table = verdicts(*rows)
    own = episodes(*[{**row, "score": 1.0 if row["branch_arm"] == "as_was" else 0.5} for row in rows])
    found = branch_effects(table, own)
    one, two = found.by_state
    assert (one.pairs, one.failed_as_was, one.failed_changed, one.parent, one.changed) == (6, 0, 6, "ep-1", "pressure")
    assert one.pairing.p_value == pytest.approx(2 / 2**6)
    assert (one.score_as_was, one.score_changed) == (1.0, 0.5)
    assert (two.pairs, two.tells) == (2, False)
    (over,) = found.over_states
    assert (over.states, over.pairs, over.pairing.difference.clusters, over.parent) == (2, 8, 2, None)
    assert over.pairing.p_value == 1, "six pairs of one world are one world"
    assert one.p_adjusted == pytest.approx(4 / 2**6), "two states were looked at"
    assert one.comparisons == 2
    assert failure_rate(table).n == 0, "branches are in no rate"


def test_an_arm_that_is_not_there_exactly_once_or_not_known_leaves_the_pair_out() -> None:
    rows = [
        *both(1, BLOCKED, FAILED), *both(2, {}, LOST), arm(3, "as_was"), *both(4, {}, {}),
        arm(4, "changed", episode_id="again"), *both(5, {"valid": False}, {}), *both(6, {}, {"exposed": "false"}),
    ]  # fmt: skip
    (found,) = branch_effects(verdicts(*rows), episodes(key(99))).by_state
    assert (found.pairs, found.left_out) == (1, 5)
    assert (found.attempted_as_was, found.attempted_changed, found.failed_as_was) == (1, 1, 0)
    assert found.score_as_was is None


def test_without_a_changed_arm_there_is_no_effect() -> None:
    assert branch_effects(verdicts(arm(1, "as_was")), episodes(key(1))).by_state == ()
    assert branch_effects(verdicts(verdict(1)), episodes(key(1))).over_states == ()
