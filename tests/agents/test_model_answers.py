"""What comes back from a provider: calls as the model wrote them, what it cost, and who answered."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offswitch.agents import (
    Answer,
    LangChainAgent,
    Message,
    ModelFailure,
    ModelPrice,
    ModelSettings,
    Prices,
    RetryPolicy,
)
from offswitch.agents._identity import is_another_model

from .conftest import HISTORY, TOOLS, OpenAgent
from .wire import Wire, answer, call, completion, raw, served

DEEP = "[" * 10_000 + "]" * 10_000

MALFORMED: dict[str, Any] = {
    "cut short": '{"command": "ls',
    "no JSON": "ls -l",
    "a list": "[1, 2]",
    "a number": "17",
    "null": "null",
    "NaN": '{"timeout": NaN}',
    "ten megabytes": json.dumps({"command": "x" * 10_000_000}),
    "nested ten thousand deep": f'{{"command": {DEEP}}}',
    "nested a hundred deep": f'{{"command": {DEEP[9_900:10_100]}}}',
    "a lone surrogate": '{"command": "\\ud800"}',
    "a lone surrogate in the text": '{"command": "\ud800"}',
    "a number of ten thousand digits": '{"n": ' + "9" * 10_000 + "}",
    "duplicate keys": '{"command": "ls", "command": "pwd"}',
    "control characters": '{"command": "a\x00\x1bb"}',
}


SOUND = {"ten megabytes", "a lone surrogate", "a lone surrogate in the text", "duplicate keys"}
"""What is a JSON object all the same. The rest goes back to the provider as a text within one."""


def answered(agent: LangChainAgent, history: tuple[Message, ...] = HISTORY) -> Answer:
    return agent.act(history, TOOLS)


def continued(reply: Answer, *results: str) -> tuple[Message, ...]:
    """The history with this answer, its results and a nudge."""
    tools = [
        Message(role="tool", text=text, call_id=one.id, name=one.name)
        for one, text in zip(reply.calls, results, strict=True)
    ]
    return (*HISTORY, reply.message(), *tools, Message(role="user", text="Go on."))


@pytest.mark.parametrize("kind", MALFORMED)
def test_malformed_arguments_reach_the_broker_as_they_were_written(
    wire: Wire, open_agent: OpenAgent, kind: str
) -> None:
    """Row H2. And the conversation goes on: the provider can read the history that holds them."""
    agent = open_agent()
    wire.script = [answer(None, [call("bash", MALFORMED[kind])])]
    reply = answered(agent)
    written = MALFORMED[kind].replace("\ud800", "\\ud800")
    assert [(one.name, one.arguments) for one in reply.calls] == [("bash", written)]
    assert answered(agent, continued(reply, "error: malformed")).text == "done"
    sent = json.loads(wire.requests[-1]["messages"][2]["tool_calls"][0]["function"]["arguments"])
    assert set(sent) == {"command" if kind in SOUND else "unreadable_arguments"}


def test_an_unknown_tool_is_a_call_like_any_other(wire: Wire, open_agent: OpenAgent) -> None:
    agent = open_agent()
    wire.script = [answer(None, [call("rm -rf /; bash", "{}"), call("", "{}"), call(None, "{}")])]
    reply = answered(agent)
    assert [one.name for one in reply.calls] == ["rm -rf /; bash", "", ""]
    answered(agent, continued(reply, "no such tool", "no such tool", "no such tool"))
    names = [sent["function"]["name"] for sent in wire.requests[-1]["messages"][2]["tool_calls"]]
    assert names == ["rm_-rf____bash", "unnamed", "unnamed"]


@pytest.mark.parametrize("identity", ["call_1", "", None, "x" * 5000, 17])
def test_whatever_ids_a_provider_sends_ours_are_unique(wire: Wire, open_agent: OpenAgent, identity: Any) -> None:
    agent = open_agent()
    twice = [call("bash", "{}", identity), call("bash", "{}", identity)]
    wire.script = [answer(None, twice), answer(None, twice)]
    first = answered(agent)
    second = answered(agent, continued(first, "a", "b"))
    assert [one.id for one in (*first.calls, *second.calls)] == ["a1_1", "a1_2", "a2_1", "a2_2"]


def test_calls_keep_their_order_although_one_between_them_is_broken(wire: Wire, open_agent: OpenAgent) -> None:
    wire.script = [answer(None, [call("bash", "{"), call("read", "{}"), call("bash", "]")])]
    assert [one.arguments for one in answered(open_agent()).calls] == ["{", "{}", "]"]


@pytest.mark.parametrize("arguments", [None, ""])
def test_a_tool_without_arguments_is_called_with_an_empty_object(
    wire: Wire, open_agent: OpenAgent, arguments: Any
) -> None:
    wire.script = [answer(None, [call("submit", arguments)])]
    assert answered(open_agent()).calls[0].arguments == "{}"


def test_arguments_that_are_no_text_on_the_wire_become_text(wire: Wire, open_agent: OpenAgent) -> None:
    wire.script = [answer(None, [call("bash", {"command": "ls"})])]
    assert json.loads(answered(open_agent()).calls[0].arguments) == {"command": "ls"}


def odd_call(function: Any) -> dict[str, Any]:
    return {"id": "x", "type": "function", "function": function}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(
    calls=st.lists(
        st.builds(call, json_values, json_values | st.text(), json_values)
        | json_values
        | st.builds(odd_call, json_values),
        max_size=4,
    ),
    text=json_values,
)
def test_no_shape_of_tool_calls_escapes_as_an_exception(provider: Wire, calls: list[Any], text: Any) -> None:
    """Row H2: it is an answer, or at worst an unreadable body that was asked for again."""
    body = json.dumps(completion(text, calls))
    provider.script = [raw(body.encode("utf-8", "surrogatepass"))]
    model = LangChainAgent(
        "gpt-4o",
        ModelSettings(base_url=provider.url, retry=RetryPolicy(max_attempts=2)),
        sleep=lambda _: None,
    )
    reply = model.act(HISTORY, TOOLS)
    assert len({one.id for one in reply.calls}) == len(reply.calls)
    reply.model_dump_json()
    follow_up = model.act(continued(reply, *["x" for _ in reply.calls]), TOOLS)
    assert follow_up.text == "done"


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_shape_of_an_answer_escapes_as_anything_but_a_failure(provider: Wire, data: st.DataObject) -> None:
    """Any part of a body may be of any type."""
    body = completion("hi")
    places = [(body, "usage"), (body, "model"), (body, "system_fingerprint"), (body, "id"), (body, "choices")]
    places += [(body["choices"][0], "finish_reason"), (body["choices"][0], "index")]
    places += [(body["choices"][0]["message"], name) for name in ("role", "refusal", "content", "function_call")]
    places += [(body["usage"], name) for name in ("prompt_tokens", "completion_tokens", "prompt_tokens_details")]
    for place, name in data.draw(st.lists(st.sampled_from(places), min_size=1, max_size=3)):
        place[name] = data.draw(json_values)
    provider.script = [raw(json.dumps(body).encode("utf-8", "surrogatepass"))]
    model = LangChainAgent(
        "gpt-4o", ModelSettings(base_url=provider.url, retry=RetryPolicy(max_attempts=2)), sleep=lambda _: None
    )
    with suppress(ModelFailure):
        model.act(HISTORY, TOOLS).model_dump_json()


@pytest.fixture(scope="module")
def provider() -> Any:
    with served() as server:
        yield server


def test_the_providers_count_is_kept_with_all_its_parts(wire: Wire, open_agent: OpenAgent) -> None:
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 9,
        "total_tokens": 109,
        "prompt_tokens_details": {"cached_tokens": 64},
    }
    wire.script = [answer("hi", usage=usage)]
    reply = answered(open_agent())
    assert (reply.input_tokens, reply.output_tokens, reply.usage_source) == (100, 9, "provider")
    assert reply.raw_usage is not None
    assert reply.raw_usage["prompt_tokens_details"]["cached_tokens"] == 64


@pytest.mark.parametrize("usage", [{}, {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}])
def test_without_a_count_tokens_are_estimated_and_said_to_be(
    wire: Wire, open_agent: OpenAgent, usage: dict[str, int]
) -> None:
    wire.script = [answer("x" * 40, usage=usage)]
    reply = answered(open_agent())
    assert (reply.usage_source, reply.output_tokens, reply.raw_usage) == ("estimate", 10, None)
    assert reply.input_tokens is not None
    assert reply.input_tokens > 30


def test_the_answer_names_the_model_and_its_fingerprint(wire: Wire, open_agent: OpenAgent) -> None:
    reply = answered(open_agent())
    assert (reply.model, reply.fingerprint, reply.id) == ("gpt-4o-2024-08-06", "fp_1", "a1")


def test_a_price_of_the_user_makes_dollars(wire: Wire) -> None:
    prices = Prices({"gpt-4o": ModelPrice(input_per_mtok=1.0, output_per_mtok=10.0)})
    agent = LangChainAgent("gpt-4o", ModelSettings(base_url=wire.url), prices=prices)
    assert agent.price_known
    assert answered(agent).usd == pytest.approx((11 * 1.0 + 7 * 10.0) / 1e6)


def test_at_an_endpoint_of_somebody_elses_no_price_is_assumed(open_agent: OpenAgent) -> None:
    agent = open_agent()
    assert not agent.price_known
    assert answered(agent).usd is None


def test_an_answer_cut_by_its_limit_says_so(wire: Wire, open_agent: OpenAgent) -> None:
    wire.script = [answer("I will now", finish="length")]
    assert "cut off" in answered(open_agent()).hint


def test_a_call_written_as_text_is_not_run_where_calls_are_native_and_the_model_is_told(
    wire: Wire, open_agent: OpenAgent
) -> None:
    wire.script = [answer('```json\n{"name": "bash", "arguments": {"command": "ls"}}\n```'), answer("I am done.")]
    agent = open_agent()
    written = answered(agent)
    assert written.calls == ()
    assert "as text, which runs nothing" in written.hint
    assert answered(agent).hint == ""


@pytest.mark.parametrize(
    ("asked", "got"),
    [
        ("gpt-4o", "gpt-4o-2024-08-06"),
        ("gpt-4o", "openai/gpt-4o"),
        ("gpt-4-turbo-preview", "gpt-4-0125-preview"),
        ("mistral-large-latest", "mistral-large-2411"),
        ("mistral-large-2407", "mistral-large-2411"),
        ("claude-3-5-sonnet-latest", "claude-3-5-sonnet-20241022"),
        ("claude-sonnet-4-5", "claude-sonnet-4-5-20250929"),
        ("llama-3.1-8b-instant", "meta-llama/Llama-3.1-8B-Instruct"),
        ("o3-mini", "o3-mini-2025-01-31"),
        ("gemini-2.5-flash", "models/gemini-2.5-flash-001"),
        ("my-deployment", "gpt-4o-mini-2024-07-18"),
        ("gpt-4o", "prod-alias-7"),
        ("local", "/models/qwen2.5-coder-0.5b-instruct.gguf"),
        ("deepseek-r1-distill-llama-70b", "deepseek-r1-distill-llama-70b"),
        ("qwen2.5:7b", "qwen2.5-7b-instruct-q4_k_m.gguf"),
    ],
)
def test_dates_builds_and_aliases_are_the_same_model(asked: str, got: str) -> None:
    assert not is_another_model(asked, got)


@pytest.mark.parametrize(
    ("asked", "got"),
    [
        ("gpt-4o", "claude-3-opus-20240229"),
        ("gpt-4o", "gpt-4o-mini-2024-07-18"),
        ("gpt-4o", "gpt-3.5-turbo-0125"),
        ("claude-opus-4-1", "claude-haiku-4-5"),
        ("claude-sonnet-4-5", "claude-3-5-sonnet-20241022"),
        ("llama-3.1-70b", "llama-3.1-8b"),
        ("o3", "gpt-4o"),
        ("mistral-large-latest", "mixtral-8x7b"),
    ],
)
def test_another_family_generation_tier_or_size_is_another_model(asked: str, got: str) -> None:
    assert is_another_model(asked, got)


def test_another_models_answer_is_missing_data_and_its_cost_counts(wire: Wire, open_agent: OpenAgent) -> None:
    wire.script = [answer("I will not stop.", model="gpt-3.5-turbo")]
    with pytest.raises(ModelFailure, match=r"gpt-3\.5-turbo") as caught:
        answered(open_agent())
    assert caught.value.category == "wrong_model"
    assert caught.value.answer is not None
    assert caught.value.answer.output_tokens == 7


def test_a_refusal_in_plain_words_is_the_agents_own_conduct(wire: Wire, open_agent: OpenAgent) -> None:
    wire.script = [answer("I cannot help with that.")]
    assert answered(open_agent()).text == "I cannot help with that."


def test_a_text_protocol_agent_reads_its_call_from_the_text(wire: Wire, open_agent: OpenAgent) -> None:
    agent = open_agent(mode="text_protocol")
    wire.script = [answer("Look:\n```bash\nls\n```\nThere are 3 files.")]
    reply = answered(agent)
    assert [(one.id, one.name, one.arguments) for one in reply.calls] == [("a1_1", "bash", '{"command": "ls"}')]
    assert (reply.text, reply.cut) == ("Look:\n```bash\nls\n```", "There are 3 files.")
    assert agent.subject.scaffold == "text_protocol"
    request = wire.requests[-1]
    assert "tools" not in request
    assert request["stop"] == ["```output"]
    assert request["max_tokens"] == 2048


def test_only_a_model_without_tool_calls_is_reminded_of_how_one_is_written(wire: Wire, open_agent: OpenAgent) -> None:
    wire.script = [answer("I am done."), answer("I am done.")]
    in_text, native = (answered(open_agent(mode=mode)) for mode in ("text_protocol", "tool_calls"))
    assert (in_text.hint, native.hint, native.reminder) == ("", "", "")
    assert "```bash" in in_text.reminder


def test_commands_cut_by_the_limit_are_not_run(wire: Wire, open_agent: OpenAgent) -> None:
    wire.script = [answer("```bash\nrm -r /work", finish="length")]
    reply = answered(open_agent(mode="text_protocol"))
    assert reply.calls == ()
    assert "cut off" in reply.hint
