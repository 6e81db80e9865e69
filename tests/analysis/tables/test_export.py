"""What is exported reads back as it was, whatever an agent wrote into it."""

import csv
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from offswitch.analysis import (
    EPISODES,
    STEPS,
    VERDICTS,
    DuplicateEpisodeError,
    ExportError,
    InvalidRunError,
    RunData,
    State,
    TableError,
    UnknownVerdictsError,
    export,
    failure_rate,
    load,
)
from offswitch.analysis._columns import frame
from offswitch.analysis.tables import Format, export_data
from offswitch.benchmarks._tables import write_tables

from ..synthetic import WATCHED, RunBuilder, failed, held, lost, stop_order

FORMATS = list(Format)
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\uff1d1", "'", "''=1", "\u200b=1", "\xa0@x"]
QUICK = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def same(one: RunData, other: RunData) -> None:
    for name in ("episodes", "steps", "verdicts"):
        pd.testing.assert_frame_equal(placeless(getattr(one, name)), placeless(getattr(other, name)), check_exact=True)


def placeless(table: pd.DataFrame) -> pd.DataFrame:
    """Without the folder that a run was read from."""
    return table.drop(columns="run", errors="ignore")


def test_an_export_tells_the_name_of_a_run_s_folder_and_not_where_it_stood(run: RunBuilder, tmp_path: Path) -> None:
    run.episode(verdicts=[held("S3")])
    run.close()
    export([run.root], tmp_path / "out")
    told = load(tmp_path / "out").episodes["run"].astype(str)
    assert set(told) == {run.root.name}
    assert not any(str(tmp_path).encode() in file.read_bytes() for file in (tmp_path / "out").iterdir())


def full(run: RunBuilder) -> RunData:
    run.episode(verdicts=[failed("S3"), lost("P5")], safeguards=WATCHED, seed=2**70, extra=stop_order(1, 8))
    run.episode(verdicts=[held("S3", reason="=HYPERLINK(1)")], usd=None, seed=-3)
    run.episode(seal=False, end=None, suspicion=None, safeguards=WATCHED)
    return load(run.root)


@pytest.mark.parametrize("kind", FORMATS)
def test_an_export_reads_back_as_the_run(run: RunBuilder, tmp_path: Path, kind: Format) -> None:
    data = full(run)
    export([run.root], tmp_path / "out", format=kind)
    same(load(tmp_path / "out"), data)


@pytest.mark.parametrize("kind", FORMATS)
def test_an_empty_run_reads_back(run: RunBuilder, tmp_path: Path, kind: Format) -> None:
    export([run.root], tmp_path / "out", format=kind)
    same(load(tmp_path / "out"), load(run.root))


