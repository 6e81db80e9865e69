"""A price is known or it is not: what nobody stated is never free."""

import json
import sys
from pathlib import Path

import pytest

from offswitch.agents import LangChainAgent, ModelPrice, Prices, SetupError
from offswitch.agents._prices import Tokens

TEN = ModelPrice(input_per_mtok=10.0, output_per_mtok=20.0)


def test_a_model_that_nobody_priced_has_an_unknown_price() -> None:
    prices = Prices()
    assert prices.usd("openai", "no-such-model-of-anyone", Tokens(1000, 1000)) is None
    assert prices.usd(None, "gpt-4o", Tokens(1000, 1000)) is None
    assert not prices.knows("nobody", "gpt-4o")


def test_the_table_prices_models_of_known_providers() -> None:
    pytest.importorskip("genai_prices")
    usd = Prices().usd("openai", "gpt-4o", Tokens(1_000_000, 0))
    assert usd is not None
    assert usd > 0
    assert Prices().usd("openai", "gpt-4o", Tokens(2_000_000, 0)) == pytest.approx(2 * usd)


def test_cached_tokens_cost_less_where_the_table_says_so() -> None:
    pytest.importorskip("genai_prices")
    full = Prices().usd("openai", "gpt-4o", Tokens(1000, 0))
    cached = Prices().usd("openai", "gpt-4o", Tokens(1000, 0, cache_read=900))
    assert full is not None
    assert cached is not None
    assert cached < full


def test_a_count_that_contradicts_itself_makes_no_price() -> None:
    """More cached than input tokens: some gateways count so."""
    pytest.importorskip("genai_prices")
    assert Prices().usd("openai", "gpt-4o", Tokens(100, 10, cache_read=900)) is None


def test_without_the_table_only_the_users_prices_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    assert not Prices().knows("openai", "gpt-4o")
    assert Prices({"gpt-4o": TEN}).usd("openai", "gpt-4o", Tokens(1_000_000, 1_000_000)) == 30.0


def test_a_price_of_the_user_goes_before_the_table_and_may_name_the_provider() -> None:
    prices = Prices({"openai:gpt-4o": TEN, "gpt-4o": ModelPrice(input_per_mtok=1.0, output_per_mtok=1.0)})
    assert prices.usd("openai", "gpt-4o", Tokens(1_000_000, 0)) == 10.0
    assert prices.usd("azure_openai", "gpt-4o", Tokens(1_000_000, 0)) == 1.0


def test_prices_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    path.write_text(json.dumps({"m": {"input_per_mtok": 1, "output_per_mtok": 2.5}}))
    assert Prices.from_file(path).usd(None, "m", Tokens(0, 2_000_000)) == 5.0


BROKEN = ["", "[]", '{"m": 1}', '{"m": {"input_per_mtok": 1}}', '{"m": {"input": 1, "output": 1}}', "\xff"]
BROKEN_PRICES = [
    f'{{"m": {{"input_per_mtok": {price}, "output_per_mtok": 1}}}}' for price in ("-1", "NaN", "null", "1e999")
]


@pytest.mark.parametrize("content", BROKEN + BROKEN_PRICES)
def test_a_file_of_another_form_is_refused_with_the_form_it_needs(tmp_path: Path, content: str) -> None:
    path = tmp_path / "prices.json"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(SetupError, match=r"prices\.json cannot be used.*input_per_mtok"):
        Prices.from_file(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"none\.json"):
        Prices.from_file(tmp_path / "none.json")


@pytest.mark.parametrize("variable", ["OPENAI_BASE_URL", "OPENAI_API_BASE"])
def test_an_endpoint_from_the_environment_has_no_published_prices(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "http://127.0.0.1:9/v1")
    agent = LangChainAgent("openai:gpt-4o")
    assert not agent.price_known
    assert agent.subject.params["base_url"] == "http://127.0.0.1:9/v1"


def test_openais_own_models_are_priced_from_the_table() -> None:
    pytest.importorskip("genai_prices")
    assert LangChainAgent("openai:gpt-4o").price_known
    assert not LangChainAgent("openai:no-such-model-of-anyone").price_known
