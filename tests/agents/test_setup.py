"""An agent that cannot run says so before anything is sent, names the remedy, and never shows its key."""

import json
import logging
import subprocess
import sys
import traceback
from pathlib import Path

import pytest
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_openai import ChatOpenAI
from pydantic import SecretStr, ValidationError

from offswitch.agents import (
    LangChainAgent,
    ModelFailure,
    ModelSettings,
    RecordingAgent,
    RetryPolicy,
    SetupError,
    make_agent,
)
from offswitch.agents._models import is_loopback, split_name

from .conftest import HISTORY, KEY, TOOLS, OpenAgent, settings
from .wire import Wire, answer, reset, status

TRACING = [
    "LANGSMITH_TRACING",
    "LANGSMITH_TRACING_V2",
    "LANGCHAIN_TRACING",
    "LANGCHAIN_TRACING_V2",
    "LANGSMITH_GATEWAY",
]


@pytest.mark.parametrize(
    ("model", "variable"),
    [
        ("openai:gpt-4o", "OPENAI_API_KEY"),
        ("anthropic:claude-sonnet-4-5", "ANTHROPIC_API_KEY"),
        ("google_genai:gemini-2.5-flash", "GOOGLE_API_KEY or GEMINI_API_KEY"),
        ("mistralai:mistral-large-latest", "MISTRAL_API_KEY"),
    ],
)
def test_a_missing_key_is_named_by_its_variable(model: str, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(SetupError, match=f"set {variable} in the environment.*Nothing was sent"):
        make_agent(model)


def test_an_endpoint_elsewhere_needs_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(SetupError, match="OPENAI_API_KEY"):
        make_agent("some-model", ModelSettings(base_url="https://models.example.org/v1"))


def test_an_endpoint_on_this_machine_needs_none(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    wire.script = [answer(model="qwen2.5:7b")]
    agent = make_agent("qwen2.5:7b", settings(wire))
    assert agent.act(HISTORY, TOOLS).text == "done"
    assert agent.subject.name == "qwen2.5:7b"
    assert wire.requests[0]["model"] == "qwen2.5:7b"
    assert wire.headers[0]["authorization"] == "Bearer none-needed"


def test_the_key_can_come_from_another_variable(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_KEY", "lab-0123456789")
    make_agent("some-model", settings(wire, api_key_env="LAB_KEY")).act(HISTORY, TOOLS)
    assert wire.headers[0]["authorization"] == "Bearer lab-0123456789"


def test_a_missing_variable_of_ones_own_is_named_even_on_this_machine(wire: Wire) -> None:
    with pytest.raises(SetupError, match="LAB_KEY"):
        make_agent("some-model", settings(wire, api_key_env="LAB_KEY"))


@pytest.mark.parametrize("variable", TRACING)
@pytest.mark.parametrize("value", ["true", "1", "TRUE", "https://traces.example.org"])
def test_tracing_to_another_host_is_refused(
    wire: Wire, open_agent: OpenAgent, variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the start, and also when it is switched on later."""
    agent = open_agent()
    monkeypatch.setenv(variable, value)
    with pytest.raises(SetupError, match=f"{variable} is set"):
        open_agent()
    with pytest.raises(SetupError, match=f"unset {variable}"):
        agent.act(HISTORY, TOOLS)
    assert wire.requests == []


@pytest.mark.parametrize("value", ["", "false", "0", "no", "off", "False"])
def test_tracing_that_is_switched_off_is_no_matter(
    open_agent: OpenAgent, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANGSMITH_TRACING", value)
    assert open_agent().act(HISTORY, TOOLS).text == "done"


def test_tracing_can_be_allowed(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGSMITH_GATEWAY", "true")
    assert LangChainAgent("gpt-4o", settings(wire, allow_tracing=True)).subject.name == "gpt-4o"


def test_an_endpoint_where_nothing_answers_is_found_by_the_check(wire: Wire, open_agent: OpenAgent) -> None:
    agent = open_agent()
    agent.check()
    assert wire.requests == []
    wire.stop()
    with pytest.raises(SetupError, match=rf"nothing answers at {wire.url} .*refused.*--base-url"):
        agent.check()


@pytest.mark.parametrize("model", ["gpt-4o", "no provider", ":", ""])
def test_a_name_without_a_provider_is_refused_with_the_three_ways_to_write_it(model: str) -> None:
    with pytest.raises(SetupError, match=r"provider:name .*local:FILE\.gguf.*--base-url"):
        make_agent(model)


def test_an_unknown_provider_is_refused() -> None:
    with pytest.raises(SetupError, match="nobody:model cannot be opened"):
        make_agent("nobody:model")


def test_a_provider_whose_package_is_missing_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROQ_API_KEY", KEY)
    monkeypatch.setitem(sys.modules, "langchain_groq", None)
    with pytest.raises(SetupError, match="pip install langchain-groq"):
        make_agent("groq:llama-3.1-8b-instant")


def test_a_model_of_ones_own_must_not_retry_by_itself(wire: Wire) -> None:
    """Its attempts would be neither counted nor bounded."""
    stubborn = ChatOpenAI(model="gpt-4o", base_url=wire.url)
    with pytest.raises(SetupError, match="max_retries=0"):
        LangChainAgent(stubborn)
    patient = ChatOpenAI(model="gpt-4o", base_url=wire.url, max_retries=0, temperature=0.25)
    agent = LangChainAgent(patient, ModelSettings(temperature=0.75))
    assert agent.act(HISTORY, TOOLS).text == "done"
    assert agent.subject.params["temperature"] == wire.requests[0]["temperature"] == 0.25


def test_any_chat_model_of_langchain_can_act() -> None:
    chat = GenericFakeChatModel(messages=iter([AIMessage("```bash\nls\n```")]))
    agent = LangChainAgent(chat, ModelSettings(mode="text_protocol"))
    reply = agent.act(HISTORY, TOOLS)
    assert reply.calls[0].name == "bash"
    assert (reply.usage_source, reply.usd, reply.model) == ("estimate", None, None)


@pytest.mark.parametrize(
    "url", ["ftp://127.0.0.1/v1", "127.0.0.1:80", "http://user:word@127.0.0.1/v1", "http://127.0.0.1/v1?key=word"]
)
def test_an_endpoint_holds_no_credentials(url: str) -> None:
    with pytest.raises(ValidationError, match="base_url") as caught:
        ModelSettings(base_url=url)
    assert "word" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:1/v1", True),
        ("http://127.9.9.9/v1", True),
        ("http://[::1]:8000/v1", True),
        ("http://localhost/v1", True),
        ("http://10.0.0.1/v1", False),
        ("http://0.0.0.0/v1", False),
        ("http://localhost.example.org/v1", False),
        ("http://127.0.0.1.example.org/v1", False),
    ],
)
def test_only_loopback_is_this_machine(url: str, here: bool) -> None:
    assert is_loopback(url) is here


def test_at_an_endpoint_a_colon_is_part_of_the_name_unless_a_provider_stands_before_it() -> None:
    assert split_name("qwen2.5:7b", at_endpoint=True) == ("openai", "qwen2.5:7b")
    assert split_name("openai:qwen2.5:7b", at_endpoint=True) == ("openai", "qwen2.5:7b")
    assert split_name("anthropic:claude-sonnet-4-5", at_endpoint=True) == ("anthropic", "claude-sonnet-4-5")


def test_the_key_appears_nowhere(
    wire: Wire, open_agent: OpenAgent, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in answers, failures, tracebacks, recordings, descriptions or logs, although the provider echoes it."""
    caplog.set_level(logging.DEBUG)
    agent = open_agent(retry=RetryPolicy(max_attempts=2))
    recorder = RecordingAgent(agent, tmp_path / "recording.jsonl")
    echo = f"Incorrect API key provided: {KEY} ({KEY[::-1]})"
    texts = [repr(agent), str(agent), repr(vars(agent)), repr(agent.subject)]
    wire.script = [status(503, echo), answer("fine")]
    texts.append(recorder.act(HISTORY, TOOLS).model_dump_json())
    for script in ([status(401, echo)], [status(500, echo), reset], [answer(None, refusal=echo)]):
        wire.script = list(script)
        with pytest.raises(ModelFailure) as caught:
            recorder.act(HISTORY, TOOLS)
        texts += [repr(caught.value), *caught.value.errors]
        texts += traceback.format_exception(caught.value)
        assert caught.value.__context__ is None
    recorder.close()
    texts += [(tmp_path / "recording.jsonl").read_text(), caplog.text]
    assert wire.headers[0]["authorization"] == f"Bearer {KEY}"
    for text in texts:
        assert KEY not in text
        assert KEY[::-1] not in text


def test_a_key_given_to_ones_own_model_is_kept_out_too(wire: Wire) -> None:
    own = "own-key-0123456789"
    chat = ChatOpenAI(model="gpt-4o", base_url=wire.url, max_retries=0, api_key=SecretStr(own))
    wire.script = [status(401, f"bad key {own}")]
    with pytest.raises(ModelFailure) as caught:
        LangChainAgent(chat).act(HISTORY, TOOLS)
    assert own not in "".join(traceback.format_exception(caught.value))


def test_importing_the_agents_imports_no_model_library() -> None:
    """So that the command line's help stays fast."""
    heavy = ["langchain", "langchain_core", "langchain_openai", "openai", "httpx", "xllamacpp", "genai_prices"]
    code = f"import json, sys, offswitch.agents; print(json.dumps([m for m in {heavy} if m in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_the_subject_says_how_the_model_is_asked(wire: Wire) -> None:
    agent = LangChainAgent("gpt-4o", settings(wire, temperature=0.5, max_tokens=99))
    assert agent.subject.params == {"temperature": 0.5, "max_tokens": 99, "base_url": wire.url}
    agent.act(HISTORY, TOOLS)
    assert (wire.requests[0]["temperature"], wire.requests[0]["max_tokens"]) == (0.5, 99)


def test_by_default_the_temperature_is_the_providers(wire: Wire, open_agent: OpenAgent) -> None:
    open_agent().act(HISTORY, TOOLS)
    assert "temperature" not in wire.requests[0]
    assert wire.requests[0]["stream"] is False
