"""Whatever a provider does wrong is retried within bounds, classified and recorded, and never an answer."""

import pickle
import time
from collections.abc import Iterator
from email.utils import formatdate
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offswitch.agents import Answer, Category, LangChainAgent, ModelFailure, ModelSettings, RetryPolicy
from offswitch.agents._failures import parse_retry_after

from .conftest import HISTORY, TOOLS, OpenAgent
from .wire import Act, Wire, answer, drip, hang, raw, reset, served, status


class Kind(NamedTuple):
    """A way to behave, and what the agent must make of it."""

    act: Act
    category: Category | None
    """None for a proper answer."""
    asked_s: float = 0.0
    """Wait that the provider asks for and that is granted."""
    repeats: bool = False
    """Whether three of them in a row mean that a fourth would be the same."""


CAP_S = 7.0
KINDS: dict[str, Kind] = {
    "answer": Kind(answer("done"), None),
    "reset": Kind(reset, "transient"),
    "408": Kind(status(408), "transient"),
    "409": Kind(status(409), "transient"),
    "429": Kind(status(429), "transient"),
    "429 for seconds": Kind(status(429, retry_after="2"), "transient", 2.0),
    "429 for milliseconds": Kind(status(429, retry_after_ms="1500"), "transient", 1.5),
    "429 until a date long ago": Kind(status(429, retry_after=formatdate(0, usegmt=True)), "transient"),
    "429 until a distant date": Kind(status(429, retry_after=formatdate(4e9, usegmt=True)), "transient", CAP_S),
    "429 for ages": Kind(status(429, retry_after="1e300"), "transient", CAP_S),
    "429 for nonsense": Kind(status(429, retry_after="next Tuesday"), "transient"),
    "429 for a negative time": Kind(status(429, retry_after="-5"), "transient"),
    "429 for NaN": Kind(status(429, retry_after="NaN"), "transient"),
    "429 for tokens": Kind(status(429, "token limit exceeded, 9000 tokens per minute"), "transient"),
    "500": Kind(status(500, "request req_8a1 failed"), "transient", repeats=True),
    "503": Kind(status(503, "overloaded", retry_after="1"), "transient", 1.0),
    "529": Kind(status(529, "overloaded"), "transient"),
    "error in a 200": Kind(raw(b'{"error": {"message": "busy", "code": 503}}'), "transient"),
    "truncated": Kind(raw(b'{"id": "x", "cho', length=999), "transient"),
    "empty": Kind(raw(b""), "transient"),
    "half a body": Kind(raw(b'{"id": "x", "choices": [{"ind'), "transient"),
    "a page": Kind(raw(b"<html>busy</html>", headers={"Content-Type": "text/html"}), "transient"),
    "no choices": Kind(raw(b'{"id": "x", "choices": []}'), "transient"),
    "null choices": Kind(raw(b'{"id": "x", "choices": null}'), "transient"),
    "a choice without a message": Kind(raw(b'{"id": "x", "choices": [{"index": 0}]}'), "transient"),
    "a list": Kind(raw(b"[]"), "transient"),
    "400": Kind(status(400), "deterministic"),
    "401": Kind(status(401), "deterministic"),
    "403": Kind(status(403), "deterministic"),
    "404": Kind(status(404), "deterministic"),
    "too long for OpenAI": Kind(status(400, "too long", kind="context_length_exceeded"), "context"),
    "too long for Anthropic": Kind(status(400, "prompt is too long: 210001 tokens > 200000 maximum"), "context"),
    "too long for Gemini": Kind(
        status(400, "The input token count (1100000) exceeds the maximum number of tokens allowed (1048576)."),
        "context",
    ),
    "too long for llama.cpp": Kind(
        status(400, "request (8421 tokens) exceeds the available context size (8192 tokens), try increasing it"),
        "context",
    ),
    "too long for vLLM": Kind(
        status(400, "This model's maximum context length is 4096 tokens. However, you requested 5000"), "context"
    ),
    "max_tokens beyond what is": Kind(status(400, "max_tokens: 999999 > 8192, the maximum of output"), "deterministic"),
    "402": Kind(status(402), "quota"),
    "429 for good": Kind(status(429, "over", kind="insufficient_quota"), "quota"),
    "no credit": Kind(status(400, "Your credit balance is too low"), "quota"),
    "filtered request": Kind(status(400, "no", kind="content_filter"), "content_filter"),
    "filtered answer": Kind(answer("", finish="content_filter"), "content_filter"),
    "refusal": Kind(answer(None, refusal="I cannot help with that."), "refusal"),
    "another model": Kind(answer(model="claude-3-opus-20240229"), "wrong_model"),
}


