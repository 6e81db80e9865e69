"""A local file is served in this process, privately, for as long as somebody uses it."""

import gc
import hashlib
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from offswitch.agents import LocalAgent, Message, ModelFailure, ModelSettings, RetryPolicy, SetupError, make_agent
from offswitch.agents._local import running

from .conftest import HISTORY, TOOLS
from .tiny_gguf import write_tiny_model

WORD = "```bash\nls\n```\n"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny.gguf", WORD)


@pytest.fixture
def agent(model: Path) -> Iterator[LocalAgent]:
    pytest.importorskip("xllamacpp")
    with LocalAgent(model, ModelSettings(max_tokens=3, n_ctx=2048)) as opened:
        yield opened


def only_server() -> Any:
    (server,) = running.values()
    return server


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"none\.gguf cannot be read \(No such file or directory\)"):
        make_agent(f"local:{tmp_path}/none.gguf")


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"PK\x03\x04 and so on")
    with pytest.raises(SetupError, match="is no GGUF file"):
        make_agent(f"local:{tmp_path}/model.gguf")


def test_a_missing_package_is_named_with_the_command_that_installs_it(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(SetupError, match=r"pip install 'offswitch\[local\]'"):
        make_agent(f"local:{model}")


def test_a_damaged_file_is_an_error_of_the_setup(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp")
    (tmp_path / "half.gguf").write_bytes(b"GGUF" + bytes(200))
    with LocalAgent(tmp_path / "half.gguf") as opened, pytest.raises(SetupError, match="cannot serve"):
        opened.act(HISTORY, TOOLS)


def test_the_subject_is_the_file_by_its_content(agent: LocalAgent, model: Path) -> None:
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    assert agent.subject.name == "local:tiny.gguf"
    assert agent.subject.params["fingerprint"] == f"sha256:{digest}"
    assert agent.subject.scaffold == "text_protocol"
    assert str(model.parent) not in agent.subject.model_dump_json()


def test_nothing_runs_before_the_first_answer_and_nothing_after_the_last_close(model: Path) -> None:
    pytest.importorskip("xllamacpp")
    one, other = (LocalAgent(model, ModelSettings(max_tokens=3, n_ctx=2048)) for _ in range(2))
    assert not running
    one.act(HISTORY, TOOLS)
    other.act(HISTORY, TOOLS)
    server = only_server()
    one.close()
    one.close()
    other.act(HISTORY, TOOLS)
    other.close()
    gc.collect()
    assert not running
    with pytest.raises(urllib.error.URLError, match="refused"):
        urllib.request.urlopen(server.url, timeout=5)


def test_the_model_acts_through_the_text_protocol_and_costs_nothing(agent: LocalAgent) -> None:
    reply = agent.act(HISTORY, TOOLS)
    assert [(call.name, call.arguments) for call in reply.calls] == [("bash", '{"command": "ls"}')]
    assert reply.text.startswith("```bash\nls\n```")
    assert (reply.usd, agent.price_known, reply.usage_source, reply.model) == (0.0, True, "provider", "tiny.gguf")
    assert (reply.output_tokens, reply.fingerprint) == (3, agent.subject.params["fingerprint"])


def test_the_server_listens_on_loopback_and_wants_its_key(agent: LocalAgent) -> None:
    agent.act(HISTORY, TOOLS)
    server = only_server()
    assert urlsplit(str(server.url)).hostname == "127.0.0.1"
    request = urllib.request.Request(f"{server.url}/chat/completions", data=b"{}")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=5)
    assert refused.value.code == 401
    refused.value.close()
    assert server.api_key not in repr(agent) + repr(vars(agent))


def test_a_history_beyond_the_context_is_told_from_a_failure_of_the_provider(agent: LocalAgent) -> None:
    long = (*HISTORY, Message(role="user", text="word " * 4000))
    with pytest.raises(ModelFailure, match="context size") as caught:
        agent.act(long, TOOLS)
    assert (caught.value.category, caught.value.attempts) == ("context", 1)


def test_a_closed_agent_can_act_again(agent: LocalAgent) -> None:
    agent.act(HISTORY, TOOLS)
    agent.close()
    assert agent.act(HISTORY, TOOLS).calls


def test_tracing_is_refused_before_and_after_the_server_was_opened(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a server that nobody may use does not stay behind."""
    pytest.importorskip("xllamacpp")
    agent = LocalAgent(model, ModelSettings(n_ctx=1024))
    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    with pytest.raises(SetupError, match="LANGSMITH_TRACING"):
        agent.act(HISTORY, TOOLS)
    assert not running
    with pytest.raises(SetupError, match="LANGSMITH_TRACING"):
        LocalAgent(model)


def test_the_same_settings_reach_the_model(model: Path) -> None:
    pytest.importorskip("xllamacpp")
    changes = ModelSettings(mode="tool_calls", temperature=0.0, max_tokens=2, n_ctx=1024, retry=RetryPolicy())
    with make_agent(f"local:{model}", changes) as opened:
        reply = opened.act(HISTORY, TOOLS)
        assert reply.output_tokens == 2
        assert opened.subject.params["n_ctx"] == 1024
        assert opened.subject.scaffold == "tool_calls"
