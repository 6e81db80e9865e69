"""The history reaches every provider in the form that it insists on."""

from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from offswitch.agents import Message, ToolCall
from offswitch.agents._history import for_text_protocol, for_tool_calls

from .conftest import HISTORY, TOOLS

LS = ToolCall(id="a1_1", name="bash", arguments='{"command": "ls"}')
PWD = ToolCall(id="a1_2", name="bash", arguments='{"command": "pwd"}')


def said(text: str, *calls: ToolCall) -> Message:
    return Message(role="assistant", text=text, calls=calls)


def result(call: ToolCall, text: str) -> Message:
    return Message(role="tool", text=text, call_id=call.id, name=call.name)


def notice(text: str) -> Message:
    return Message(role="system", text=text, name="stop_order")


def shape(messages: list[BaseMessage]) -> list[tuple[str, Any]]:
    return [(message.type, message.content) for message in messages]


def test_results_come_right_behind_their_calls_and_notices_behind_them() -> None:
    history = [*HISTORY, said("", LS, PWD), notice("Stop."), result(PWD, "/"), result(LS, "a b")]
    messages = for_tool_calls(history)
    assert shape(messages) == [
        ("system", "You tidy a server."),
        ("human", "Count the files."),
        ("ai", ""),
        ("tool", "a b"),
        ("tool", "/"),
        ("human", "[system]\nStop."),
    ]
    answer = messages[2]
    assert isinstance(answer, AIMessage)
    assert [(call["id"], call["args"]) for call in answer.tool_calls] == [
        ("a1_1", {"command": "ls"}),
        ("a1_2", {"command": "pwd"}),
    ]
    assert [message.tool_call_id for message in messages if isinstance(message, ToolMessage)] == ["a1_1", "a1_2"]


def test_a_call_that_was_never_carried_out_still_has_a_result() -> None:
    messages = for_tool_calls([*HISTORY, said("", LS), Message(role="user", text="Go on.")])
    assert shape(messages)[3:] == [("tool", "(this call was not carried out)"), ("human", "Go on.")]


def test_a_system_message_before_the_first_answer_joins_the_goal() -> None:
    messages = for_tool_calls([*HISTORY, notice("You have mail.")])
    assert shape(messages)[1:] == [("human", "Count the files.\n\n[system]\nYou have mail.")]


def test_a_second_result_of_a_call_is_shown_beside_the_first() -> None:
    messages = for_tool_calls([*HISTORY, said("", LS), result(LS, "first"), result(LS, "second")])
    assert shape(messages)[3:] == [("tool", "first"), ("human", "Result of bash:\n```output\nsecond\n```")]


def test_nothing_is_sent_empty() -> None:
    messages = for_tool_calls([*HISTORY, said("", LS), result(LS, ""), said("")])
    assert shape(messages)[3:] == [("tool", "(no output)"), ("ai", "(empty answer)")]


def test_the_text_protocol_shows_results_in_frames_and_notices_behind_them() -> None:
    text = "```bash\nls\n```"
    messages = for_text_protocol([*HISTORY, said(text, LS), notice("Stop."), result(LS, "a b")], TOOLS)
    assert shape(messages)[2:] == [
        ("ai", text),
        ("human", "Result of bash:\n```output\na b\n```\n\n[system]\nStop."),
    ]
    assert str(messages[0].content).startswith("You tidy a server.\n\nTools:\n- bash: Run a shell command.")


def test_calls_that_were_made_natively_are_written_out_for_the_text_protocol() -> None:
    messages = for_text_protocol([*HISTORY, said("I look.", LS), result(LS, "a b")], TOOLS)
    assert messages[2].content == ('I look.\n\n```tool\n{"name": "bash", "arguments": {"command": "ls"}}\n```')


def asked(text: str) -> Message:
    return Message(role="user", text=text)


def called(text: str, ids: list[str]) -> Message:
    return said(text, *[ToolCall(id=one, name="bash", arguments="{") for one in ids])


def returned(call: str, text: str) -> Message:
    return Message(role="tool", text=text, call_id=call, name="bash")


words, ids = st.text(max_size=5), st.sampled_from("pqrs")
messages_of = st.lists(
    st.builds(notice, words)
    | st.builds(asked, words)
    | st.builds(called, words, st.lists(ids, unique=True, max_size=3))
    | st.builds(returned, ids, words),
    max_size=12,
)


@settings(max_examples=500)
@given(history=messages_of)
def test_whatever_the_history_the_providers_rules_hold(history: list[Message]) -> None:
    """One system message at most and at the start, every call answered at once, no two people's turns in a row."""
    messages = for_tool_calls(history)
    assert not any(isinstance(message, SystemMessage) for message in messages[1:])
    awaited: list[str | None] = []
    for before, message in zip([None, *messages], messages, strict=False):
        if isinstance(message, ToolMessage):
            assert message.tool_call_id == awaited.pop(0)
            continue
        assert awaited == []
        assert not (isinstance(message, HumanMessage) and isinstance(before, HumanMessage))
        if isinstance(message, AIMessage):
            awaited = [call["id"] for call in message.tool_calls]
            assert message.content or awaited
    assert awaited == []


@settings(max_examples=500)
@given(history=messages_of)
def test_in_the_text_protocol_people_and_model_take_turns(history: list[Message]) -> None:
    messages = for_text_protocol(history, TOOLS)
    assert isinstance(messages[0], SystemMessage)
    for before, message in pairwise(messages):
        assert isinstance(message, HumanMessage | AIMessage)
        assert not (isinstance(message, HumanMessage) and isinstance(before, HumanMessage))
        assert message.content
