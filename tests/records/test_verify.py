"""No byte of a run can be changed, and nothing taken away or put in its place, without `verify` naming it."""

import hashlib
import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offswitch.records import (
    Finding,
    Ledger,
    RunPaths,
    RunStore,
    RunView,
    VerifyReport,
    load_manifest,
    save_manifest,
    verify_run,
)

from .example import call, make_run, opened, run_episode, story, verdict, write

DERIVED = {"README.txt", "run.lock", "index.sqlite", "report.html"}


def verify(run: Path, root: str | None = None) -> VerifyReport:
    return verify_run(RunPaths(run), root)


def only(report: VerifyReport) -> Finding:
    assert len(report.findings) == 1, report.findings
    return report.findings[0]


def files(run: Path) -> Iterator[Path]:
    return (path for path in sorted(run.rglob("*")) if path.is_file() and path.name not in DERIVED)


def test_an_untouched_run_verifies_and_is_counted(run: Path) -> None:
    report = verify(run, load_manifest(run / "manifest.json").root)
    assert report.ok
    assert report.notes == ()
    assert (report.episodes, report.records, report.artifacts, report.verdict_files) == (2, 34, 2, 2)


def test_every_kind_of_file_is_among_those_that_are_damaged_here(run: Path) -> None:
    kinds = {path.relative_to(run).parts[0] for path in files(run)}
    assert kinds == {"episodes", "evidence", "manifest.json", "spec.yaml", "verdicts"}


@given(data=st.data())
def test_one_changed_byte_in_any_file_is_found_and_the_file_named(
    finished_run: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    run = Path(shutil.copytree(finished_run, tmp_path_factory.mktemp("damaged") / "RUN"))
    path = data.draw(st.sampled_from([path.relative_to(run) for path in files(run)]).map(run.joinpath))
    content = path.read_bytes()
    offset = data.draw(st.integers(0, len(content) - 1))
    path.write_bytes(
        content[:offset] + bytes([content[offset] ^ data.draw(st.integers(1, 255))]) + content[offset + 1 :]
    )
    report = verify(run)
    assert not report.ok
    assert path.relative_to(run).as_posix() in {found.where for found in report.findings}
    if path.parent.name == "episodes":
        assert {found.record for found in report.findings} == {content[:offset].count(b"\n")}


@pytest.mark.parametrize("keep", [0.0, 0.5])
def test_one_deleted_or_cut_file_is_found_and_named(run: Path, keep: float) -> None:
    for path in files(run):
        content = path.read_bytes()
        path.unlink() if not keep else path.write_bytes(content[: int(len(content) * keep)])
        report = verify(run)
        assert path.relative_to(run).as_posix() in {found.where for found in report.findings}
        path.write_bytes(content)
    assert verify(run).ok


def test_a_changed_record_is_named(run: Path) -> None:
    path = RunPaths(run).ledger("e2")
    path.write_bytes(path.read_bytes().replace(b"echo 1", b"echo 9"))
    found = only(verify(run))
    assert (found.kind, found.where, found.episode, found.record) == ("ledger", "episodes/e2.jsonl", "e2", 5)


def test_a_cut_suffix_names_the_first_missing_record(run: Path) -> None:
    path = RunPaths(run).ledger("e1")
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-3]))
    found = only(verify(run))
    assert (found.episode, found.record) == ("e1", 14)
    assert "is missing" in found.text


def test_a_rewritten_chain_is_found(run: Path) -> None:
    """Every hash in it fits; only the manifest knows that it is another one."""
    view = RunView.open(run)
    *events, seal = story("e1", view.evidence.put_json({"files": "e1"}))
    kept = [event for event in events if event.type != "verdict_reached"]
    view.paths.ledger("e1").unlink()
    with Ledger(view.paths.ledger("e1")) as ledger:
        write(ledger, [*kept, call(3), seal])
    found = only(verify(run))
    assert (found.kind, found.episode, found.record) == ("ledger", "e1", 16)
    assert "rewritten" in found.text


def test_two_ledgers_that_changed_places_are_found(run: Path) -> None:
    paths = RunPaths(run)
    swap(paths.ledger("e1"), paths.ledger("e2"))
    assert {found.episode for found in verify(run).findings} == {"e1", "e2"}


def swap(one: Path, other: Path) -> None:
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)


def test_a_changed_artifact_is_named_with_the_record_that_references_it(run: Path) -> None:
    path = next((run / "evidence").iterdir())
    path.write_bytes(path.read_bytes() + b" ")
    found = only(verify(run))
    assert (found.kind, found.artifact, found.record) == ("artifact", path.name, 2)
    assert found.episode in ("e1", "e2")