class Course(NamedTuple):
    """What must come of a script."""

    attempts: int
    category: Category | None


def course(names: list[str], policy: RetryPolicy) -> Course:
    """The rules, told once more and apart from the code: walk the script until something ends it."""
    for number in range(1, policy.max_attempts + 1):
        kinds = [KINDS[name] for name in names[:number]]
        if len(kinds) < number or kinds[-1].category is None:
            return Course(number, None)
        if kinds[-1].category != "transient":
            return Course(number, kinds[-1].category)
        if number >= 3 and all(kind.repeats for kind in kinds[-3:]):
            return Course(number, "deterministic")
    return Course(policy.max_attempts, "transient")


@pytest.fixture(scope="module")
def provider() -> Iterator[Wire]:
    with served() as server:
        yield server


def ask(agent: LangChainAgent) -> Answer | ModelFailure:
    try:
        return agent.act(HISTORY, TOOLS)
    except ModelFailure as failure:
        return failure


@settings(max_examples=500, deadline=None)
@given(
    names=st.lists(st.sampled_from(sorted(KINDS)) | st.just("500") | st.just("529"), max_size=6),
    max_attempts=st.integers(1, 6),
)
def test_every_course_ends_as_the_rules_say(provider: Wire, names: list[str], max_attempts: int) -> None:
    """Row H1: attempts are bounded, each failed one is recorded, and what the provider asked to wait is waited."""
    policy = RetryPolicy(
        max_attempts=max_attempts,
        base_delay_s=0.5,
        max_delay_s=4.0,
        max_retry_after_s=CAP_S,
        max_total_delay_s=1e6,
    )
    waits: list[float] = []
    provider.script, provider.requests = [KINDS[name].act for name in names], []
    model = LangChainAgent(
        "gpt-4o", ModelSettings(base_url=provider.url, timeout_s=20, retry=policy), sleep=waits.append
    )
    outcome, expected = ask(model), course(names, policy)
    assert (outcome.attempts, len(provider.requests)) == (expected.attempts, expected.attempts)
    if expected.category is None:
        assert isinstance(outcome, Answer)
        assert len(outcome.errors) == expected.attempts - 1
    else:
        assert isinstance(outcome, ModelFailure)
        assert outcome.category == expected.category
        assert len(outcome.errors) == expected.attempts
    assert len(waits) == expected.attempts - 1
    for index, wait_s in enumerate(waits):
        backoff_s = min(4.0, 0.5 * 2**index)
        asked_s = KINDS[names[index]].asked_s
        assert max(backoff_s / 2, asked_s) - 0.01 <= wait_s <= max(backoff_s, asked_s)


