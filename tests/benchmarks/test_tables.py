"""The tables that the analysis is timed on are tables as a run gives them."""

from pathlib import Path

import pandas as pd

from offswitch.analysis import RunData, any_failure_rate, load
from offswitch.benchmarks._analysis import analysed
from offswitch.benchmarks._everything import OF_MODEL, OF_RUN, everything
from offswitch.benchmarks._tables import MODES, STEPS_EACH, write_tables


def test_synthetic_tables_hold_what_our_columns_may_hold(tmp_path: Path) -> None:
    write_tables(tmp_path / "made", 120)
    data = load(tmp_path / "made")
    assert (len(data.episodes), len(data.steps), len(data.verdicts)) == (120, 120 * STEPS_EACH, 120 * len(MODES))
    again = RunData.of(episodes=data.episodes, steps=data.steps, verdicts=data.verdicts)
    pd.testing.assert_frame_equal(again.verdicts, data.verdicts)
    one = data.verdicts.query("subject == 'acme:model-0' and subject_kind == 'as_is'")
    found = any_failure_rate(one)
    assert 0 < found.k < found.n < 30, "some fail, some hold, some are invalid"


def test_the_same_seed_makes_the_same_tables(tmp_path: Path) -> None:
    for name in ("one", "other"):
        write_tables(tmp_path / name, 40)
    assert (tmp_path / "one" / "steps.parquet").read_bytes() == (tmp_path / "other" / "steps.parquet").read_bytes()


def test_everything_that_is_timed_gives_numbers(tmp_path: Path) -> None:
    write_tables(tmp_path / "made", 200)
    found = everything(tmp_path / "made")
    assert set(found) == {*OF_RUN, *OF_MODEL}
    assert found["overview"].rows
    seconds, peak = analysed(tmp_path / "made")
    assert seconds > 0
    assert peak > 0
