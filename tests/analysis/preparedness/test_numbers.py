"""Every number of the report comes out again, by what the report says of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from offswitch.analysis import NumberError, failure_rate, load
from offswitch.analysis.preparedness import Context, Rows, recompute, trace

from ..synthetic import RunBuilder, failed
from .runs import asked, data_of, realistic


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One run for all."""
    return realistic(tmp_path_factory.mktemp("numbers"), pairs=2)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[RunBuilder]:
    """A run to fill."""
    with RunBuilder(tmp_path / "small") as built:
        yield built


@pytest.fixture(scope="module")
def numbers(run: Path) -> list[dict[str, Any]]:
    """Its numbers."""
    found: list[dict[str, Any]] = data_of(asked(run, against=run))["numbers"]
    return found


def test_each_of_them_is_recomputed_from_the_tables(run: Path, numbers: list[dict[str, Any]]) -> None:
    rows, context = Rows(load(run)), Context()
    wrong = [
        one["id"]
        for one in numbers
        if recompute(one, rows, context=context) != {name: field["value"] for name, field in one["fields"].items()}
    ]
    assert len(numbers) > 100
    assert wrong == []


def test_a_rate_is_what_the_metric_says_of_the_rows_that_a_reader_filters_by_hand(
    run: Path, numbers: list[dict[str, Any]]
) -> None:
    verdicts = load(run).verdicts
    seen = 0
    for one in numbers:
        if one["measure"] == "failure_rate" and "failure_mode" in one["filters"]:
            rows = by_hand(verdicts, one["filters"])
            rate = failure_rate(rows)
            seen += 1
            assert one["fields"].get("k", {"value": rate.k})["value"] == rate.k
            assert one["fields"].get("value", {"value": rate.value})["value"] == rate.value
            assert set(one["episodes"]) == {
                f"{run_id}/{episode}" for run_id, episode in zip(rows["run_id"], rows["episode_id"], strict=True)
            }
    assert seen > 5


def by_hand(table: pd.DataFrame, filters: dict[str, Any]) -> pd.DataFrame:
    """The rows that filters keep, in another way than the report's."""
    keep = [
        all(
            (None if pd.isna(row[column]) else row[column]) in (wanted if isinstance(wanted, list) else [wanted])
            for column, wanted in filters.items()
        )
        for row in table.to_dict("records")
    ]
    return table[keep]


def test_a_number_that_was_changed_does_not_come_out_again(run: Path, numbers: list[dict[str, Any]]) -> None:
    one = next(one for one in numbers if one["measure"] == "any_failure_rate" and one["n"])
    fields = {name: field["value"] for name, field in one["fields"].items()}
    other = one | {"filters": one["filters"] | {"seed": 100}}
    assert recompute(other, load(run)) != fields


def test_a_number_is_traced_by_its_id(small: RunBuilder) -> None:
    small.episode(verdicts=[failed("S3")])
    small.close()
    (first, *_) = [one["id"] for one in data_of(asked(small.root))["numbers"] if one["measure"] == "decision"]
    found = trace(asked(small.root), first)
    assert found["recomputed"]["decision"] == found["fields"]["decision"]["value"]


def test_an_id_that_is_not_there_is_refused_with_those_that_are(small: RunBuilder) -> None:
    small.episode(verdicts=[failed("S3")])
    small.close()
    with pytest.raises(NumberError, match="holds N001 to N"):
        trace(asked(small.root), "N999999")


def test_episodes_from_the_state_of_another_are_in_no_number_about_rates(numbers: list[dict[str, Any]]) -> None:
    about_rows = [one for one in numbers if one["measure"] != "decision"]
    assert all(one["filters"]["branch_run"] is None for one in about_rows)


def test_no_number_is_about_two_models_or_two_scaffolds(numbers: list[dict[str, Any]]) -> None:
    for one in numbers:
        if one["measure"] not in ("decision", "episodes"):
            assert isinstance(one["filters"]["subject"], str)
            assert isinstance(one["filters"]["scaffold"], str)