@given(
    budget_s=st.floats(0, 20),
    names=st.lists(st.sampled_from(["429", "429 for seconds", "429 for ages", "503"]), min_size=1, max_size=9),
)
@settings(max_examples=60, deadline=None)
def test_the_waiting_never_exceeds_its_budget(provider: Wire, budget_s: float, names: list[str]) -> None:
    """Row H1: a wait that would go beyond the budget is not begun, and none is shortened to fit into it."""
    policy = RetryPolicy(max_attempts=20, base_delay_s=0.5, max_total_delay_s=budget_s, max_retry_after_s=CAP_S)
    waits: list[float] = []
    provider.script, provider.requests = [KINDS[name].act for name in names] + [KINDS["401"].act], []
    model = LangChainAgent(
        "gpt-4o", ModelSettings(base_url=provider.url, timeout_s=20, retry=policy), sleep=waits.append
    )
    failure = ask(model)
    assert isinstance(failure, ModelFailure)
    assert sum(waits) <= budget_s
    assert len(provider.requests) == len(waits) + 1
    asked = [KINDS[name].asked_s for name in names]
    assert all(wait_s >= asked_s for wait_s, asked_s in zip(waits, asked, strict=False))


def test_a_provider_that_says_nothing_is_given_up_after_the_timeout(wire: Wire, open_agent: OpenAgent) -> None:
    wire.script = [hang, answer("late")]
    started_s = time.monotonic()
    reply = open_agent(timeout_s=0.2).act(HISTORY, TOOLS)
    assert (reply.text, reply.attempts) == ("late", 2)
    assert reply.errors[0].startswith("transient: ")
    assert 0.2 <= time.monotonic() - started_s < 5


def test_a_provider_that_drips_is_given_up_although_bytes_keep_coming(wire: Wire, open_agent: OpenAgent) -> None:
    wire.script = [drip, answer("late")]
    started_s = time.monotonic()
    reply = open_agent(timeout_s=0.2).act(HISTORY, TOOLS)
    assert (reply.text, reply.attempts) == ("late", 2)
    assert "no complete answer within" in reply.errors[0]
    assert time.monotonic() - started_s < 5


def test_an_unreachable_model_is_a_transient_failure_that_names_the_address(wire: Wire) -> None:
    wire.stop()
    model = LangChainAgent(
        "gpt-4o", ModelSettings(base_url=wire.url, retry=RetryPolicy(max_attempts=2)), sleep=lambda _: None
    )
    failure = ask(model)
    assert isinstance(failure, ModelFailure)
    assert (failure.category, failure.attempts) == ("transient", 2)
    assert wire.url in str(failure)
    assert "refused" in str(failure)


def test_a_failure_carries_what_the_withheld_answer_cost(wire: Wire, open_agent: OpenAgent) -> None:
    wire.script = [status(429), answer(None, refusal="No.", model="gpt-4o")]
    failure = ask(open_agent())
    assert isinstance(failure, ModelFailure)
    assert failure.answer is not None
    assert (failure.answer.input_tokens, failure.answer.output_tokens) == (11, 7)
    assert (failure.attempts, len(failure.errors)) == (2, 2)
    assert failure.errors[1] == "refusal: model gpt-4o: No."


def test_a_failure_survives_the_way_between_processes() -> None:
    failure = ModelFailure("gone", "quota", 2, ("a", "b"), Answer(id="a1"))
    copy = pickle.loads(pickle.dumps(failure))
    assert (str(copy), copy.category, copy.attempts, copy.errors, copy.answer) == (
        "gone",
        "quota",
        2,
        ("a", "b"),
        Answer(id="a1"),
    )


def test_the_clients_own_retries_are_off(wire: Wire, open_agent: OpenAgent) -> None:
    wire.script = [status(500)]
    failure = ask(open_agent(retry=RetryPolicy(max_attempts=1)))
    assert isinstance(failure, ModelFailure)
    assert len(wire.requests) == 1


@given(value=st.text(max_size=40), now=st.floats(0, 4e9))
def test_no_retry_after_header_is_misread(value: str, now: float) -> None:
    asked_s = parse_retry_after({"retry-after": value}, now=now)
    assert asked_s is None or 0 <= asked_s < float("inf")


def test_a_retry_after_date_counts_from_now() -> None:
    assert parse_retry_after({"retry-after": formatdate(1000, usegmt=True)}, now=940) == 60
