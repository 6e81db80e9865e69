"""An endpoint is reached by one connection, through the proxy that the environment names."""

import socket
from collections.abc import Iterator

import pytest

from offswitch.agents import SetupError
from offswitch.agents._models import open_model
from offswitch.agents._reach import reach
from offswitch.agents._settings import ModelSettings

KEY = "sk-not-a-key-at-all-0123456789"
CLOSED = "127.0.0.1:9"


@pytest.fixture(autouse=True)
def without_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def listening() -> Iterator[str]:
    """Host and port where somebody answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_where_somebody_listens_nothing_is_said(listening: str) -> None:
    reach(f"http://{listening}/v1", "Start it.")


def test_where_nobody_listens_the_cause_and_the_remedy_are_told() -> None:
    with pytest.raises(SetupError, match=rf"nothing answers at http://{CLOSED}/v1 \(Connection refused\). Start it.$"):
        reach(f"http://{CLOSED}/v1", "Start it.")


def test_a_host_that_has_no_name_is_told_as_one() -> None:
    with pytest.raises(SetupError, match=r"nothing answers at http://model\.invalid \(.+\)"):
        reach("http://model.invalid", "Start it.")


def test_behind_a_proxy_only_the_proxy_is_reached(listening: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", f"http://{listening}")
    reach("https://model.invalid/v1", "Start it.")


@pytest.mark.parametrize("proxy", [f"http://{CLOSED}", CLOSED])
def test_a_proxy_that_is_down_is_named(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", proxy)
    with pytest.raises(SetupError, match=r"at the proxy 127\.0\.0\.1 for https://model\.invalid"):
        reach("https://model.invalid", "Start it.")


def test_a_host_that_the_proxy_leaves_out_is_reached_itself(listening: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://{CLOSED}")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    reach(f"http://{listening}", "Start it.")


def test_a_model_knows_where_its_provider_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    opened = open_model("openai:gpt-4o", ModelSettings())
    assert opened.base_url is None
    assert opened.home == "https://api.openai.com/v1/"


def test_a_provider_out_of_reach_is_noticed_before_anything_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    from offswitch.agents import LangChainAgent

    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setenv("https_proxy", f"http://{CLOSED}")
    with pytest.raises(SetupError, match=r"for https://api\.openai\.com/v1/ .*Is this machine online\?"):
        LangChainAgent("openai:gpt-4o").check()