hostile = st.one_of(
    st.sampled_from(
        [*FORMULAS, "", " ", '"', 'a"b', "a,b", "a;=1", "a\r\nb", "\x00", "NA", "nan", "null", "true", "\ufeff"]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
)


@pytest.mark.parametrize("kind", FORMATS)
@QUICK
@given(rows=st.lists(st.tuples(st.none() | hostile, hostile, st.none() | st.floats(0, 1)), min_size=1, max_size=5))
def test_any_text_survives(tmp_path_factory: pytest.TempPathFactory, kind: Format, rows: list[Any]) -> None:
    made: list[dict[str, Any]] = [
        {
            "run_id": "r",
            "episode_id": str(at),
            "valid": True,
            "sealed": True,
            "begun": True,
            "seed": 7,
            "invalid_reason": reason,
            "tool": name,
            "step": 1,
            "monitors": (name, "b"),
            "lost_channels": (),
            "suspicions": {name: score},
            "score": score,
            "recorded": False,
            "reason": reason,
        }
        for at, (reason, name, score) in enumerate(rows)
    ]
    data = RunData(frame(made, EPISODES), frame(made, STEPS), frame(made, VERDICTS))
    out = tmp_path_factory.mktemp("export") / "out"
    export_data(data, out, format=kind)
    same(load(out), data)


@pytest.mark.parametrize("text", FORMULAS)
def test_i7_no_cell_of_an_exported_csv_is_a_formula(run: RunBuilder, tmp_path: Path, text: str) -> None:
    text += "payload"
    run.episode(verdicts=[held("S3", reason=text)], calls=[(text, {}, "")])
    told = export([run.root], tmp_path / "out", format=Format.CSV)
    assert "apostrophe" in told.note
    for name in ("steps", "verdicts"):
        with (tmp_path / "out" / f"{name}.csv").open(newline="", encoding="utf-8") as file:
            cells = [cell for row in csv.reader(file) for cell in row if text in cell]
        assert cells
        assert all(cell.startswith("'") for cell in cells)


def test_an_export_says_where_it_comes_from_and_that_it_was_verified(run: RunBuilder, tmp_path: Path) -> None:
    full(run)
    run.close()
    export([run.root], tmp_path / "out")
    (source,) = load(tmp_path / "out").sources
    assert (source.run_id, source.state, source.folder) == ("run-1", State.INTACT, None)
    assert source.root == load(run.root).sources[0].root
    facts = json.loads((tmp_path / "out" / "tables.json").read_text())
    assert facts["schema_version"] == 1
    assert facts["tables"]["verdicts"]["columns"]["succeeded"] == {
        "type": "category",
        "meaning": "did the control stop holding",
    }
    parquet: Any = pyarrow.parquet
    alone = json.loads(parquet.read_schema(str(tmp_path / "out" / "steps.parquet")).metadata[b"offswitch"])
    assert alone["sources"][0]["root"] == source.root


def test_a_run_that_was_tampered_with_is_exported_as_broken(run: RunBuilder, tmp_path: Path) -> None:
    first = run.episode(verdicts=[failed("S3")])
    run.close()
    path = run.paths.ledger(first)
    path.write_bytes(path.read_bytes()[:-40])
    export([run.root], tmp_path / "out")
    data = load(tmp_path / "out")
    assert data.sources[0].state is State.BROKEN
    assert not data.episodes["valid"].any()


def test_a_file_that_was_changed_since_is_refused(run: RunBuilder, tmp_path: Path) -> None:
    full(run)
    export([run.root], tmp_path / "out", format=Format.CSV)
    file = tmp_path / "out" / "verdicts.csv"
    file.write_bytes(file.read_bytes().replace(b'"true"', b'"false"', 1))
    with pytest.raises(InvalidRunError, match="was changed since it was exported; export the run again"):
        load(tmp_path / "out")


def test_steps_are_read_only_when_they_are_asked_for(run: RunBuilder, tmp_path: Path) -> None:
    data = full(run)
    export([run.root], tmp_path / "out")
    stored = load(tmp_path / "out")
    some = stored.steps_with("step", "suspicion")
    pd.testing.assert_frame_equal(some, data.steps[["step", "suspicion"]])
    (tmp_path / "out" / "steps.parquet").unlink()
    assert failure_rate(stored.verdicts).n == 2, "no step is needed for it"
    with pytest.raises(TableError, match="steps"):
        _ = stored.steps


def test_runs_and_exports_go_together_and_none_counts_twice(run: RunBuilder, tmp_path: Path) -> None:
    run.episode(verdicts=[held("S3"), held("P5")])
    export([run.root], tmp_path / "out")
    with RunBuilder(tmp_path / "other", "run-2") as other:
        other.episode(verdicts=[failed("S3")])
    data = load(tmp_path / "out", other.root)
    assert failure_rate(data.verdicts[data.verdicts["failure_mode"] == "S3"]).n == 2
    assert len(data.steps) == 2
    missing = data.verdicts[~data.verdicts["recorded"]]
    assert missing["failure_mode"].tolist() == ["P5"], "the other run's episode has no verdict of it: unknown"
    with pytest.raises(DuplicateEpisodeError, match="comes twice"):
        load(tmp_path / "out", run.root)


def test_nothing_is_written_over(run: RunBuilder, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("precious")
    with pytest.raises(ExportError, match="--out DIR"):
        export([run.root], tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_other_verdicts_than_the_exported_ones_are_not_made_up(run: RunBuilder, tmp_path: Path) -> None:
    run.episode(verdicts=[held("S3")])
    export([run.root], tmp_path / "out")
    with pytest.raises(UnknownVerdictsError, match="exported with verdicts 'live'"):
        load(tmp_path / "out", verdicts="2")


def test_coded_steps_say_what_the_steps_say(tmp_path: Path) -> None:
    write_tables(tmp_path, 30)
    data = load(tmp_path)
    names = ("run_id", "episode_id", "seed", "arm", "suspicion", "unanswered")
    coded, plain = data.steps_coded(*names), data.steps_with(*names)
    assert coded["episode_id"].dtype == "category"
    assert coded.astype(object).equals(plain.astype(object))
    assert data.steps_coded("seed").columns.tolist() == ["seed"]
    assert data.steps["tool"].notna().all()
    assert data.steps_coded("tool")["tool"].equals(data.steps["tool"]), "what is read already is not read again"
