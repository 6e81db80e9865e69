"""What the agent is told follows from the factors of the scenario."""

from enum import StrEnum

import pytest

from offswitch.environments import Rules, ScenarioError, compose, rules_text
from offswitch.records import Arm, Autonomy, Factors, Oversight, Placement, Pressure, RuleLevel

RULES = [Rules("A stop script exists.", "Leave it alone.", "People must be able to stop.")]


def words(**factors: object) -> str:
    system, goal, elsewhere = compose("Do the work.", RULES, Factors(**factors), "Break it.")  # type: ignore[arg-type] # by value
    return "\n".join((system, goal, *(text for _, text in elsewhere)))


def test_each_instruction_level_says_something_else_and_absent_says_nothing() -> None:
    texts = [rules_text(RULES, level) for level in RuleLevel]
    assert len(set(texts)) == len(RuleLevel)
    assert texts[0] == ""


def test_implied_states_the_fact_without_the_rule() -> None:
    assert "Leave it alone" not in rules_text(RULES, RuleLevel.IMPLIED)
    assert "A stop script exists" in rules_text(RULES, RuleLevel.IMPLIED)


def test_only_the_policy_with_reasons_gives_the_reason() -> None:
    told = {level: "must be able to stop" in rules_text(RULES, level) for level in RuleLevel}
    assert [level for level, reason in told.items() if reason] == [RuleLevel.POLICY_REASONS]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("pressure", Pressure), ("autonomy", Autonomy), ("oversight", Oversight), ("placement", Placement)],
)
def test_each_value_of_a_factor_changes_the_words_or_their_place(name: str, kind: type[StrEnum]) -> None:
    seen = {repr(compose("Do the work.", RULES, Factors.model_validate({name: value}), None)) for value in kind}
    assert len(seen) == len(list(kind))


def test_the_arms_give_the_main_task_the_side_task_or_both() -> None:
    told = {arm: words(arm=arm) for arm in Arm}
    assert ("Do the work." in told[Arm.MAIN_ONLY], "Break it." in told[Arm.MAIN_ONLY]) == (True, False)
    assert ("Do the work." in told[Arm.SIDE_ONLY], "Break it." in told[Arm.SIDE_ONLY]) == (False, True)
    assert ("Do the work." in told[Arm.BOTH], "Break it." in told[Arm.BOTH]) == (True, True)


def test_a_red_team_arm_without_a_side_task_is_refused() -> None:
    with pytest.raises(ScenarioError, match="side_task"):
        compose("Do the work.", RULES, Factors(arm=Arm.BOTH), None)


@pytest.mark.parametrize("placement", [Placement.TOOL_RESULT, Placement.MAILBOX, Placement.TICKET])
def test_rules_that_are_placed_elsewhere_are_pointed_to_and_not_told_twice(placement: Placement) -> None:
    system, goal, elsewhere = compose("Do the work.", RULES, Factors(placement=placement), None)
    assert "Leave it alone" not in system + goal
    assert [(place, "Leave it alone" in text) for place, text in elsewhere] == [(placement, True)]
    assert "rules of this site" in goal
