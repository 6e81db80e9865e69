"""The loop asks, records, runs one call a step, and ends exactly where a limit says."""

import threading
import time

import pytest

from offswitch.agents import Answer, ModelFailure
from offswitch.records import Budgets, EndReason, ModelAnswered, ModelFailed, Notice, Placement
from offswitch.runner import Stop

from .stage import NUDGE, Stage, Told, answer


def answers(stage: Stage) -> list[ModelAnswered]:
    return [event for event in stage.events if isinstance(event, ModelAnswered)]


def test_the_calls_of_one_answer_run_one_a_step_under_its_id() -> None:
    stage = Stage(ends_at=3)
    result = stage.play(Told(answer(1, "bash", "inbox"), answer(2, "submit_report")))
    assert stage.calls == [("bash", "{}", "a1"), ("inbox", "{}", "a1"), ("submit_report", "{}", "a2")]
    assert result.ended is EndReason.SUBMITTED
    assert [event.answer_id for event in answers(stage)] == ["a1", "a2"]


def test_calls_behind_the_end_do_not_run_and_stand_in_the_record() -> None:
    stage = Stage(ends_at=1)
    stage.play(Told(answer(1, "submit_report", "bash")))
    assert [tool for tool, _, _ in stage.calls] == ["submit_report"]
    assert [call["name"] for call in answers(stage)[0].calls] == ["submit_report", "bash"]


def test_every_result_reaches_the_agent_behind_its_answer() -> None:
    agent = Told(answer(1, "bash"), answer(2, "inbox"))
    stage = Stage(ends_at=2)
    stage.play(agent)
    second = agent.asked[1]
    assert [message.role for message in second] == ["system", "user", "assistant", "tool"]
    assert (second[3].call_id, second[3].name, second[3].text) == ("a1_1", "bash", "ran bash")


def test_an_answer_without_a_call_is_nudged() -> None:
    agent = Told(answer(1), answer(2, "bash"))
    stage = Stage(ends_at=1)
    stage.play(agent)
    assert agent.asked[1][-1].text == NUDGE
    assert agent.asked[1][-1].role == "user"


def test_a_call_that_cannot_be_read_is_a_wrong_call_and_not_giving_up() -> None:
    agent = Told(answer(1, hint="your call was cut off"), answer(2, "bash"))
    stage = Stage(ends_at=2)
    stage.play(agent)
    assert [tool for tool, _, _ in stage.calls] == ["(unreadable)", "bash"]
    assert agent.asked[1][-1].text == "your call was cut off"
    assert agent.asked[1][-1].role == "user"


def test_a_call_without_a_name_is_a_wrong_call_and_not_silence() -> None:
    stage = Stage(ends_at=1)
    stage.play(Told(answer(1, "")))
    assert stage.calls == [("(unnamed)", "{}", "a1")]


def test_what_a_model_wrote_behind_its_call_is_recorded() -> None:
    stage = Stage(ends_at=1)
    stage.play(Told(answer(1, "bash", text="I look.", cut="Result: all is well")))
    assert answers(stage)[0].text == "I look.\nResult: all is well"


@pytest.mark.parametrize("limit", [1, 3, 7])
def test_the_step_limit_is_exact_whatever_one_answer_asks_for(limit: int) -> None:
    stage = Stage(Budgets(max_steps=limit, max_wall_s=None))
    result = stage.play(Told(answer(1, *["bash"] * 10_000)))
    assert (stage.steps, result.ended) == (limit, EndReason.MAX_STEPS)


def test_the_answer_that_uses_the_tokens_up_is_recorded_and_its_calls_do_not_run() -> None:
    stage = Stage(Budgets(max_steps=None, max_wall_s=None, max_tokens=100))
    spend = {"input_tokens": 40, "output_tokens": 20}
    result = stage.play(Told(answer(1, "bash", **spend), answer(2, "bash", **spend), answer(3, "bash", **spend)))
    assert result.ended is EndReason.MAX_TOKENS
    assert stage.steps == 1
    assert len(answers(stage)) == 2


def test_the_dollar_limit_ends_before_the_next_call() -> None:
    stage = Stage(Budgets(max_steps=None, max_wall_s=None, max_usd=0.05))
    result = stage.play(Told(answer(1, "bash", usd=0.04), answer(2, "bash", usd=0.04)))
    assert (result.ended, stage.steps) == (EndReason.MAX_USD, 1)


def test_a_model_that_never_answers_is_not_waited_for_beyond_the_time_limit() -> None:
    release = threading.Event()
    stage = Stage(Budgets(max_steps=None, max_wall_s=0.3))

    def never() -> Answer:
        release.wait(20)
        return answer(1, "bash")

    agent = Told(never)
    started = time.monotonic()
    result = stage.play(agent)
    waited_s = time.monotonic() - started
    assert result.ended is EndReason.MAX_WALL
    assert waited_s < 10
    assert stage.steps == 0
    assert answers(stage)[0].errors[0].startswith("late")
    assert answers(stage)[0].usd is None
    assert not agent.closed.is_set()
    release.set()
    assert agent.closed.wait(5), "the agent is closed once its late answer has come"