def test_a_missing_artifact_is_named_with_the_record_that_references_it(run: Path) -> None:
    path = next((run / "evidence").iterdir())
    path.unlink()
    found = only(verify(run))
    assert (found.kind, found.artifact, found.record) == ("artifact", path.name, 2)
    assert "is missing" in found.text


def test_an_artifact_that_is_no_regular_file_is_found(run: Path) -> None:
    """Reading it could hang, or read something else each time."""
    path = next((run / "evidence").iterdir())
    elsewhere = run.parent / "elsewhere"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    assert "not a regular file" in only(verify(run)).text


def test_stray_files_are_notes(run: Path) -> None:
    """They change no result: nothing that is believed refers to them."""
    paths = RunPaths(run)
    unreferenced = RunView.open(run).evidence.put(b"unreferenced")
    for path in (paths.evidence / ".half", paths.episodes / "note.txt", paths.replay / "e1.jsonl", run / "x.csv"):
        path.write_text("stray")
    (paths.verdicts("v2") / "e1.json.tmp").write_text("[")
    report = verify(run)
    assert report.ok
    assert {found.where for found in report.notes} == {
        f"evidence/{unreferenced}",
        "evidence/.half",
        "episodes/note.txt",
        "replay/e1.jsonl",
        "x.csv",
        "verdicts/v2/e1.json.tmp",
    }


def test_derived_files_are_not_checked(run: Path) -> None:
    for name in ("README.txt", "report.html", "index.sqlite", "index.sqlite.sha256"):
        (run / name).write_text("anything")
    assert verify(run).ok
    assert verify(run).notes == ()


def test_a_ledger_that_the_manifest_does_not_name_is_found(run: Path) -> None:
    with Ledger(RunPaths(run).ledger("e3")) as ledger:
        write(ledger, [opened("e3"), call(1)])
    found = only(verify(run))
    assert (found.kind, found.episode) == ("unsealed", "e3")
    assert "--resume" in found.text


def test_a_torn_tail_is_found_until_the_attempt_is_recorded_as_crashed(run: Path) -> None:
    with Ledger(RunPaths(run).ledger("e3")) as ledger:
        write(ledger, [opened("e3"), call(1)])
    with ledger.path.open("ab") as file:
        file.write(b'{"event"')
    assert [(found.kind, found.record) for found in verify(run).findings] == [("unsealed", None), ("torn", 2)]
    RunStore.resume(run).close()
    assert verify(run).ok


def test_a_changed_anchor_is_found_by_the_root(run: Path) -> None:
    path = run / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b'"seed":2', b'"seed":3', 1))
    kinds = [(found.kind, found.where) for found in verify(run).findings]
    assert set(kinds) == {("manifest", "manifest.json")}
    assert "root does not match" in verify(run).findings[0].text


def test_an_anchor_that_tells_another_story_than_its_ledger_is_found(run: Path) -> None:
    """Also where somebody computed the root again."""
    manifest = load_manifest(run / "manifest.json")
    forged = manifest.episodes["e1"].model_copy(update={"subject": "oracle"})
    save_manifest(run / "manifest.json", manifest.model_copy(update={"episodes": manifest.episodes | {"e1": forged}}))
    found = only(verify(run))
    assert (found.kind, found.episode) == ("manifest", "e1")


def test_a_ledger_of_another_run_is_found_though_the_manifest_names_it(run: Path) -> None:
    manifest = load_manifest(run / "manifest.json")
    save_manifest(run / "manifest.json", manifest.model_copy(update={"run_id": "run-9"}))
    assert {found.text for found in verify(run).findings} == {
        "is the ledger of episode e1 of run run-1",
        "is the ledger of episode e2 of run run-1",
    }


def test_a_run_without_its_manifest_is_not_trusted_but_still_read(run: Path) -> None:
    (run / "manifest.json").unlink()
    report = verify(run)
    assert [found.kind for found in report.findings if found.kind != "verdicts"] == [
        "manifest",
        "unsealed",
        "unsealed",
    ]
    assert report.root is None
    assert report.records == 34


def test_a_wholly_rewritten_run_is_found_by_the_root_that_was_kept_elsewhere(run: Path, tmp_path: Path) -> None:
    """Everything in it holds together; it is just not the run that was noted."""
    noted = load_manifest(run / "manifest.json").root
    make_run(tmp_path / "forged")
    assert verify(tmp_path / "forged").ok
    found = only(verify(tmp_path / "forged", noted))
    assert found.kind == "root"
    assert noted in found.text


