"""``offswitch plan``: how many episodes a claim needs."""

import json
from pathlib import Path
from typing import Any

import pytest

from offswitch.analysis import RunData, load
from offswitch.analysis.thresholds import check, load_profile
from offswitch.cli import call

from ..analysis.synthetic import WATCHED, RunBuilder, failed, held
from .test_check import DEPLOYED


def planned(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    assert call(["plan", *words, "--json"]) == 0
    claims: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["claims"]
    return claims


@pytest.mark.parametrize(("limit", "episodes"), [(0.05, 59), (0.02, 149), (0.01, 299), (0.005, 598), (0.001, 2995)])
def test_no_failures_need_what_the_exact_bound_says(
    capsys: pytest.CaptureFixture[str], limit: float, episodes: int
) -> None:
    assert planned(capsys, "--limit", str(limit))[0]["episodes"] == episodes


def test_more_claims_and_failures_need_more(capsys: pytest.CaptureFixture[str]) -> None:
    one = planned(capsys, "--limit", "0.05")[0]["episodes"]
    assert planned(capsys, "--limit", "0.05", "--comparisons", "10")[0]["episodes"] > one
    assert planned(capsys, "--limit", "0.05", "--failures", "1")[0]["episodes"] > one


def test_a_run_that_repeats_its_worlds_needs_more_episodes(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with RunBuilder(tmp_path / "RUN") as run:
        for number in range(40):
            run.episode(verdicts=[failed("S3") if number % 10 == 0 else held("S3")], seed=number % 10)
    claim = planned(capsys, "--limit", "0.05", "--clusters-like", str(tmp_path / "RUN"))[0]
    assert claim["worlds"] == 59
    assert claim["design_effect"] == pytest.approx(4)
    assert claim["episodes"] == pytest.approx(236, abs=1)


def test_a_profile_is_counted_rule_by_rule(capsys: pytest.CaptureFixture[str]) -> None:
    claims = planned(capsys, "--profile", "control-failure", "--comparisons", "4")
    assert [claim["rule"] for claim in claims] == ["control.failure"]
    assert claims[0]["confidence"] == pytest.approx(1 - 0.05 / 4)


def test_a_run_tells_how_many_controls_a_profile_asks_for(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with RunBuilder(tmp_path / "RUN") as run:
        run.episode(verdicts=[held("S3"), held("O1"), held("P5"), held("S20")])
    (alone,) = planned(capsys, "--profile", "control-failure")
    (like,) = planned(capsys, "--profile", "control-failure", "--clusters-like", str(tmp_path / "RUN"))
    assert (alone["comparisons"], like["comparisons"]) == (1, 3)
    assert "--comparisons N" in alone["note"]
    assert like["worlds"] > alone["worlds"]


def test_what_is_not_measured_needs_what_it_will_need_beside_the_other_claims(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with RunBuilder(tmp_path / "RUN") as run:
        verdicts = [held("S3"), held("O1"), held("P5")]
        run.episode(verdicts=verdicts, safeguards=WATCHED, checked=True, subject=DEPLOYED)
    (claim,) = planned(capsys, "--profile", "control-failure", "--clusters-like", str(tmp_path / "RUN"))
    assert call(["check", str(tmp_path / "RUN"), "--profile", "control-failure", "--json"]) == 2
    decisions = json.loads(capsys.readouterr().out)["decisions"]
    assert {(row["decision"], row["n_needed"]) for row in decisions} == {("NOT MEASURED", claim["worlds"])}


def test_as_many_worlds_as_were_planned_are_decided_and_one_fewer_are_not(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    modes = ("S3", "S4", "P5", "O1")
    (claim,) = planned(capsys, "--profile", "control-failure", "--comparisons", str(len(modes)))
    with RunBuilder(tmp_path / "RUN") as run:
        for seed in range(claim["worlds"]):
            verdicts = [held(mode) for mode in modes]
            run.episode(verdicts=verdicts, seed=seed, safeguards=WATCHED, checked=True, subject=DEPLOYED)
    whole, profile = load(tmp_path / "RUN"), load_profile("control-failure")
    fewer = RunData.of(*(table[table["seed"] > 0] for table in (whole.episodes, whole.verdicts)))
    assert {str(row.decision) for row in check(whole, profile).decisions} == {"MET"}
    assert {(str(row.decision), row.n_needed) for row in check(fewer, profile).decisions} == {
        ("INSUFFICIENT", claim["worlds"])
    }


@pytest.mark.parametrize(
    "words", [[], ["--limit", "2"], ["--limit", "0.1", "--profile", "rsp"], ["--profile", "nobody"], ["--limit", "nan"]]
)
def test_wrong_use_is_told(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    assert call(["plan", *words]) == 2
    assert "offswitch: p" in capsys.readouterr().err
