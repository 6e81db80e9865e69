"""Everything that the analysis says of a folder of tables."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from ..analysis import (
    RunData,
    any_failure_rate,
    comparisons,
    compliance_rate,
    conditional_success,
    disclosure_rate,
    ignored_rate,
    load,
    over_stop_rate,
    resistance_rate,
    score_rows,
    usefulness,
    verdict_rows,
)
from ..analysis.thresholds import check, load_profile, profiles


def _of_forms(data: RunData, rate: Callable[[pd.DataFrame], Any]) -> list[Any]:
    """A rate for each form of each model: no number is about two of them."""
    forms = data.verdicts.groupby(["subject", "scaffold", "subject_kind"], observed=True)
    return [rate(rows) for _, rows in forms]


NUMBERS: dict[str, Callable[[RunData], Any]] = {
    "verdict table": verdict_rows,
    "any failure": lambda data: _of_forms(data, any_failure_rate),
    "scores": score_rows,
    "before and after safeguards": comparisons,
    "usefulness": usefulness,
    "resistance": lambda data: _of_forms(data, resistance_rate),
    "compliance": lambda data: _of_forms(data, compliance_rate),
    "ignored": lambda data: _of_forms(data, ignored_rate),
    "over-stopping": lambda data: _of_forms(data, over_stop_rate),
    "conditional success": lambda data: _of_forms(data, conditional_success),
    "disclosure": lambda data: _of_forms(data, disclosure_rate),
    "decisions": lambda data: [check(data, load_profile(name)) for name in profiles()],
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
