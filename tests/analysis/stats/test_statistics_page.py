"""docs/statistics.md shows what was simulated, and no clustered interval of ours falls short of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from offswitch.analysis.stats.coverage import CELLS, ENOUGH, METHODS, tables

DOCS = Path(__file__).resolve().parents[3] / "docs"
OURS = (*METHODS, "mean", "difference", "difference_of", "log_ratio")


@pytest.fixture(scope="module")
def kept() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DOCS / "statistics.json").read_text(encoding="utf-8"))
    return found


def test_the_page_holds_the_figures_that_were_kept(kept: dict[str, Any]) -> None:
    assert tables(kept) in (DOCS / "statistics.md").read_text(encoding="utf-8")
    assert len(kept["clustered"]) == len(CELLS)


def test_every_interval_that_may_decide_keeps_its_promise_in_every_cell(kept: dict[str, Any]) -> None:
    assert min(row[name] for row in kept["clustered"] for name in OURS if row["clusters"] >= 10) >= ENOUGH
    assert min(row["clopper_pearson_min"] for row in kept["exact"]) >= 0.95
    assert min(row["wilson_mean"] for row in kept["exact"]) >= ENOUGH
    assert min(row["covered"] for row in kept["sequence"]) >= ENOUGH
    assert min(row["clustered"] for row in kept["curves"]) >= ENOUGH
    assert min(row[f"{name} paired"] for row in kept["shared"] for name in ("difference_of", "log_ratio")) >= ENOUGH
    assert min(row["covered"] for row in kept["slopes"]) >= ENOUGH
    assert min(row["worlds"] for row in kept["hostile"]) >= ENOUGH


def test_the_errors_that_others_print_are_seen_to_fall_short(kept: dict[str, Any]) -> None:
    assert min(row["normal"] for row in kept["clustered"] if row["clusters"] == 30) < 0.7
    assert max(row["independent"] for row in kept["curves"]) < 0.85
