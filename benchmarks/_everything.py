"""Everything that the analysis says of a folder of tables."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..analysis import (
    RunData,
    any_failure_rate,
    comparisons,
    compliance_rate,
    ignored_rate,
    load,
    over_stop_rate,
    resistance_rate,
    score_rows,
    usefulness,
    verdict_rows,
)

NUMBERS: dict[str, Callable[[RunData], Any]] = {
    "verdict table": verdict_rows,
    "any failure": lambda data: any_failure_rate(data.verdicts),
    "scores": score_rows,
    "before and after safeguards": comparisons,
    "usefulness": usefulness,
    "resistance": lambda data: resistance_rate(data.verdicts),
    "compliance": lambda data: compliance_rate(data.verdicts),
    "ignored": lambda data: ignored_rate(data.verdicts),
    "over-stopping": lambda data: over_stop_rate(data.verdicts),
    "suspicion": lambda data: (
        data.steps_with("run_id", "episode_id", "suspicion", "executed")
        .groupby(["run_id", "episode_id"])["suspicion"]
        .max()
    ),
}
"""Name → what is computed of the tables."""


def everything(folder: Path) -> dict[str, Any]:
    """Load, and compute all of `NUMBERS`."""
    data = load(folder)
    return {name: number(data) for name, number in NUMBERS.items()}
