"""Runs on a real engine: everything is recorded, nothing stays behind, and the records say the same again."""

import json
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from offswitch.analysis import before_after, load
from offswitch.records import (
    Channel,
    EndReason,
    EpisodeEnded,
    EpisodeInvalidated,
    EpisodeSealed,
    EpisodeState,
    ModelAnswered,
    ModelFailed,
    RunPaths,
    RunView,
    Tri,
    verify_run,
)
from offswitch.runner import (
    EpisodeOutcome,
    EpisodePlan,
    Progress,
    RunFailed,
    RunOptions,
    RunReport,
    SpecError,
    Stop,
    Subjects,
    check_channels,
    load_run_spec,
    rejudge,
    run_experiment,
    verdict_version,
)
from offswitch.tasks.backfill.cast import CAST

from ..agents.wire import Wire, answer, call, hang, served, status
from .machine import BARE, containers_of, repeatable, run, spec_of

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("docker")]
VIOLATOR = "violator:S3.overwrite"
REPORT = call("submit_report", '{"summary": "done", "done": false, "deviations": []}')
BOTH = "scenario: {safeguards: [off, on]}\n"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunReport:
    """A run that nobody may change: two scripts, without and with safeguards."""
    return run(tmp_path_factory.mktemp("finished") / "RUN", f"['null', {VIOLATOR}]", BOTH)


@pytest.fixture
def copied(finished: RunReport, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished.folder, tmp_path / "RUN"))


@pytest.fixture
def wire() -> Iterator[Wire]:
    with served() as server:
        yield server


def model_at(wire: Wire, **more: object) -> str:
    fields = {"model": "gpt-4o", "base_url": wire.url, "retry": {"max_attempts": 1}, **more}
    return json.dumps(fields)


def test_every_episode_is_valid_and_safeguards_make_the_difference(finished: RunReport) -> None:
    failed = {outcome.episode_id: outcome.failed for outcome in finished.outcomes}
    assert [outcome.state for outcome in finished.outcomes] == ["valid"] * 4
    assert "S3" in failed[f"0003-backfill-{VIOLATOR.replace(':', '-')}-s1-off"]
    assert "S3" not in failed[f"0004-backfill-{VIOLATOR.replace(':', '-')}-s1-on"]
    assert failed["0001-backfill-null-s1-off"] == []


def test_the_analysis_pairs_the_episodes(finished: RunReport) -> None:
    data = load(finished.folder)
    (pair,) = [one for one in before_after(data.verdicts) if one.failure_mode == "S3" and one.subject == VIOLATOR]
    assert (pair.pairs, pair.off.k, pair.on.k, pair.cured) == (1, 1, 0, 1)


def test_the_run_directory_is_whole(finished: RunReport) -> None:
    found = verify_run(RunPaths(Path(finished.folder)), finished.root)
    assert found.findings == ()
    assert found.notes == ()
    assert found.episodes == 4


def test_the_manifest_holds_all_that_is_needed_to_repeat_the_run(finished: RunReport) -> None:
    manifest = RunView.open(Path(finished.folder)).manifest
    assert manifest.command == "offswitch run x.yaml"
    assert {"offswitch", "python", "kernel", "engine", "pydantic", "gymnasium"} <= manifest.versions.keys()
    assert manifest.engine["cgroup_version"] in ("1", "2")
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", str(manifest.image["digest"]))
    assert manifest.seeds == (1,)
    assert set(manifest.tasks) == {"backfill"}
    assert load_run_spec(Path(finished.folder)) == spec_of(f"['null', {VIOLATOR}]", BOTH)
    assert "offswitch run x.yaml" in RunPaths(Path(finished.folder)).readme.read_text()


def test_no_container_is_left(finished: RunReport) -> None:
    assert containers_of(finished.run_id) == []


def test_mechanisms_are_proven_once_a_world(finished: RunReport) -> None:
    proofs = list(RunPaths(Path(finished.folder)).proofs.iterdir())
    assert len(proofs) == 9
    assert all(json.loads(proof.read_text())["links"] for proof in proofs)


def test_judging_again_gives_the_live_verdicts(copied: Path, finished: RunReport) -> None:
    first = rejudge(copied)
    assert (first.judged, first.differences, first.version) == (4, (), verdict_version())
    assert rejudge(copied).root == first.root, "the same judgement changes nothing"
    assert verify_run(RunPaths(copied), finished.root).ok, "the root from before is still proven"
    assert RunView.open(copied).verdict_versions() == (first.version,)


def test_comparing_only_writes_nothing(copied: Path) -> None:
    assert rejudge(copied, write=False).differences == ()
    assert RunView.open(copied).verdict_versions() == ()


def test_a_flipped_byte_is_found_and_its_record_named(copied: Path) -> None:
    path = RunPaths(copied).ledger("0001-backfill-null-s1-off")
    lines = path.read_bytes().split(b"\n")
    lines[5] = lines[5].replace(b'"mono_ns":', b'"mono_ns": ', 1).replace(b'"mono_ns": 1', b'"mono_ns": 2', 1)
    path.write_bytes(b"\n".join(lines))
    finding = verify_run(RunPaths(copied)).findings[0]
    assert (finding.episode, finding.record) == ("0001-backfill-null-s1-off", 5)


