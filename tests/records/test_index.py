"""The index says what the ledgers say, and is built again from them whenever it is not exactly that."""

import hashlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offswitch.records import (
    Channel,
    ChannelStatus,
    EpisodeInvalidated,
    EpisodeSealed,
    Grade,
    ModelAnswered,
    RecordError,
    RunIndex,
    RunPaths,
    RunStore,
    RunView,
    StorageError,
    SuspicionObserved,
    artifacts_of,
)
from offswitch.records._index import INDEX_VERSION

from ..strategies import events
from .example import SPEC, call, facts, key, make_run, opened, run_episode, verdict, write

Dump = list[tuple[str, tuple[Any, ...]]]


def dump(run: Path) -> Dump:
    with RunIndex.open(RunView.open(run)) as index:
        return list(index.dump())


def rebuilt(run: Path) -> Dump:
    with RunIndex.rebuild(RunView.open(run)) as index:
        return list(index.dump())


def table(run: Path, query: str) -> list[dict[str, Any]]:
    with RunIndex.open(RunView.open(run)) as index:
        index.connection.row_factory = sqlite3.Row
        return [dict(row) for row in index.connection.execute(query)]


def test_an_episode_has_the_columns_of_its_key_and_what_it_came_to(run: Path) -> None:
    row = table(run, "SELECT * FROM episodes WHERE episode_id = 'e1'")[0]
    scenario = key("e1").scenario
    expected = {
        "run_id": "run-1",
        "state": "sealed",
        "valid": 1,
        "invalid_reason": None,
        "subject_kind": "scripted",
        "subject": "violator:S3.overwrite",
        "scaffold": "script",
        "model": "m-1",
        "fingerprint": None,
        "task": "backfill",
        "scenario_hash": scenario.hash,
        "cluster_id": scenario.cluster_id,
        "pair_id": "pair-1",
        "seed": 1,
        "attempt": 1,
        "arm": "main_only",
        "instruction": "stated",
        "placement": "system",
        "safeguards": 0,
        "protocol": "observe_only",
        "mechanisms": '["stop_script"]',
        "mechanism_exposure": '{"stop_script":{"delivered":1,"shown":1}}',
        "human_minutes": 90.0,
        "bucket": "1-2h",
        "end_reason": "submitted",
        "terminated": 1,
        "steps": 2,
        "score": 0.75,
        "input_tokens": 20,
        "output_tokens": 10,
        "usage_source": "provider",
        "usd": 0.5,
        "price": "known",
        "records": 17,
    }
    assert {name: row[name] for name in expected} == expected


def test_steps_suspicions_and_verdicts_have_a_row_each(run: Path) -> None:
    steps = table(run, "SELECT * FROM steps WHERE episode_id = 'e1' ORDER BY seq")
    assert [(row["step"], row["tool"], row["decision"], row["exit_code"]) for row in steps] == [
        (1, "bash", "proceed", 0),
        (2, "bash", "proceed", 0),
    ]
    scores = table(run, "SELECT score FROM suspicions WHERE episode_id = 'e1' ORDER BY seq")
    assert [row["score"] for row in scores] == [0.5, 1.0]
    verdicts = table(run, "SELECT * FROM verdicts WHERE episode_id = 'e1' ORDER BY version")
    assert [(row["version"], row["failure_mode"], row["violation"]) for row in verdicts] == [
        ("live", "S3", 1),
        ("v2", "S3", 1),
    ]


def one_episode(root: Path, *middle: Any, last: Any = None) -> dict[str, Any]:
    """The row of an episode with these events in its middle."""
    seal = last or EpisodeSealed(valid=True, steps=0, score=None, usage={})
    with RunStore.create(root, facts(), SPEC) as store:
        ledger = store.open_ledger("e1")
        write(ledger, [opened("e1"), *middle, seal])
        store.seal(ledger)
    return table(root, "SELECT * FROM episodes")[0]


def answer(usd: float | None, tokens: int | None, source: str, model: str = "m") -> ModelAnswered:
    return ModelAnswered.model_validate(
        {"answer_id": "a", "text": "", "calls": (), "model": model, "usd": usd}
        | {"input_tokens": tokens, "output_tokens": tokens, "usage_source": source}
    )


def test_one_unknown_price_makes_the_whole_price_unknown(tmp_path: Path) -> None:
    """A sum over what happens to be known would look like the cost of the episode."""
    row = one_episode(
        tmp_path / "RUN",
        answer(0.5, 10, "provider", "a"),
        answer(None, None, "estimate", "b"),
        answer(0.5, 1, "none"),
    )
    assert (row["usd"], row["price"], row["input_tokens"], row["output_tokens"]) == (None, "unknown", None, None)
    assert (row["usage_source"], row["answers"], row["model"]) == ("none", 3, "a, b, m")


def test_what_was_never_measured_is_missing_and_not_zero(tmp_path: Path) -> None:
    row = one_episode(tmp_path / "RUN")
    missing = [
        "usd",
        "score",
        "end_reason",
        "virtual_s",
        "halt_latency_s",
        "profile",
        "input_tokens",
        "terminated",
    ]
    assert [row[name] for name in missing] == [None] * len(missing)
    assert row["price"] == "unknown"
    assert row["score_error"] == "the world was not verified"


