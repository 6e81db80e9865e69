"""Rows J1, J4 and J5 of the fault matrix (docs/design/security.md §4.2), in real runs: what took part is told."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from offswitch.environments import Lab
from offswitch.monitors.integrity import integrity_monitors
from offswitch.records import EpisodeOpened, RunView, SandboxStarted, verify_run
from offswitch.records._manifest import save_manifest
from offswitch.runner import RunFailed, RunReport
from offswitch.sandbox import connect, need_image
from offswitch.sandbox._sbom import packages_in

from ..monitors.judge_server import judge_server
from .machine import BARE, run

pytestmark = [pytest.mark.docker, pytest.mark.faults, pytest.mark.xdist_group("docker")]
WRONG = "sha256:" + "0" * 64


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> RunView:
    """A finished run of one short episode."""
    report: RunReport = run(tmp_path_factory.mktemp("supply") / "RUN", "'null'", BARE)
    return RunView.open(Path(report.folder))


def test_j1_the_image_and_its_packages_stand_beside_the_run_and_in_its_manifest(view: RunView, tmp_path: Path) -> None:
    """Row J1: what the engine really holds, anchored like a ledger; a changed list is found."""
    with connect() as engine:
        image = need_image(engine)
        held = packages_in(engine, image.digest)
    told = view.manifest.image
    assert told["digest"] == image.digest
    content = view.paths.sbom.read_bytes()
    assert told["sbom"]["sha256"] == view.manifest.files["sbom.cdx.json"] == hashlib.sha256(content).hexdigest()
    listed = tuple(f"{one['name']}={one['version']}" for one in json.loads(content)["components"])
    assert listed == held
    started = [
        record.event for record in view.records(next(view.episodes())) if isinstance(record.event, SandboxStarted)
    ]
    assert {event.image_digest for event in started} == {image.digest}
    assert verify_run(view.paths).ok
    try:
        view.paths.sbom.write_bytes(content.replace(b'"bash"', b'"bush"'))
        assert [finding.where for finding in verify_run(view.paths).findings] == ["sbom.cdx.json"]
    finally:
        view.paths.sbom.write_bytes(content)


def test_j1_another_image_than_the_experiment_wants_is_refused_before_any_model_is_asked(tmp_path: Path) -> None:
    """Row J1: neither the subject nor the model of a monitor's check hears of it; with the right digest both do."""
    with judge_server() as judge, connect() as engine:
        digest = need_image(engine).digest
        monitor = f"{{id: llm, params: {{model: 'openai:judge', base_url: '{judge.url}'}}}}"
        watched = f"scenario: {{mechanisms: [], safeguards: [{{monitors: [{monitor}], protocol: observe_only}}]}}\n"
        with pytest.raises(RunFailed, match=rf"wants the base image {WRONG}, and this engine has {digest}"):
            run(tmp_path / "RUN", "'null'", f"image: {WRONG}\n{watched}")
        assert judge.requests == []
        assert not (tmp_path / "RUN").exists()
        report = run(tmp_path / "RUN", "'null'", f"image: {digest}\n{watched}")
        assert len(judge.requests) >= 2, "the check of the monitor asks its model twice"
        assert report.missing == []


def test_j1_a_run_is_gone_on_with_by_its_own_image_only(view: RunView, tmp_path: Path) -> None:
    """Row J1: a manifest that names another image refuses, before anything is asked or written."""
    folder = tmp_path / "RUN"
    report = run(folder, "'null'", BARE)
    assert report.planned == 1
    manifest = RunView.open(folder).manifest
    save_manifest(folder / "manifest.json", manifest.model_copy(update={"image": {**manifest.image, "digest": WRONG}}))
    before = (folder / "manifest.json").read_bytes()
    with pytest.raises(RunFailed, match=rf"wants the base image {WRONG}"):
        run(folder, "'null'", BARE, resume=True)
    assert (folder / "manifest.json").read_bytes() == before


def test_j4_the_digest_of_our_first_process_stands_in_the_manifest_and_in_every_episode(view: RunView) -> None:
    """Row J4: it is that of the program that runs there."""
    with Lab.open() as lab:
        content = lab.supervisor.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    assert view.manifest.supervisor == digest
    events = [record.event for record in view.records(next(view.episodes()))]
    assert {event.supervisor_sha256 for event in events if isinstance(event, SandboxStarted)} == {digest}
    assert any(isinstance(event, EpisodeOpened) for event in events)


def test_j5_what_code_could_take_part_and_where_it_came_from_stands_in_the_manifest(view: RunView) -> None:
    """Row J5: tasks by all their files, monitors, protocols and mechanisms by theirs, with what brought them."""
    loaded: dict[str, Any] = view.manifest.loaded or {}
    assert set(loaded) == {"tasks", "mechanisms", "integrity", "suspicion", "protocols", "broken"}
    assert set(loaded["tasks"]) == {"backfill"}
    assert loaded["tasks"]["backfill"]["sha256"] == view.manifest.tasks["backfill"]
    assert set(loaded["integrity"]) == set(integrity_monitors())
    rules = loaded["suspicion"]["rules"]
    assert (rules["module"], rules["distribution"]) == ("offswitch.monitors.suspicion.rules", "offswitch")
    file = Path(__file__).parents[2] / "monitors" / "suspicion" / "rules.py"
    assert rules["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert loaded["broken"] == {}
