"""Other people's results: taken as they are, or refused with the row and the reason."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offswitch.analysis import (
    EPISODES,
    STEPS,
    VERDICTS,
    AnalysisError,
    DuplicateEpisodeError,
    RunData,
    RunNotFoundError,
    TableError,
    export,
    failure_rate,
    load,
    report,
)

from ..synthetic import WATCHED, RunBuilder, failed, held


def episodes(count: int = 2, **changes: Any) -> pd.DataFrame:
    """The least that a table of episodes can say."""
    fields: dict[str, Any] = {
        "run_id": "theirs",
        "episode_id": [f"e{number}" for number in range(count)],
        "subject_kind": "as_is",
        "subject": "acme:model",
        "scaffold": "react",
        "task": "deploy",
        "cluster_id": "c1",
        "seed": list(range(count)),
        "safeguards": False,
        "valid": True,
    }
    return pd.DataFrame(fields | changes)


def verdicts(count: int = 2, **changes: Any) -> pd.DataFrame:
    """The least that a table of verdicts can say."""
    fields: dict[str, Any] = {
        "run_id": "theirs",
        "episode_id": [f"e{number}" for number in range(count)],
        "failure_mode": "S3",
        "family": "shutdown",
        "exposed": "true",
        "attempted": "true",
        "succeeded": "true",
    }
    return pd.DataFrame(fields | changes)


def test_the_least_that_is_needed_gives_a_rate() -> None:
    data = RunData.of(episodes=episodes(), verdicts=verdicts(succeeded=["true", "false"]))
    found = failure_rate(data.verdicts)
    assert (found.k, found.n) == (1, 2)
    assert data.verdicts["task"].tolist() == ["deploy"] * 2, "a verdict takes from its episode what it lacks"
    assert len(data.steps) == 0
    for table, columns in ((data.episodes, EPISODES), (data.steps, STEPS), (data.verdicts, VERDICTS)):
        assert list(table.columns) == [column.name for column in columns]
        assert list(table.dtypes) == [column.dtype for column in columns]
    assert data.episodes["usd"].isna().all(), "an optional column that is absent is missing, never 0"


def test_our_own_tables_are_taken_as_they_are(run: RunBuilder) -> None:
    run.episode(verdicts=[failed("S3"), held("P5")], safeguards=WATCHED, seed=2**70)
    run.episode(verdicts=[held("S3")], usd=None)
    data = load(run.root)
    again = RunData.of(episodes=data.episodes, steps=data.steps, verdicts=data.verdicts)
    for name in ("episodes", "steps", "verdicts"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(data, name))


@pytest.mark.parametrize("name", [column.name for column in EPISODES if column.required])
def test_a_needed_column_that_is_missing_is_named(name: str) -> None:
    with pytest.raises(TableError, match=rf"episodes: columns are missing .*{name}"):
        RunData.of(episodes=episodes().drop(columns=name))


def test_an_unknown_column_is_refused_or_kept_and_never_dropped() -> None:
    more = episodes(notes=["a", "b"])
    with pytest.raises(TableError, match="no such columns: notes"):
        RunData.of(episodes=more)
    kept = RunData.of(episodes=more, extra="keep")
    assert kept.episodes["notes"].tolist() == ["a", "b"]


WRONG = [
    ("subject_kind", "chatty", "one of as_is"),
    ("subject", 7, "text"),
    ("seed", 1.5, "a whole number"),
    ("seed", "1", "a whole number"),
    ("safeguards", "no", "true or false"),
    ("safeguards", 1, "true or false"),
    ("valid", None, "true or false"),
    ("score", 1.2, "a number from 0 to 1"),
    ("score", "good", "a number"),
    ("score", float("inf"), "a number"),
    ("score", True, "a number"),
    ("human_minutes", -1.0, "a number from 0 to inf"),
    ("attempt", 0, "a number from 1"),
    ("steps", 2.5, "a whole number"),
    ("monitors", "keywords", "a list of texts"),
    ("monitors", [1], "a list of texts"),
    ("started", "yesterday-ish", "a time"),
    ("model", "\ud800", "text"),
    ("episode_id", None, "an identity"),
]


@pytest.mark.parametrize(("name", "value", "wanted"), WRONG)
def test_a_wrong_value_is_named_with_its_column_and_row(name: str, value: Any, wanted: str) -> None:
    table = episodes(3).astype(object)
    if name not in table:
        table[name] = None
    table.at[1, name] = value
    with pytest.raises(TableError, match=rf"episodes: column {name}, row 1: .* is not {wanted}"):
        RunData.of(episodes=table)


def test_a_hostile_value_is_shown_harmless() -> None:
    with pytest.raises(TableError) as caught:
        RunData.of(episodes=episodes(subject_kind="\x1b[2J\u202e" + "x" * 1000))
    assert "\x1b" not in str(caught.value)
    assert "\u202e" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA])
def test_a_truth_that_nobody_states_is_unknown_and_never_held(missing: Any) -> None:
    data = RunData.of(episodes=episodes(), verdicts=verdicts(succeeded=pd.Series(["false", missing], dtype=object)))
    assert data.verdicts["succeeded"].tolist() == ["false", "unknown"]
    found = failure_rate(data.verdicts)
    assert (found.k, found.n, found.unknown, found.worst_case) == (0, 1, 1, 0.5)


def test_plain_truth_values_are_taken_as_what_they_say() -> None:
    data = RunData.of(episodes=episodes(), verdicts=verdicts(exposed=True, succeeded=[True, False]))
    assert data.verdicts["succeeded"].tolist() == ["true", "false"]


def test_a_verdict_that_others_of_the_cluster_have_is_unknown_where_it_is_missing() -> None:
    data = RunData.of(episodes=episodes(3), verdicts=verdicts(2))
    row = data.verdicts.iloc[-1]
    assert (row["episode_id"], row["failure_mode"], row["succeeded"]) == ("e2", "S3", "unknown")
    assert not row["recorded"]
    assert failure_rate(data.verdicts).unknown == 1


def test_nothing_counts_twice() -> None:
    with pytest.raises(DuplicateEpisodeError, match="episodes: row 1 comes twice"):
        RunData.of(episodes=episodes(episode_id="e0"))
    with pytest.raises(DuplicateEpisodeError, match="verdicts: row 1 comes twice"):
        RunData.of(episodes=episodes(), verdicts=verdicts(episode_id=["e0", "e0"]))


def test_a_verdict_of_no_episode_is_refused() -> None:
    with pytest.raises(TableError, match="verdicts: row 1 is of an episode that the table of episodes lacks"):
        RunData.of(episodes=episodes(1), verdicts=verdicts(2))


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_folder_of_their_tables_is_read_and_can_be_exported(tmp_path: Path, suffix: str) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    for name, table in (("episodes", episodes()), ("verdicts", verdicts())):
        if suffix == "csv":
            table.to_csv(theirs / f"{name}.csv", index=False)
        else:
            table.to_parquet(theirs / f"{name}.parquet")
    assert failure_rate(load(theirs).verdicts).k == 2
    export([theirs], tmp_path / "out")
    assert failure_rate(load(tmp_path / "out").verdicts).k == 2
    assert [source.state for source in load(tmp_path / "out").sources] == ["unchecked"]


def their_csv(folder: Path, old: str = "", new: str = "") -> Path:
    """Two episodes as somebody would write them by hand, with one thing changed."""
    (folder / "episodes.csv").write_text(
        "run_id,episode_id,cluster_id,subject_kind,subject,scaffold,task,seed,safeguards,valid,monitors\n"
        'theirs,007,c1,as_is,acme:big,react,ssh,1,False,TRUE,"[""judge""]"\n'
        "theirs,008,c2,as_is,acme:big,react,NA,18446744073709551617,false,true,\n".replace(old, new)
    )
    (folder / "verdicts.csv").write_text(
        "run_id,episode_id,failure_mode,family,exposed,attempted,succeeded\n"
        "theirs,007,S3,shutdown,True,true,true\ntheirs,008,S3,shutdown,true,false,false\n"
    )
    return folder


def test_a_csv_by_hand_means_what_it_says(tmp_path: Path) -> None:
    data = load(their_csv(tmp_path))
    assert [*data.episodes["episode_id"]] == ["007", "008"]
    assert [*data.episodes["task"]] == ["ssh", "NA"], "a name, not a gap"
    assert [*data.episodes["seed"]] == [1, 2**64 + 1]
    assert [*data.episodes["monitors"]] == [("judge",), ()]
    assert (failure_rate(data.verdicts).k, failure_rate(data.verdicts).n) == (1, 2)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("c2,as_is", "c2,asis", "episodes: column subject_kind, row 1: 'asis' is not one of as_is"),
        ("18446744073709551617", "two", "episodes: column seed, row 1: 'two' is not a whole number"),
        ("18446744073709551617", "2.5", "episodes: column seed, row 1: 2.5 is not a whole number"),
        ("theirs,008", "theirs,007", "episodes: row 1 comes twice"),
    ],
)
def test_a_wrong_cell_of_a_csv_is_named_with_its_folder(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    with pytest.raises(AnalysisError) as refused:
        load(their_csv(tmp_path, old, new))
    assert str(refused.value).startswith(f"load: {tmp_path}: {complaint}")
    assert "rows count from 0" in str(refused.value)


def test_the_report_of_a_run_says_which_report_takes_tables(tmp_path: Path) -> None:
    with pytest.raises(RunNotFoundError, match="--kind preparedness, which takes tables"):
        report(their_csv(tmp_path))


@settings(max_examples=20, deadline=None)
@given(
    name=st.sampled_from([column.name for column in VERDICTS]),
    value=st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.lists(st.text(max_size=2)),
)
def test_whatever_a_cell_holds_is_typed_or_refused(name: str, value: Any) -> None:
    """Never another error, and never a table of other types."""
    table = verdicts().astype(object)
    table[name] = pd.Series([value, value], dtype=object)
    try:
        data = RunData.of(episodes=episodes(), verdicts=table)
    except (TableError, DuplicateEpisodeError):
        return
    assert list(data.verdicts.dtypes) == [column.dtype for column in VERDICTS]
