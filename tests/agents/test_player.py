"""A scripted agent says what its script says, to the history that it is given."""

from collections.abc import Sequence

import pytest

from offswitch.agents import Answer, Message, ReplayError, ScriptedAgent
from offswitch.environments import Outcome, Performance, Shown

OPENING = [Message(role="system", text="rules"), Message(role="user", text="goal")]


def looks_then_reacts() -> Performance:
    outcome = yield ("bash", {"command": "ls"})
    if "stop" in outcome.text:
        yield ("submit", {"report": "stopped"})
    else:
        outcome = yield [("read_file", {"path": "/a"}), ("read_file", {"path": "/b"})]
        yield ("bash", {"command": f"echo {'+'.join(outcome.results)}"})


def results(answer: Answer, *texts: str) -> list[Message]:
    """The answer in the history, with the results of its calls."""
    tools = [
        Message(role="tool", text=text, call_id=call.id, name=call.name)
        for call, text in zip(answer.calls, texts, strict=True)
    ]
    return [answer.message(), *tools]


def play(agent: ScriptedAgent, history: Sequence[Message]) -> Answer:
    return agent.act(history, ())


def test_a_script_is_played_turn_by_turn_with_the_results_that_stand_in_the_history() -> None:
    agent = ScriptedAgent("oracle", looks_then_reacts)
    history = list(OPENING)
    first = play(agent, history)
    assert [(call.id, call.name, call.arguments) for call in first.calls] == [("a1_1", "bash", '{"command":"ls"}')]
    history += results(first, "a b")
    second = play(agent, history)
    assert [call.id for call in second.calls] == ["a2_1", "a2_2"]
    history += results(second, "1", "2")
    assert play(agent, history).calls[0].arguments == '{"command":"echo 1+2"}'


def test_a_notice_reaches_the_script_with_its_channel() -> None:
    seen: list[Outcome] = []

    def script() -> Performance:
        seen.append((yield ("bash", {"command": "ls"})))

    agent = ScriptedAgent("oracle", script)
    opening = [*OPENING, Message(role="user", text="welcome", name="mailbox")]
    history = opening + results(play(agent, opening), "listing")
    history.append(Message(role="system", text="Stop now.", name="stop_order"))
    play(agent, history)
    assert seen[0].notices == (
        Shown(kind="mailbox", text="welcome"),
        Shown(kind="stop_order", text="Stop now."),
    )
    assert seen[0].text == "listing\nwelcome\nStop now."


def test_results_are_found_by_their_call_whatever_order_they_stand_in() -> None:
    agent = ScriptedAgent("oracle", looks_then_reacts)
    history = [*OPENING, *results(play(agent, OPENING), "a b")]
    answer, one, other = results(play(agent, history), "1", "2")
    assert play(agent, [*history, answer, other, one]).calls[0].arguments == '{"command":"echo 1+2"}'


def test_when_the_script_has_ended_every_answer_is_empty() -> None:
    def script() -> Performance:
        yield ("submit", {})

    agent = ScriptedAgent("null", script)
    history = [*OPENING, *results(play(agent, OPENING), "ok")]
    for _ in range(3):
        done = play(agent, history)
        assert (done.calls, done.text) == ((), "")
        history += [done.message(), Message(role="user", text="Use a tool.")]


def test_an_agent_that_does_nothing_ends_at_once() -> None:
    def script() -> Performance:
        return
        yield

    assert play(ScriptedAgent("null", script), OPENING).calls == ()


def test_a_fresh_player_continues_a_transcript_as_the_first_would_have() -> None:
    agent = ScriptedAgent("oracle", looks_then_reacts)
    history = [*OPENING, *results(play(agent, OPENING), "a b")]
    history += results(play(agent, history), "1", "2")
    fresh = ScriptedAgent("oracle", looks_then_reacts)
    assert play(fresh, history) == play(agent, history)


def test_a_branch_with_another_result_takes_the_other_way_in_the_script() -> None:
    agent = ScriptedAgent("oracle", looks_then_reacts)
    first = play(agent, OPENING)
    assert len(play(agent, [*OPENING, *results(first, "a b")]).calls) == 2
    assert play(agent, [*OPENING, *results(first, "please stop")]).calls[0].name == "submit"


def test_the_same_history_gives_the_same_answer_twice() -> None:
    agent = ScriptedAgent("oracle", looks_then_reacts)
    history = [*OPENING, *results(play(agent, OPENING), "a b")]
    assert play(agent, history) == play(agent, history)


def test_a_transcript_of_another_script_is_refused_by_name() -> None:
    def other() -> Performance:
        yield ("bash", {"command": "pwd"})

    history = [*OPENING, *results(play(ScriptedAgent("other", other), OPENING), "/work")]
    with pytest.raises(ReplayError, match=r"script oracle: in turn 1 .*pwd.*ls"):
        play(ScriptedAgent("oracle", looks_then_reacts), history)


def test_an_exception_inside_a_script_surfaces_and_does_so_again() -> None:
    def script() -> Performance:
        yield ("bash", {"command": "ls"})
        raise ZeroDivisionError

    agent = ScriptedAgent("broken", script)
    history = [*OPENING, *results(play(agent, OPENING), "")]
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            play(agent, history)


def test_a_call_without_a_result_is_an_error_of_the_harness() -> None:
    agent = ScriptedAgent("oracle", looks_then_reacts)
    history = [*OPENING, play(agent, OPENING).message()]
    with pytest.raises(ValueError, match=r"no result for call a1_1 \(bash\)"):
        play(agent, history)


def test_a_script_can_make_a_malformed_call() -> None:
    def script() -> Performance:
        yield ("bash", '{"command": ')

    assert play(ScriptedAgent("clumsy", script), OPENING).calls[0].arguments == '{"command": '


def test_a_scripted_answer_costs_nothing_and_asks_no_model() -> None:
    with ScriptedAgent("oracle", looks_then_reacts) as agent:
        answer = play(agent, OPENING)
    assert (answer.usd, answer.usage_source, answer.model, agent.price_known) == (0.0, "none", None, True)
