"""A run directory has one writer, finished episodes stay finished, and a dead writer loses nothing."""

import os
import subprocess
import threading
from pathlib import Path

import pytest

from offswitch.records import (
    LIVE,
    ChainError,
    EpisodeInvalidated,
    EpisodeSealed,
    EpisodeState,
    Ledger,
    MechanismProven,
    RecordError,
    RunManifest,
    RunPaths,
    RunStore,
    RunView,
    StorageError,
    verify_run,
)

from .example import SPEC, call, facts, key, make_run, opened, run_episode, story, verdict, write


def begun(root: Path) -> RunStore:
    return RunStore.create(root, facts(), SPEC)


def test_a_run_is_read_back_as_it_was_written(run: Path) -> None:
    view = RunView.open(run)
    assert list(view.episodes()) == ["e1", "e2"]
    assert view.load_key("e2") == key("e2", seed=2)
    digest = view.evidence.put_json({"files": "e1"})
    assert [record.event for record in view.records("e1")] == list(story("e1", digest))
    assert view.verdicts("e1", "v2") == (verdict("e1"),)
    assert view.verdict_versions() == view.versions_of("e1") == ("v2",)
    assert view.paths.spec.read_text() == SPEC
    anchor = view.anchor("e1")
    assert (anchor.subject, anchor.seed, anchor.attempt, anchor.valid) == ("violator:S3.overwrite", 1, 1, True)


def test_what_a_run_does_not_have_is_a_storage_error(run: Path) -> None:
    view = RunView.open(run)
    for act in (lambda: view.anchor("e9"), lambda: view.verdicts("e1", "v9"), lambda: list(view.records("../e1"))):
        with pytest.raises(StorageError):
            act()


def test_opening_a_store_to_read_gives_no_way_to_write(run: Path) -> None:
    assert not isinstance(RunStore.open(run), RunStore)


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"cannot be made.*choose another --out"):
        begun(tmp_path / "file" / "RUN")


@pytest.fixture
def read_only(run: Path) -> Path:
    """The run on a file system that is mounted read-only."""
    if os.geteuid() != 0:
        pytest.skip("mounting a directory read-only needs root")
    return run