def test_a_monitor_that_failed_has_no_score(tmp_path: Path) -> None:
    failed = SuspicionObserved(step=1, call_id="c", monitor="m", score=0.0, error="timed out")
    one_episode(tmp_path / "RUN", failed)
    assert table(tmp_path / "RUN", "SELECT score, error FROM suspicions") == [{"score": None, "error": "timed out"}]


def test_an_invalid_episode_says_why(tmp_path: Path) -> None:
    cause = EpisodeInvalidated(phase="reset", object="container", cause="engine died", proven=True)
    row = one_episode(tmp_path / "RUN", last=cause)
    assert (row["state"], row["valid"], row["invalid_reason"]) == (
        "invalidated",
        0,
        "reset: container: engine died",
    )


def test_a_lost_channel_stays_lost(tmp_path: Path) -> None:
    """Its later state does not undo what is missing."""
    lost = ChannelStatus(step=1, channel=Channel.EXECS, state="lost", grade=Grade.G3, lost=4, cause="infra")
    closed = ChannelStatus(step=2, channel=Channel.EXECS, state="closed", grade=Grade.G3)
    row = one_episode(tmp_path / "RUN", lost, closed)
    assert row["channels"] == '{"execs":{"cause":null,"grade":"G3","lost":4,"state":"closed"}}'


def test_a_seed_beyond_64_bits_is_kept_exactly(tmp_path: Path) -> None:
    with RunStore.create(tmp_path / "RUN", facts(), SPEC) as store:
        run_episode(store, "e1", seed=2**100)
    assert table(tmp_path / "RUN", "SELECT seed FROM episodes") == [{"seed": str(2**100)}]


def test_a_crashed_attempt_has_a_row(tmp_path: Path) -> None:
    with RunStore.create(tmp_path / "RUN", facts(), SPEC) as store:
        store.open_ledger("e1")
        store.open_ledger("e2").append(opened("e2"))
    rows = table(tmp_path / "RUN", "SELECT episode_id, state, valid, records, subject FROM episodes")
    assert [tuple(row.values()) for row in rows] == [
        ("e1", "crashed", 0, 0, None),
        ("e2", "crashed", 0, 1, "violator:S3.overwrite"),
    ]


Damage = Callable[[RunPaths], object]
DAMAGES: dict[str, Damage] = {
    "deleted": lambda paths: paths.index.unlink(),
    "emptied": lambda paths: paths.index.write_bytes(b""),
    "rubbish": lambda paths: paths.index.write_bytes(b"rubbish" * 1000),
    "cut": lambda paths: paths.index.write_bytes(paths.index.read_bytes()[:5000]),
    "digest deleted": lambda paths: paths.index_digest.unlink(),
    "digest rubbish": lambda paths: paths.index_digest.write_bytes(b"\xff"),
    "a value changed": lambda paths: paths.index.write_bytes(
        paths.index.read_bytes().replace(b"overwrite", b"innocence")
    ),
    "a row deleted": lambda paths: change(paths, "DELETE FROM verdicts"),
}


def change(paths: RunPaths, statement: str) -> None:
    connection = sqlite3.connect(paths.index)
    with connection:
        connection.execute(statement)
    connection.close()


@pytest.mark.parametrize("name", DAMAGES)
def test_f9_a_deleted_or_corrupt_index_is_rebuilt_identical(run: Path, name: str) -> None:
    """Row F9: deleted, emptied, overwritten, cut, or with a changed value."""
    before = dump(run)
    DAMAGES[name](RunPaths(run))
    assert dump(run) == before
    assert len(before) == 14


def test_f9_each_flipped_byte_of_the_index_is_noticed(run: Path) -> None:
    """Row F9: a value changed inside a valid database would be believed."""
    before, paths = dump(run), RunPaths(run)
    content = paths.index.read_bytes()
    for offset in range(0, len(content), 997):
        paths.index.write_bytes(content[:offset] + bytes([content[offset] ^ 1]) + content[offset + 1 :])
        assert dump(run) == before


def test_an_intact_index_is_used_as_it_is(run: Path) -> None:
    dump(run)
    inode = RunPaths(run).index.stat().st_ino
    dump(run)
    assert RunPaths(run).index.stat().st_ino == inode


def test_an_index_of_an_older_state_of_the_run_is_rebuilt(run: Path) -> None:
    before = dump(run)
    with RunStore.resume(run) as store:
        run_episode(store, "e3")
    assert len(dump(run)) > len(before)
    assert dump(run) == rebuilt(run)


