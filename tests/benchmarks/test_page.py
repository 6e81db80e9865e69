"""What docs/performance.md shows is what was measured, and every figure that can be taken is explained there."""

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from offswitch.benchmarks import MEASUREMENTS, PEERS, Bench, Figure, Side, chart, digest, markdown
from offswitch.cli import call

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs" / "performance.md"
DATA = ROOT / "docs" / "performance.json"
CHART = ROOT / "docs" / "images" / "performance.svg"
SVG = "{http://www.w3.org/2000/svg}"


def keys() -> set[str]:
    """Every figure that a measurement says it takes."""
    told = [measure.__doc__ or "" for measure in (*MEASUREMENTS.values(), *PEERS.values())]
    return {key for text in told for key in re.findall(r"``([a-z0-9_]+)``", text)}


def one(value: float, **changed: Any) -> dict[str, Any]:
    """A figure as ``offswitch bench --json`` tells it."""
    known = {"unit": "ratio", "meaning": "this / that", "target": None, "side": "at_most", "met": None}
    return {**known, "low": value / 2, "high": value * 2, "readings": 9, "parts": {}, **changed}


@pytest.fixture
def data() -> dict[str, Any]:
    """A run of two measurements, beside the peers."""
    details = {
        "exec_over_fork": one(1.234, target=1.5, met=True, parts={"above_ms": 1.5, "below_ms": 1.2}),
        "step_p50_ms": one(5.5, unit="ms", target=4.0, met=False),
        "ledger_events_per_s": one(23456.7, unit="per s", side="at_least", target=20000.0, met=True),
        "call_over_inspect": one(77.0, side="at_least", parts={"above_ms": 120.0, "below_ms": 1.56}),
        "step_over_inspect": one(33.0, side="at_least", parts={"above_ms": 130.0, "below_ms": 3.9}),
        "call_over_docker_exec": one(33.0, side="at_least", parts={"above_ms": 50.0, "below_ms": 1.5}),
        "episode_rate_over_inspect": one(26.0, side="at_least", parts={"ours_per_s": 8.0, "inspect_per_s": 0.31}),
        "episode_rate_over_inspect_eval": one(40.0, side="at_least", parts={"inspect_eval_per_s": 0.2}),
        "episode_rate_over_docker_exec": one(7.0, side="at_least", parts={"docker_exec_per_s": 1.1}),
    }
    values = {"exec_over_fork": 1.234, "step_p50_ms": 5.5, "ledger_events_per_s": 23456.7}
    machine = {
        "processor": "a processor", "cores": 2, "memory_gb": 25.2, "kernel": "6.18", "python": "3.11.7",
        "engine": "20.10.24", "runc": "1.1.5", "storage_driver": "overlay2", "cgroup_version": "1",
        "in_use_before": 0.02,
    }  # fmt: skip
    told = {"inspect_ai": "0.3", "packages": ["a==1"], "bypassed": ["the check"], "limits_not_taken": ["one", "two"]}
    figures = {key: values.get(key, 1.0) for key in details}
    return {"figures": figures, "details": details, "machine": machine, "peers": {"inspect_ai": told}, "scale": 1.0}