def test_rows_that_lose_a_channel_they_need_do_not_say_held(finished: RunReport) -> None:
    view = RunView.open(Path(finished.folder))
    checks = check_channels((episode, list(view.records(episode))) for episode in view.episodes())
    assert [check.wrong for check in checks if not check.ok] == []
    files = next(check for check in checks if check.channel is Channel.FILES)
    assert "S3" in files.rows
    assert files.unknown > 0
    assert files.seen > 0


def test_the_same_seed_and_script_give_the_same_record(finished: RunReport, tmp_path: Path) -> None:
    again = run(tmp_path / "again", VIOLATOR)
    one = repeatable(RunView.open(Path(finished.folder)), f"0003-backfill-{VIOLATOR.replace(':', '-')}-s1-off")
    other = repeatable(RunView.open(Path(again.folder)), again.outcomes[0].episode_id)
    differences = [(left, right) for left, right in zip(one, other, strict=True) if left != right]
    assert differences == []


def test_a_finished_run_has_nothing_left_to_do(copied: Path, finished: RunReport) -> None:
    again = run_experiment(load_run_spec(copied), copied, RunOptions(resume=True))
    assert (again.planned, again.already, again.outcomes) == (4, 4, ())
    assert again.root == finished.root


def test_a_run_goes_on_only_as_what_it_was(copied: Path) -> None:
    with pytest.raises(SpecError, match="was started with another experiment"):
        run_experiment(spec_of("oracle"), copied, RunOptions(resume=True))
    manifest = RunView.open(copied).manifest
    changed = manifest.model_copy(update={"tasks": {"backfill": "0" * 64}}).sealed()
    RunPaths(copied).manifest.write_bytes(changed.render())
    with pytest.raises(RunFailed, match="task backfill was changed since it began"):
        run_experiment(load_run_spec(copied), copied, RunOptions(resume=True))


def test_a_model_is_asked_with_everything_it_was_shown_and_its_calls_run_one_a_step(wire: Wire, tmp_path: Path) -> None:
    two = [call("bash", '{"command": "echo one"}', "x"), call("bash", '{"command": "echo two"}', "x")]
    wire.script = [answer(None, two), answer("no call here"), answer("", [REPORT])]
    found = run(tmp_path / "run", model_at(wire), BARE)
    (outcome,) = found.outcomes
    assert (outcome.state, outcome.end_reason, outcome.steps) == ("valid", EndReason.SUBMITTED, 3)
    roles = [message["role"] for message in wire.requests[2]["messages"]]
    assert roles == ["system", "user", "assistant", "tool", "tool", "assistant", "user"]
    assert [m["content"] for m in wire.requests[1]["messages"] if m["role"] == "tool"] == ["one", "two"]
    assert verify_run(RunPaths(tmp_path / "run")).ok


def test_recorded_answers_replay_without_the_model_to_the_same_record(wire: Wire, tmp_path: Path) -> None:
    wire.script = [
        answer("", [call("bash", '{"command": "ls"}')]),
        answer("", [REPORT]),
    ]
    first = run(tmp_path / "first", model_at(wire), BARE)
    wire.stop()
    replayed = Subjects(record=False, replay=RunView.open(tmp_path / "first"))
    second = run_experiment(load_run_spec(tmp_path / "first"), tmp_path / "second", RunOptions(subjects=replayed))
    one, other = (repeatable(RunView.open(Path(one.folder)), one.outcomes[0].episode_id) for one in (first, second))
    assert one == other


def test_a_provider_that_fails_is_missing_data_and_is_asked_again_on_resume(wire: Wire, tmp_path: Path) -> None:
    wire.script = [status(503, "overloaded"), answer("", [REPORT])]
    first = run(tmp_path / "run", model_at(wire), BARE)
    assert [(one.state, one.end_reason) for one in first.outcomes] == [("model_failed", EndReason.MODEL_FAILED)]
    assert "overloaded" in first.outcomes[0].cause
    assert [one.episode_id for one in first.missing] == [first.outcomes[0].episode_id]
    events = [record.event for record in RunView.open(tmp_path / "run").records(first.outcomes[0].episode_id)]
    assert any(isinstance(event, ModelFailed) and event.category == "transient" for event in events)
    assert isinstance(events[-1], EpisodeSealed)
    assert not events[-1].valid
    assert not load(tmp_path / "run").episodes["valid"].any()

    second = run_experiment(load_run_spec(tmp_path / "run"), tmp_path / "run", RunOptions(resume=True))
    assert [(one.attempt, one.state) for one in second.outcomes] == [(2, "valid")]
    assert verify_run(RunPaths(tmp_path / "run")).ok


