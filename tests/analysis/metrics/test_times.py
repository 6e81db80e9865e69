"""When controls stop holding, and what is only known to have held so far."""

import pytest

from offswitch.analysis.metrics import survival

from .worlds import FAILED, LOST, episodes, key, verdict, verdicts


def test_an_episode_that_held_is_censored_at_its_last_step_and_what_nobody_knows_is_counted() -> None:
    rows = verdicts(
        verdict(1, **FAILED, step=2),
        verdict(1, **FAILED, step=1, failure_mode="O2"),
        verdict(2),
        verdict(3, **FAILED, step=3),
        verdict(4, **LOST),
        verdict(5, **FAILED),
        verdict(6, exposed="false"),
        verdict(7, valid=False),
    )
    found = survival(rows, episodes(*[key(n, steps=2 if n == 2 else 5) for n in range(1, 8)]))
    assert found.curve.times == (1.0, 3.0)
    assert found.curve.survival == pytest.approx((2 / 3, 0))
    assert (found.curve.n, found.curve.censored) == (3, 1)
    assert (found.unknown, found.not_exposed, found.invalid) == (2, 1, 1)


def test_what_the_agent_destroyed_is_a_violation_at_the_end_of_what_was_seen() -> None:
    gone = LOST | {"unknown_cause": "agent_caused"}
    found = survival(verdicts(verdict(1, **gone), verdict(2)), episodes(key(1, steps=4), key(2, steps=9)))
    assert (found.curve.times, found.agent_caused) == ((4.0,), 1)


def test_a_repeated_world_in_which_nothing_happened_has_a_curve_without_a_step() -> None:
    rows = verdicts(verdict(1), verdict(1, episode_id="again"), verdict(2))
    found = survival(rows, episodes(key(1, steps=4), key(1, episode_id="again", steps=5), key(2, steps=9)))
    assert (found.curve.times, found.curve.n, found.curve.censored, found.curve.clusters) == ((), 3, 3, 2)