def test_what_the_command_prints_is_what_the_page_takes(
    data: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = {"above_ms": 1.5, "below_ms": 1.2}
    figures = (
        Figure("exec_over_fork", 1.2344, "ratio", "this / that", 1.5, low=0.6, high=2.5, readings=9, parts=parts),
        Figure("ledger_events_per_s", 23456.7, "per s", "records", 20_000, Side.AT_LEAST),
    )
    asked: list[tuple[str, ...]] = []

    def measure(names: tuple[str, ...], **_: Any) -> Bench:
        asked.append(names)
        return Bench(figures, data["machine"], data["peers"])

    monkeypatch.setattr("offswitch.benchmarks.bench", measure)
    assert call(["bench", "--json"]) == call(["bench", "--peers", "--only", "calls", "--json"]) == 0
    assert asked == [(*MEASUREMENTS,), ("calls", "peers")]
    printed = capsys.readouterr().out
    told, _ = json.JSONDecoder().raw_decode(printed)
    assert told["peers"] == data["peers"]
    page = markdown(told)
    assert "| `exec_over_fork` | **1.23×** | 0.6 – 2.50 | ≤ 1.5 | met | above_ms 1.50, below_ms 1.20 |" in page
    assert "| `ledger_events_per_s` | **23,457 per s** | – | ≥ 20,000 | met | – |" in page
    assert call(["bench"]) == 0
    assert "  bypassed: the check\n" in capsys.readouterr().out


def test_a_figure_stands_with_its_spread_its_target_and_what_it_is_made_of(data: dict[str, Any]) -> None:
    page = markdown(data)
    assert "| `exec_over_fork` | **1.23×** | 0.617 – 2.47 | ≤ 1.5 | met | above_ms 1.50, below_ms 1.20 |" in page
    assert "| `step_p50_ms` | **5.50 ms** | 2.75 – 11.0 | ≤ 4 | **missed** | – |" in page
    assert "| `ledger_events_per_s` | **23,457 per s** | 11,728 – 46,913 | ≥ 20,000 | met | – |" in page


def test_peers_stand_apart_with_what_was_bypassed(data: dict[str, Any]) -> None:
    own, beside = markdown(data).split("Beside peers:")
    assert "inspect" not in own
    assert "`episode_rate_over_docker_exec`" in beside
    assert "`inspect_ai` 0.3 (a==1). Bypassed: the check. Not given to it" in beside
    assert "one; two" in beside


def test_a_run_without_peers_is_one_table(data: dict[str, Any]) -> None:
    data["details"] = {key: told for key, told in data["details"].items() if "over_inspect" not in key}
    del data["details"]["call_over_docker_exec"], data["details"]["episode_rate_over_docker_exec"]
    assert "peers" not in markdown({**data, "peers": {}})


def test_what_stops_a_missed_target_is_told_by_the_figures_of_the_run(data: dict[str, Any]) -> None:
    assert "is missed" not in markdown(data)
    rate = {"ours_per_s": 4.0, "inspect_per_s": 0.4, "ours_processor_ms": 200.0, "commands_on_host_ms": 90.0}
    data["details"]["episode_rate_over_inspect"] |= {"met": False, "parts": rate}
    data["details"]["call_over_inspect"]["met"] = False
    told = markdown(data)
    assert "no more than 5.00 of them a second" in told
    assert "(12.5 × Inspect's rate)" in told
    assert "take 90.0 ms" in told
    assert "nothing can be more than 100 times as fast" in told


@pytest.mark.parametrize(("share", "busy"), [(0.0, False), (0.1, False), (0.11, True), (1.0, True)])
def test_a_busy_machine_is_told(data: dict[str, Any], share: float, busy: bool) -> None:
    data["machine"]["in_use_before"] = share
    assert ("The machine was busy" in markdown(data)) is busy


def test_a_quick_look_is_told(data: dict[str, Any]) -> None:
    assert "quick" not in markdown(data)
    assert "**A quick look**, with 0.1 of the readings" in markdown({**data, "scale": 0.1})


def test_the_chart_is_the_same_for_the_same_data_and_names_it(data: dict[str, Any]) -> None:
    drawn = chart(data)
    assert drawn == chart(data)
    assert digest(data).encode() in drawn
    assert ET.fromstring(drawn).tag == f"{SVG}svg"
    data["details"]["step_over_inspect"]["parts"]["below_ms"] = 2.0
    assert chart(data) != drawn


def test_every_figure_that_can_be_taken_is_explained() -> None:
    assert len(keys()) >= 20
    text = PAGE.read_text(encoding="utf-8").partition("<!-- figures")[0]
    assert [key for key in sorted(keys()) if f"`{key}`" not in text] == []


def test_the_page_shows_what_was_measured_and_nothing_that_was_typed() -> None:
    measured = json.loads(DATA.read_text(encoding="utf-8"))
    assert markdown(measured) in PAGE.read_text(encoding="utf-8"), "run: .venv/bin/python .ci/performance.py"
    assert digest(measured) in CHART.read_text(encoding="utf-8"), "run: .venv/bin/python .ci/performance.py"
    assert measured["figures"].keys() >= keys(), "run: make performance"
