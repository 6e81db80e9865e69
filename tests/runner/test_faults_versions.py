"""Row F12 of the fault matrix (docs/design/security.md §4.2): records of another format are refused by every reader."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from offswitch.agents import ReplayAgent, ReplayError
from offswitch.analysis import load, report
from offswitch.records import RecordError, RunIndex, RunPaths, RunStore, RunView, SchemaError, verify_run
from offswitch.runner import rejudge

from .book import VALID, write_run

READERS: dict[str, Callable[[Path], object]] = {
    "load": load,
    "rejudge": rejudge,
    "resume": RunStore.resume,
    "view": RunView.open,
    "index": lambda folder: RunIndex.rebuild(RunView.open(folder)),
}
VERSIONS = (0, 2, 99)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("written") / "RUN"
    write_run(folder, [("e1", VALID)]).close()
    return folder


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "RUN"))


def rewrite(path: Path, version: int) -> None:
    text = path.read_text()
    assert '"schema_version":1' in text
    path.write_text(text.replace('"schema_version":1', f'"schema_version":{version}', 1))


@pytest.mark.parametrize("reader", READERS)
def test_f12_what_is_changed_here_is_read_before_it_is_changed(folder: Path, reader: str) -> None:
    """Else a reader that refuses everything would pass."""
    found = READERS[reader](folder)
    if isinstance(found, RunStore):
        found.close()


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("version", VERSIONS)
def test_f12_no_reader_reads_a_manifest_of_another_version(folder: Path, reader: str, version: int) -> None:
    """Row F12: refused by name, never misread."""
    rewrite(RunPaths(folder).manifest, version)
    with pytest.raises(SchemaError, match="newer" if version > 1 else "older"):
        READERS[reader](folder)
    assert not verify_run(RunPaths(folder)).ok


@pytest.mark.parametrize(("version", "said"), [(0, "older than"), (2, "newer than")])
def test_f12_a_report_on_another_version_says_so_before_anything_else(folder: Path, version: int, said: str) -> None:
    """Row F12: whoever only looks at the report is warned in red."""
    rewrite(RunPaths(folder).manifest, version)
    page = report(folder, folder.parent / "report.html").read_text(encoding="utf-8")
    banner, _, _ = page.partition('<ul class="lead">')
    assert f"schema version {version} is {said} version 1" in banner
    assert "banner bad" in banner


@pytest.mark.parametrize("reader", ["rejudge", "index"])
@pytest.mark.parametrize("version", VERSIONS)
def test_f12_no_reader_reads_a_ledger_of_another_version(folder: Path, reader: str, version: int) -> None:
    """Row F12: whatever its other fields say."""
    rewrite(RunPaths(folder).ledger("e1"), version)
    with pytest.raises(RecordError):
        READERS[reader](folder)
    assert not verify_run(RunPaths(folder)).ok


@pytest.mark.parametrize("version", [0, 2])
def test_f12_recorded_answers_of_another_version_are_not_played_back(tmp_path: Path, version: int) -> None:
    """Row F12: a recording is a format of its own."""
    subject = {"kind": "as_is", "name": "m", "scaffold": "tool_calls"}
    header = {"format": 1, "subject": subject, "price_known": False}
    path = tmp_path / "answers.jsonl"
    path.write_text(json.dumps(header) + "\n")
    assert ReplayAgent(path).subject.name == "m"
    path.write_text(json.dumps(header | {"format": version}) + "\n")
    with pytest.raises(ReplayError, match="no recording of this version"):
        ReplayAgent(path)