def test_a_read_only_run_can_be_read_and_not_resumed(read_only: Path, request: pytest.FixtureRequest) -> None:
    mount = ["mount", "--bind", str(read_only), str(read_only)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("mounting is not allowed here")
    request.addfinalizer(lambda: subprocess.run(["umount", str(read_only)], check=True))
    subprocess.run(["mount", "-o", "remount,bind,ro", str(read_only)], check=True)
    assert verify_run(RunPaths(read_only)).ok
    assert list(RunView.open(read_only).episodes()) == ["e1", "e2"]
    with pytest.raises(StorageError, match="cannot be written: Read-only file system"):
        RunStore.resume(read_only)


def test_a_directory_with_something_in_it_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(StorageError, match=r"already holds thesis.tex; choose another --out"):
        begun(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["thesis.tex"]


def test_a_directory_with_something_in_a_folder_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "episodes").mkdir()
    (tmp_path / "episodes" / "e1.jsonl").write_text("")
    with pytest.raises(StorageError, match="already holds episodes"):
        begun(tmp_path)


def test_a_spec_that_is_not_ours_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text("my: spec")
    with pytest.raises(StorageError, match="already holds spec"):
        begun(tmp_path)


def test_a_finished_run_is_not_started_over(run: Path) -> None:
    with pytest.raises(StorageError, match=r"already holds .*give --resume"):
        begun(run)


def test_what_a_start_that_died_left_behind_does_not_bar_the_next(tmp_path: Path) -> None:
    paths = RunPaths(tmp_path).create()
    paths.spec.write_text(SPEC)
    (tmp_path / "manifest.json.tmp").write_text("{")
    paths.lock.write_text("1\n")
    begun(tmp_path).close()
    assert verify_run(paths).ok


def test_a_directory_without_a_run_cannot_be_resumed(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no run to resume"):
        RunStore.resume(tmp_path)


def test_finished_episodes_are_known_on_resume_and_cannot_be_written_again(run: Path) -> None:
    with RunStore.resume(run) as store:
        assert store.finished == {"e1", "e2"}
        assert store.resumed == ((), (), ())
        with pytest.raises(StorageError, match="File exists"):
            store.open_ledger("e1")


@pytest.mark.parametrize("name", ["../e", "a/b", "", ".hidden", "x" * 200])
def test_an_episode_cannot_be_named_out_of_its_folder(tmp_path: Path, name: str) -> None:
    with begun(tmp_path / "RUN") as store, pytest.raises(StorageError, match="cannot be the name of a file"):
        store.open_ledger(name)


def test_a_writer_that_died_leaves_a_crashed_attempt_with_all_its_records(tmp_path: Path) -> None:
    root = tmp_path / "RUN"
    make_run(root, ["e1"])
    with Ledger(root / "episodes" / "e2.jsonl") as ledger:
        written = write(ledger, [opened("e2"), call(1)])
    with ledger.path.open("ab") as file:
        file.write(b'{"event":{"type":"call_ret')
    (root / "episodes" / "e3.jsonl").touch()
    assert {found.kind for found in verify_run(RunPaths(root)).findings} == {"unsealed", "torn"}

    with RunStore.resume(root) as store:
        assert store.resumed.crashed == ("e2", "e3")
        assert [path.read_bytes() for path in store.resumed.torn] == [b'{"event":{"type":"call_ret']
        assert store.finished == {"e1"}
        assert list(store.records("e2")) == written
        assert store.anchor("e2").state is EpisodeState.CRASHED
        assert store.anchor("e2").subject == "violator:S3.overwrite"
        assert (store.anchor("e3").count, store.anchor("e3").subject) == (0, None)
        with pytest.raises(ChainError, match="does not begin with its key"):
            store.load_key("e3")
    assert verify_run(RunPaths(root)).ok


def test_an_episode_that_was_complete_but_not_yet_named_is_adopted(tmp_path: Path) -> None:
    root = tmp_path / "RUN"
    make_run(root, ["e1"])
    view = RunView.open(root)
    with Ledger(view.paths.ledger("e2")) as ledger:
        write(ledger, story("e2", view.evidence.put(b"files")))
    with RunStore.resume(root) as store:
        assert store.resumed.adopted == ("e2",)
        assert store.finished == {"e1", "e2"}


def test_damage_is_not_taken_for_a_crash(tmp_path: Path) -> None:
    root = tmp_path / "RUN"
    make_run(root, ["e1"])
    with Ledger(root / "episodes" / "e2.jsonl") as ledger:
        write(ledger, [opened("e2"), call(1), call(2), call(3)])
    content = ledger.path.read_bytes()
    ledger.path.write_bytes(content.replace(b"echo 1", b"echo 9"))
    with pytest.raises(ChainError, match=r"record 1: was changed .*damage, not a crash; `offswitch verify") as caught:
        RunStore.resume(root)
    assert caught.value.record == 1
    RunStore.open(root)


def test_closing_anchors_what_was_not_sealed_as_crashed(tmp_path: Path) -> None:
    """Stopped at once, the run still verifies and says which episodes are missing data."""
    with begun(tmp_path / "RUN") as store:
        run_episode(store, "e1")
        ledger = store.open_ledger("e2")
        ledger.append(opened("e2"))
    assert RunView.open(tmp_path / "RUN").anchor("e2").state is EpisodeState.CRASHED
    assert verify_run(store.paths).ok
    with pytest.raises(StorageError, match="closed"):
        ledger.append(call(1))


def test_a_closed_store_writes_nothing(tmp_path: Path) -> None:
    store = begun(tmp_path / "RUN")
    run_episode(store, "e1")
    store.close()
    store.close()
    for act in (lambda: store.open_ledger("e2"), lambda: store.write_verdicts("e1", "v3", [])):
        with pytest.raises(StorageError, match="closed for writing"):
            act()


def test_an_episode_that_failed_for_the_infrastructure_is_anchored_as_such(tmp_path: Path) -> None:
    with begun(tmp_path / "RUN") as store:
        ledger = store.open_ledger("e1")
        cause = EpisodeInvalidated(phase="reset", object="container", cause="engine died", proven=True)
        write(ledger, [opened("e1"), cause])
        anchor = store.seal(ledger)
        assert (anchor.state, anchor.valid, anchor.sealed) == (EpisodeState.INVALIDATED, False, False)
        assert store.finished == frozenset()


SEAL = EpisodeSealed(valid=True, steps=0, score=None, usage={})


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ([opened("e1"), call(1)], "does not end with EpisodeSealed"),
        ([call(1), SEAL], "record 0: is not EpisodeOpened"),
        ([opened("e2"), SEAL], "is of episode e2 of run run-1"),
        ([opened("e1", "run-9"), SEAL], "is of episode e1 of run run-9, not of run run-1"),
        (
            [opened("e1"), MechanismProven(mechanism="m", proof="ab" * 32, cached=True), SEAL],
            "which was not stored",
        ),
    ],
    ids=["unended", "headless", "other episode", "other run", "missing artifact"],
)
def test_what_is_not_a_whole_episode_of_this_run_is_not_sealed(tmp_path: Path, events: list[object], said: str) -> None:
    store = begun(tmp_path / "RUN")
    ledger = store.open_ledger("e1")
    write(ledger, events)  # type: ignore[arg-type] # events of several types
    with pytest.raises(RecordError, match=said):
        store.seal(ledger)
    assert "e1" not in store.manifest.episodes