def test_a_noted_root_stays_good_when_the_run_is_judged_again(run: Path) -> None:
    noted = load_manifest(run / "manifest.json").root
    with RunStore.resume(run) as store:
        store.write_verdicts("e1", "v3", [verdict("e1", "Judged again.")])
        assert store.manifest.root != noted
    assert verify(run, noted).ok
    with RunStore.resume(run) as store:
        run_episode(store, "e3")
    assert only(verify(run, noted)).kind == "root"


def test_anchored_files_are_checked(run: Path) -> None:
    paths = RunPaths(run)
    proof = paths.proofs / "stop_script.json"
    proof.write_text("{}")
    with RunStore.resume(run) as store:
        store.anchor_file(proof)
    assert verify(run).ok
    assert verify(run).notes == ()
    proof.write_text("{ }")
    found = only(verify(run))
    assert (found.kind, found.where) == ("file", "proofs/stop_script.json")


def test_verdicts_that_the_manifest_does_not_name_are_found(run: Path) -> None:
    path = RunPaths(run).verdict_file("v3", "e1")
    path.parent.mkdir()
    path.write_text("[]")
    found = only(verify(run))
    assert (found.kind, found.where, found.text) == ("verdicts", "verdicts/v3/e1.json", "is not in the manifest")


def with_version(path: Path, version: int) -> None:
    text = path.read_text()
    path.write_text(text.replace('"schema_version":1', f'"schema_version":{version}', 1))


@pytest.mark.parametrize(("version", "said"), [(2, "newer"), (0, "older")])
def test_f12_a_ledger_of_another_schema_version_is_refused_and_named(run: Path, version: int, said: str) -> None:
    """Even where everything else fits: it is a format, not damage."""
    path = RunPaths(run).ledger("e1")
    first, *_ = path.read_text().splitlines()
    path.write_text(first.replace('"schema_version":1', f'"schema_version":{version}') + "\n")
    found = only(verify(run))
    assert (found.kind, found.episode, found.record) == ("schema", "e1", 0)
    assert said in found.text


@pytest.mark.parametrize(("version", "said"), [(2, "newer"), (0, "older")])
def test_f12_a_manifest_of_another_schema_version_is_refused_and_named(run: Path, version: int, said: str) -> None:
    with_version(run / "manifest.json", version)
    found = next(found for found in verify(run).findings if found.where == "manifest.json")
    assert found.kind == "schema"
    assert said in found.text


@pytest.mark.parametrize("version", [0, 2])
def test_f12_verdicts_of_another_schema_version_are_refused_though_their_digest_fits(run: Path, version: int) -> None:
    path = RunPaths(run).verdict_file("v2", "e1")
    with_version(path, version)
    manifest = load_manifest(run / "manifest.json")
    judged = [item.model_dump() for item in manifest.verdicts]
    judged[0]["files"]["e1"] = digest(path)
    changed = type(manifest).model_validate(manifest.model_dump() | {"verdicts": judged})
    save_manifest(run / "manifest.json", changed)
    found = only(verify(run))
    assert (found.kind, found.episode) == ("verdicts", "e1")
    assert "schema_version" in found.text


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_report_is_plain_data(run: Path) -> None:
    (run / "spec.yaml").unlink()
    report = verify(run)
    assert VerifyReport.model_validate_json(report.model_dump_json()) == report
    assert json.loads(report.model_dump_json())["findings"][0]["where"] == "spec.yaml"


def test_a_directory_that_is_not_there_is_a_finding(tmp_path: Path) -> None:
    assert only(verify(tmp_path / "nowhere")).kind == "manifest"


@pytest.mark.parametrize(
    ("one", "other"),
    list(itertools.combinations(["episodes/e1.jsonl", "episodes/e2.jsonl", "spec.yaml", "verdicts/v2/e1.json"], 2)),
)
def test_two_damages_are_both_named(run: Path, one: str, other: str) -> None:
    """The first does not hide the second."""
    for name in (one, other):
        (run / name).write_bytes((run / name).read_bytes()[:-2])
    assert {found.where for found in verify(run).findings} == {one, other}


def test_an_anchored_file_that_is_no_regular_file_is_found(run: Path) -> None:
    (run / "spec.yaml").unlink()
    (run / "spec.yaml").symlink_to("/dev/zero")
    assert "not a regular file" in only(verify(run)).text
