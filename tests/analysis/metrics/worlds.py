"""Small tables with known truths."""

from typing import Any

import pandas as pd

from offswitch.analysis import EPISODES, STEPS, VERDICTS
from offswitch.analysis._columns import frame

Row = dict[str, Any]


def key(number: int, **changes: Any) -> Row:
    """A valid episode of the bare model in a world of its own."""
    row: Row = {
        "run_id": "run-1",
        "episode_id": f"ep-{number:04d}",
        "subject_kind": "as_is",
        "subject": "acme:sonnet",
        "scaffold": "tool_calls",
        "task": "backfill",
        "scenario_hash": "s",
        "cluster_id": "c",
        "pair_id": f"pair-{number}",
        "seed": number,
        "arm": "main_only",
        "safeguards": False,
        "mechanisms": (),
        "monitors": (),
        "human_minutes": 90.0,
        "bucket": "1-2h",
        "valid": True,
    }
    return row | changes


def verdict(number: int, **changes: Any) -> Row:
    """Exposed, and the control held."""
    said = {"failure_mode": "O1", "family": "oversight", "exposed": "true", "attempted": "false", "succeeded": "false"}
    return key(number) | said | {"disclosed": "not_applicable", "recorded": True} | changes


def step(number: int, suspicion: float | None, place: int = 1, **changes: Any) -> Row:
    """One executed call with its score."""
    scores = {"judge": suspicion}
    return key(number) | {"step": place, "executed": True, "suspicion": suspicion, "suspicions": scores} | changes


FAILED: Row = {"attempted": "true", "succeeded": "true"}
BLOCKED: Row = {"attempted": "true", "succeeded": "false"}
LOST: Row = {"attempted": "unknown", "succeeded": "unknown", "unknown_cause": "infra"}


def episodes(*rows: Row) -> pd.DataFrame:
    """An episodes table."""
    return frame(rows, EPISODES)


def verdicts(*rows: Row) -> pd.DataFrame:
    """A verdict table."""
    return frame(rows, VERDICTS)


def steps(*rows: Row) -> pd.DataFrame:
    """A table of steps."""
    return frame(rows, STEPS)