def test_a_ledger_that_was_changed_before_the_seal_is_not_sealed(tmp_path: Path) -> None:
    store = begun(tmp_path / "RUN")
    ledger = store.open_ledger("e1")
    write(ledger, [opened("e1"), call(1), SEAL])
    ledger.path.write_bytes(ledger.path.read_bytes().replace(b"echo 1", b"echo 2"))
    with pytest.raises(ChainError, match="record 1: was changed"):
        store.seal(ledger)


def test_a_version_of_verdicts_judges_once(run: Path) -> None:
    """The same again is fine; another judgement under the same version would hide which one was reported."""
    with RunStore.resume(run) as store:
        store.write_verdicts("e1", "v2", [verdict("e1")])
        with pytest.raises(StorageError, match="judged otherwise before; give the new judgement a new version"):
            store.write_verdicts("e1", "v2", [verdict("e1", "Somebody else did it.")])
        store.write_verdicts("e1", "v3", [verdict("e1", "Hostile \ud800 text")])
        assert store.versions_of("e1") == ("v2", "v3")
        assert store.verdicts("e1", "v3")[0].reason == "Hostile \\ud800 text"
        with pytest.raises(StorageError, match="that stand in the ledgers"):
            store.write_verdicts("e1", LIVE, [])
        with pytest.raises(StorageError, match="no episode"):
            store.write_verdicts("e9", "v3", [])
    assert verify_run(RunPaths(run)).ok


def test_verdicts_that_were_changed_are_not_handed_out(run: Path) -> None:
    path = RunPaths(run).verdict_file("v2", "e1")
    path.write_text(path.read_text().replace("overwritten", "untouched"))
    with pytest.raises(ChainError, match="was changed"):
        RunView.open(run).verdicts("e1", "v2")


def test_verdicts_whose_writer_died_before_naming_them_are_adopted(run: Path) -> None:
    paths = RunPaths(run)
    paths.verdicts("v3").mkdir()
    paths.verdict_file("v3", "e2").write_bytes(paths.verdict_file("v2", "e2").read_bytes())
    assert not verify_run(paths).ok
    with RunStore.resume(run) as store:
        assert store.versions_of("e2") == ("v2", "v3")
    assert verify_run(paths).ok


def test_episodes_sealed_from_many_threads_are_all_named(tmp_path: Path) -> None:
    names = [f"e{number}" for number in range(24)]
    with begun(tmp_path / "RUN") as store:
        threads = [threading.Thread(target=run_episode, args=(store, name)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(RunView.open(tmp_path / "RUN").episodes()) == sorted(names)
    assert verify_run(store.paths).ok


def test_a_large_run_does_not_write_its_manifest_after_every_episode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise writing it would cost more than the episodes; what is not written yet is written at the close."""
    names = [f"e{number}" for number in range(130)]
    saved: list[RunManifest] = []
    with begun(tmp_path / "RUN") as store:
        save = store.save
        monkeypatch.setattr(store, "save", lambda: saved.append(save()))
        for name in names:
            ledger = store.open_ledger(name)
            write(ledger, [opened(name), SEAL])
            store.seal(ledger)
        assert 64 < len(saved) <= 64 + 33
    assert sorted(RunView.open(tmp_path / "RUN").episodes()) == sorted(names)


def test_anchored_verdicts_that_are_gone_are_a_storage_error(run: Path) -> None:
    RunPaths(run).verdict_file("v2", "e1").unlink()
    with pytest.raises(StorageError, match="No such file"):
        RunView.open(run).verdicts("e1", "v2")


def test_every_path_of_a_run_lies_inside_it(tmp_path: Path) -> None:
    paths = RunPaths(tmp_path)
    named = [getattr(paths, name) for name, value in vars(RunPaths).items() if isinstance(value, property)]
    named += [paths.ledger("e"), paths.artifact("ab"), paths.verdicts("v"), paths.verdict_file("v", "e")]
    assert all(path.is_relative_to(tmp_path) for path in named)
    assert len(set(named)) == len(named)