def test_a_model_that_hangs_ends_with_its_episode_on_time(wire: Wire, tmp_path: Path) -> None:
    wire.script = [hang]
    more = "scenario: {mechanisms: [], budgets: {max_wall_s: 2}}"
    found = run(tmp_path / "run", model_at(wire, timeout_s=60), more)
    (outcome,) = found.outcomes
    assert (outcome.state, outcome.end_reason) == ("valid", EndReason.MAX_WALL)
    events = [record.event for record in RunView.open(tmp_path / "run").records(outcome.episode_id)]
    assert [event.errors[0][:4] for event in events if isinstance(event, ModelAnswered)] == ["late"]
    assert containers_of(found.run_id) == []
    assert verify_run(RunPaths(tmp_path / "run")).ok


def test_a_request_to_end_closes_what_runs_as_abandoned_and_resume_does_it_again(tmp_path: Path) -> None:
    stop, running = Stop(), threading.Event()

    def watch(progress: Progress) -> None:
        if progress.what == "step" and progress.step == 3:
            running.set()
            stop.ask("enough")

    spec = spec_of("oracle", "episodes: 3\nparallel: 1\nscenario: {mechanisms: []}")
    first = run_experiment(spec, tmp_path / "run", RunOptions(stop=stop, watch=watch))
    assert running.is_set()
    assert [(one.state, one.cause) for one in first.outcomes] == [("abandoned", "enough")]
    assert (first.interrupted, first.planned) == ("enough", 3)
    view = RunView.open(tmp_path / "run")
    ended = [r.event for r in view.records(first.outcomes[0].episode_id) if isinstance(r.event, EpisodeEnded)]
    assert [(event.reason, event.detail) for event in ended] == [(EndReason.ABANDONED, "enough")]
    assert containers_of(first.run_id) == []

    second = run_experiment(spec, tmp_path / "run", RunOptions(resume=True))
    assert sorted((one.seed, one.attempt, one.state) for one in second.outcomes) == [
        (1, 2, "valid"),
        (2, 1, "valid"),
        (3, 1, "valid"),
    ]
    assert verify_run(RunPaths(tmp_path / "run")).ok


def test_a_bug_in_a_script_costs_its_own_episode_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(facts: object) -> Iterator[object]:
        yield "bash", {"command": f"echo {bool(facts)}"}
        raise ZeroDivisionError("in the script")

    monkeypatch.setitem(CAST.violators["S3"], "broken", broken)
    found = run(tmp_path / "run", "[violator:S3.broken, 'null']", BARE)
    states = {one.subject: one.state for one in found.outcomes}
    assert states == {"violator:S3.broken": "invalid", "null": "valid"}
    (invalid,) = found.missing
    assert "ZeroDivisionError: in the script" in invalid.cause
    view = RunView.open(tmp_path / "run")
    assert view.anchor(invalid.episode_id).state is EpisodeState.INVALIDATED
    last = list(view.records(invalid.episode_id))[-1].event
    assert isinstance(last, EpisodeInvalidated)
    assert not last.proven
    assert containers_of(found.run_id) == []
    again = run_experiment(load_run_spec(tmp_path / "run"), tmp_path / "run", RunOptions(resume=True))
    assert again.outcomes == (), "what may have been the agent's doing is not repeated"


def test_verdicts_of_every_row_are_given(finished: RunReport) -> None:
    view = RunView.open(Path(finished.folder))
    for outcome in finished.outcomes:
        assert len(outcome.verdicts) >= 20
        assert all(Tri.UNKNOWN not in (one.attempted, one.succeeded) for one in outcome.verdicts.values())
        assert view.anchor(outcome.episode_id).sealed


def test_progress_counts_what_is_done(tmp_path: Path) -> None:
    seen: list[Progress] = []
    run(tmp_path / "run", "'null'", "episodes: 2\nscenario: {mechanisms: []}", watch=seen.append)
    assert [one.done for one in seen if one.what == "ended"] == [1, 2]
    assert {one.planned for one in seen if one.episode_id} == {2}


@pytest.mark.parametrize(("proven", "attempts"), [(True, [1, 2, 3]), (False, [1])])
def test_only_a_proven_fault_of_the_infrastructure_is_tried_again(
    proven: bool, attempts: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(site: object, plan: EpisodePlan, attempt: int) -> EpisodeOutcome:
        del site
        return EpisodeOutcome(
            episode_id=plan.attempt_id(attempt),
            base=plan.base,
            attempt=attempt,
            task=plan.task,
            subject=plan.subject,
            seed=plan.seed,
            variant=plan.variant,
            state="invalid",
            cause="the engine died",
            again=proven,
        )

    monkeypatch.setattr("offswitch.runner._run.run_attempt", failing)
    seen: list[Progress] = []
    found = run(tmp_path / "run", "'null'", "retries: 2\n", watch=seen.append)
    assert [one.attempt for one in found.outcomes] == attempts
    assert [one.done for one in seen if one.episode_id] == [0] * (len(attempts) - 1) + [1]
    assert [one.attempt for one in found.missing] == attempts[-1:]
