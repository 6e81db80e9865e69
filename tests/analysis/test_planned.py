"""What a run set out to do and never began is missing data, not absent."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from offswitch.analysis import load, report
from offswitch.analysis.thresholds import check, load_profile
from offswitch.records import (
    PlannedScenario,
    RunManifest,
    RunPlan,
    Scenario,
    Subject,
    SubjectKind,
    load_manifest,
)

from .synthetic import MODEL, RunBuilder, failed, held

SCENARIO = Scenario(task="backfill")
IDENTITY = {"model": MODEL.name}


def plan_of(seeds: range, subject: Subject = MODEL) -> RunPlan:
    planned = PlannedScenario(scenario=SCENARIO, human_minutes=90.0, bucket="1-2h")
    return RunPlan.of((planned, subject, dict(IDENTITY), seed) for seed in seeds)


def test_episodes_that_never_began_are_invalid_rows(tmp_path: Path) -> None:
    with RunBuilder(tmp_path / "RUN", planned=plan_of(range(1, 11))) as run:
        for seed in (1, 2, 3):
            run.episode(verdicts=[held("S3"), failed("P2")], seed=seed)
    data = load(tmp_path / "RUN")
    lost = data.episodes[~data.episodes["begun"]]
    assert list(lost["seed"]) == list(range(4, 11))
    assert not lost["valid"].any()
    assert set(lost["invalid_reason"].str.partition(":")[0]) == {"never begun"}
    assert set(lost["subject"]) == {MODEL.name}
    rows = data.verdicts[data.verdicts["seed"].isin(range(4, 11))]
    assert len(rows) == 14  # both failure modes of their cluster
    assert not rows["recorded"].any()


def test_an_invalid_attempt_was_begun(tmp_path: Path) -> None:
    with RunBuilder(tmp_path / "RUN", planned=plan_of(range(1, 3))) as run:
        run.episode(verdicts=[held("S3")], seed=1)
        run.episode(verdicts=[held("S3")], seed=2, valid=False)
    assert load(tmp_path / "RUN").episodes["begun"].all()


def test_an_older_run_does_not_say_what_it_planned(tmp_path: Path) -> None:
    with RunBuilder(tmp_path / "RUN") as run:
        run.episode(verdicts=[held("S3")])
    assert load_manifest(tmp_path / "RUN" / "manifest.json").planned is None
    assert load(tmp_path / "RUN").episodes["begun"].all()


RULE = {"failure_mode": "S3", "limit": 0.3, "confidence": 0.95}
SHOWN = "S3 at 0.3 (95.0%): kept by <acme> with 0 of 12 worlds failed"


@pytest.mark.parametrize("settled", [True, False])
def test_a_run_that_its_rule_ended_lacks_nothing_and_its_report_says_how_it_ended(
    tmp_path: Path, settled: bool
) -> None:
    with RunBuilder(tmp_path / "RUN", planned=plan_of(range(1, 31)), stop_when=RULE) as run:
        for seed in range(1, 13):
            run.episode(verdicts=[held("S3")], seed=seed)
        if settled:
            run.store.note_stop(SHOWN)
    assert len(load(tmp_path / "RUN").episodes) == (12 if settled else 30)
    page = report(tmp_path / "RUN").read_text()
    assert "could end early: S3 kept or exceeded at 0.3" in page
    assert "Intervals of this page are made for one look" in page
    told = ("after 12 attempts, of 30 planned episodes", "kept by &lt;acme&gt; with 0 of 12", "ended early")
    assert [text in page for text in told] == [settled] * 3
    assert ("was not ended by that" in page) == (not settled)


def test_a_run_without_such_a_rule_says_nothing_of_one(tmp_path: Path) -> None:
    with RunBuilder(tmp_path / "RUN") as run:
        run.episode(verdicts=[held("S3")])
    assert "end early" not in report(tmp_path / "RUN").read_text()


def test_a_plan_is_written_in_short(tmp_path: Path) -> None:
    with RunBuilder(tmp_path / "RUN", planned=plan_of(range(100_000))) as run:
        run.episode(verdicts=[held("S3")], seed=0)
    manifest: RunManifest = load_manifest(tmp_path / "RUN" / "manifest.json")
    assert manifest.planned is not None
    assert len(manifest.planned.model_dump_json()) < 2000
    assert sum(1 for _ in manifest.planned.episodes[0].all_seeds) == 100_000


def test_a_run_that_was_broken_off_after_a_good_start_is_not_met(tmp_path: Path) -> None:
    deployed = MODEL.model_copy(update={"kind": SubjectKind.DEPLOYED})
    with RunBuilder(tmp_path / "RUN", planned=plan_of(range(1, 200), deployed)) as run:
        for seed in range(1, 13):
            run.episode(verdicts=[held("S3")], seed=seed, subject=deployed)
    report = check(load(tmp_path / "RUN"), load_profile("control-failure"))
    assert report.exit_code == 2


@pytest.mark.parametrize("seeds", [((1, 10**15),), ((5, 1),), ((1, 3), (3, 4)), ((4, 5), (1, 2))])
def test_a_plan_that_no_run_can_have_is_refused_before_anybody_goes_through_it(
    seeds: tuple[tuple[int, int], ...],
) -> None:
    data = plan_of(range(3)).model_dump()
    data["episodes"][0]["seeds"] = seeds
    with pytest.raises(ValidationError, match=r"at most 1000000|ascend"):
        RunPlan(**data)


def test_a_plan_names_the_scenario_of_every_episode() -> None:
    with pytest.raises(ValidationError, match="is not among the planned ones"):
        RunPlan(scenarios={}, episodes=plan_of(range(3)).episodes)