def test_an_index_of_other_tables_is_rebuilt(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = dump(run)
    inode = RunPaths(run).index.stat().st_ino
    monkeypatch.setattr("offswitch.records._index.INDEX_VERSION", INDEX_VERSION + 1)
    assert dump(run) == before
    assert RunPaths(run).index.stat().st_ino != inode


def test_adding_episodes_one_by_one_gives_what_a_rebuild_gives(tmp_path: Path) -> None:
    """The live index of a run in progress and the one built later must not differ."""
    root = tmp_path / "RUN"
    with RunStore.create(root, facts(), SPEC) as store:
        with RunIndex.open(store) as index:
            for episode in ("e2", "e1", "e3"):
                run_episode(store, episode)
                index.add(episode)
            index.add("e1")
            store.write_verdicts("e2", "v3", [verdict("e2")])
            index.add("e2")
            added = list(index.dump())
        assert dump(root) == added
    inode = RunPaths(root).index.stat().st_ino
    assert dump(root) == added
    assert RunPaths(root).index.stat().st_ino == inode
    assert rebuilt(root) == added


def test_an_index_whose_writer_died_is_rebuilt(run: Path) -> None:
    before = dump(run)
    index = RunIndex.open(RunView.open(run))
    index.add("e1")
    index.connection.execute("DELETE FROM episodes")
    index.connection.commit()
    index.connection.close()
    assert dump(run) == before


@given(middle=st.lists(events().filter(lambda event: not artifacts_of(event)), max_size=6))
def test_whatever_events_an_episode_holds_it_can_be_indexed(
    tmp_path_factory: pytest.TempPathFactory, middle: list[Any]
) -> None:
    """Hostile text and missing counterparts included."""
    root = tmp_path_factory.mktemp("run") / "RUN"
    with RunStore.create(root, facts(), SPEC) as store:
        write(store.open_ledger("e1"), [opened("e1"), *middle, call(1)])
    assert dump(root) == rebuilt(root)


@pytest.mark.parametrize("each", [1 << 62, 1 << 63])
def test_more_tokens_than_a_column_holds_are_unknown(tmp_path: Path, each: int) -> None:
    """A provider that counts nonsense ends no index."""
    root = tmp_path / "RUN"
    with RunStore.create(root, facts(), SPEC) as store:
        write(store.open_ledger("e1"), [opened("e1"), *[answer(None, each, "provider")] * 2, call(1)])
    index = RunIndex.open(RunView.open(root))
    index.add("e1")
    assert index.connection.execute("SELECT answers, output_tokens FROM episodes").fetchall() == [(2, None)]


def test_a_damaged_ledger_is_not_indexed(run: Path) -> None:
    """Numbers from evidence that does not hold would be worse than none."""
    path = RunPaths(run).ledger("e1")
    path.write_bytes(path.read_bytes().replace(b"echo 1", b"echo 9"))
    with pytest.raises(RecordError, match="was changed"):
        RunIndex.rebuild(RunView.open(run))
    assert not list(run.glob("index.sqlite*.tmp"))


def test_a_run_that_cannot_be_written_is_indexed_in_memory(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = dump(run)
    RunPaths(run).index.unlink()

    def refused(**_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("tempfile.mkstemp", refused)
    with RunIndex.open(RunView.open(run)) as index:
        assert list(index.dump()) == before
        assert index.path is None
        index.add("e1")
        assert list(index.dump()) == before
    assert not RunPaths(run).index.exists()


def test_a_digest_that_cannot_be_kept_leaves_an_index_in_memory(run: Path) -> None:
    RunPaths(run).index_digest.mkdir()
    with RunIndex.open(RunView.open(run)) as index:
        assert index.path is None
        assert len(list(index.dump())) == 14


def test_a_database_that_is_none_of_ours_is_rebuilt(run: Path) -> None:
    """Also where somebody wrote a digest that fits it."""
    before, paths = dump(run), RunPaths(run)
    for content in (b"rubbish" * 1000, b""):
        paths.index.write_bytes(content)
        paths.index_digest.write_text(hashlib.sha256(content).hexdigest())
        assert dump(run) == before


def test_the_index_of_an_empty_run_is_empty(tmp_path: Path) -> None:
    make_run(tmp_path / "RUN", [])
    assert dump(tmp_path / "RUN") == []


def test_an_index_that_can_no_longer_be_written_says_so_and_is_rebuilt_later(run: Path) -> None:
    before, paths = dump(run), RunPaths(run)
    index = RunIndex.open(RunView.open(run))
    index.connection.execute("PRAGMA query_only = ON")
    with pytest.raises(StorageError, match=r"index .*readonly"):
        index.add("e1")
    with pytest.raises(StorageError, match=r"index .*readonly"):
        index.close()
    index.close()
    index.connection.close()
    paths.index_digest.unlink()
    assert dump(run) == before


def test_a_digest_that_cannot_be_written_at_the_end_is_a_storage_error(run: Path) -> None:
    index = RunIndex.open(RunView.open(run))
    index.add("e1")
    RunPaths(run).index_digest.unlink()
    RunPaths(run).index_digest.mkdir()
    with pytest.raises(StorageError, match="Is a directory"):
        index.close()


def test_a_ledger_that_is_gone_is_not_taken_for_a_directory_that_cannot_be_written(run: Path) -> None:
    """An index in memory without it would silently count one episode less."""
    RunPaths(run).ledger("e1").unlink()
    with pytest.raises(StorageError, match="No such file"):
        RunIndex.rebuild(RunView.open(run))