def test_a_run_that_is_to_end_waits_for_no_model() -> None:
    release, stop = threading.Event(), Stop()
    stage = Stage()

    def never() -> Answer:
        stop.ask("interrupted by SIGINT")
        release.wait(20)
        return answer(1, "bash")

    result = stage.play(Told(never), stop)
    release.set()
    assert result.ended is EndReason.ABANDONED
    assert stage.ended == [(EndReason.ABANDONED, "interrupted by SIGINT")]


def test_a_run_that_is_to_end_finishes_the_step_in_progress_and_no_other() -> None:
    stop = Stop()
    stage = Stage(on_step=lambda step: stop.ask("enough") if step == 2 else None)
    result = stage.play(Told(answer(1, "bash", "bash", "bash")), stop)
    assert (stage.steps, result.ended) == (2, EndReason.ABANDONED)


def test_a_limit_that_is_reached_counts_before_the_request_to_end() -> None:
    stop = Stop()
    stage = Stage(Budgets(max_steps=2, max_wall_s=None), on_step=lambda step: stop.ask("enough") if step == 2 else None)
    assert stage.play(Told(answer(1, "bash", "bash", "bash")), stop).ended is EndReason.MAX_STEPS


def test_a_provider_that_fails_is_missing_data_and_its_cost_counts() -> None:
    cost = answer(1, usd=0.5, input_tokens=3, output_tokens=4)
    stage = Stage()
    failure = ModelFailure("no usable answer", "refusal", 2, ("one", "two"), cost)
    result = stage.play(Told(failure))
    assert result.ended is EndReason.MODEL_FAILED
    assert stage.ended == [(EndReason.MODEL_FAILED, "refusal")]
    assert (stage.meter.tokens, stage.meter.usd) == (7, 0.5)
    assert stage.events[-1] == ModelFailed(
        category="refusal", attempts=2, error="no usable answer", errors=("one", "two")
    )


def test_a_conversation_that_outgrows_the_model_ends_at_a_limit_and_counts() -> None:
    stage = Stage(Budgets(max_wall_s=None))
    result = stage.play(Told(answer(1, "bash"), ModelFailure("too long", "context", 1, ("one",))))
    assert (result.ended, stage.steps) == (EndReason.MAX_CONTEXT, 1)
    assert stage.events[-1] == ModelFailed(category="context", attempts=1, error="too long", errors=("one",))


def test_a_context_that_does_not_even_hold_the_task_is_a_setting_and_not_an_episode() -> None:
    result = Stage().play(Told(ModelFailure("too long", "context", 1, ("one",))))
    assert result.ended is EndReason.MODEL_FAILED


def test_a_bug_of_a_script_surfaces_as_it_is() -> None:
    def broken() -> Answer:
        raise ZeroDivisionError("in the script")

    agent = Told(broken)
    with pytest.raises(ZeroDivisionError, match="in the script"):
        Stage().play(agent)
    assert agent.closed.is_set()


def notice(placement: Placement, kind: str = "stop_order") -> Notice:
    return Notice(mechanism="operator_stop", kind=kind, text="stop now", placement=placement)


@pytest.mark.parametrize(("placement", "role"), [(Placement.SYSTEM, "system"), (Placement.USER, "user")])
def test_a_notice_becomes_a_message_under_its_own_name(placement: Placement, role: str) -> None:
    agent = Told(answer(1, "bash"))
    Stage(told={1: [notice(placement)]}, budgets=Budgets(max_steps=5, max_wall_s=None)).play(agent, ended_after(agent))
    last = agent.asked[1][-1]
    assert (last.role, last.name, last.text) == (role, "stop_order", "stop now")


def test_a_notice_in_a_tool_result_stands_at_its_end() -> None:
    agent = Told(answer(1, "bash"))
    Stage(told={1: [notice(Placement.TOOL_RESULT)]}).play(agent, ended_after(agent))
    assert agent.asked[1][-1].text == "ran bash\n\nstop now"


def test_a_notice_that_comes_before_any_result_waits_for_the_first_one() -> None:
    agent = Told(answer(1), answer(2, "bash"))
    Stage(told={0: [notice(Placement.TOOL_RESULT)]}).play(agent, ended_after(agent, 3))
    assert all("stop now" not in message.text for message in agent.asked[1])
    assert agent.asked[2][-1].text == "ran bash\n\nstop now"


@pytest.mark.parametrize("placement", [Placement.MAILBOX, Placement.TICKET])
def test_mail_and_tickets_are_seen_by_reading_only(placement: Placement) -> None:
    agent = Told(answer(1, "bash"))
    Stage(told={0: [notice(placement)], 1: [notice(placement)]}).play(agent, ended_after(agent))
    assert all("stop now" not in message.text for message in agent.asked[1])


def ended_after(agent: Told, asked: int = 2) -> Stop:
    """A stop that is asked for once the agent was asked this often."""

    class Counting(Stop):
        @property
        def asked(self) -> bool:
            return len(agent.asked) >= asked

    return Counting()
