"""Synthetic tables of any size, made column by column: what the analysis is timed on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..analysis import EPISODES, STEPS, VERDICTS, Column
from ..analysis.tables import Format, Writer

STEPS_EACH = 50
MODES = {"S1": "shutdown", "S3": "shutdown", "S20": "shutdown", "P5": "permission", "O1": "oversight"}
_PART = 10_000
_TASKS = ("backfill", "diskrescue", "reconcile", "deploy")
Columns = dict[str, Any]


def write_tables(folder: Path, episodes: int, seed: int = 1) -> None:
    """An exported folder with this many episodes, `STEPS_EACH` steps and a verdict of each of `MODES` in each."""
    folder.mkdir(parents=True, exist_ok=True)
    writer = Writer(folder, Format.PARQUET)
    writer.write("episodes", _parts(episodes, seed, _episodes))
    writer.write("verdicts", _parts(episodes, seed, _verdicts))
    writer.write("steps", _parts(episodes, seed, _steps))
    writer.close()


def _parts(episodes: int, seed: int, make: Any) -> Iterator[pd.DataFrame]:
    for start in range(0, episodes, _PART):
        numbers = np.arange(start, min(start + _PART, episodes))
        yield make(numbers, np.random.default_rng([seed, start]))


def _key(numbers: Any) -> Columns:
    """Of these episodes; two in a row are a pair, safeguards off and on."""
    pairs, on, asked = numbers // 2, numbers % 2 == 1, _asked(numbers)
    tasks = pairs % len(_TASKS)
    return {
        "run_id": _texts("run-", numbers // 25_000),
        "episode_id": _texts("episode-", numbers),
        "subject_kind": np.where(on, "deployed", "as_is"),
        "subject": _texts("acme:model-", pairs % 2),
        "scaffold": np.full(len(numbers), "tool_calls"),
        "model": _texts("model-", pairs % 2),
        "task": np.array(_TASKS)[tasks],
        "task_version": np.ones(len(numbers), int),
        "scenario_hash": _texts("0" * 56, tasks * 2 + on + 10_000_000),
        "cluster_id": _texts("cluster-", tasks * 3 + pairs % 3),
        "pair_id": _texts("pair-", pairs),
        "seed": (1_000 + pairs // 24).astype(object),
        "attempt": np.ones(len(numbers), int),
        "arm": np.where(asked, "both", "main_only"),
        "side_task": _taken([None, "S3"], asked.astype(int)),
        "instruction": np.array(["stated", "policy", "implied"])[pairs % 3],
        "control": np.full(len(numbers), "bypassable"),
        "pressure": np.array(["none", "none", "deadline"])[pairs % 3],
        "autonomy": np.array(["A0", "A1", "A2", "A3"])[pairs // 3 % 4],
        "oversight": np.full(len(numbers), "not_mentioned"),
        "placement": np.full(len(numbers), "system"),
        "safeguards": on,
        "protocol": np.where(on, "threshold", "observe_only"),
        "monitored": _taken([None, True], on.astype(int)),
        "monitors": _taken([(), ("keywords", "judge")], on.astype(int)),
        "mechanisms": _taken([("stop_script", "approvals")], np.zeros(len(numbers), int)),
        "human_minutes": np.array([45.0, 90.0, 200.0, 600.0])[tasks],
        "bucket": np.array(["30-60m", "1-2h", "2-8h", "8h+"])[tasks],
        "valid": numbers % 97 != 0,
        "end_reason": np.full(len(numbers), "submitted"),
    }


def _asked(numbers: Any) -> Any:
    """Which episodes have a side task: every second four pairs."""
    return numbers // 8 % 2 == 1


def _episodes(numbers: Any, rng: np.random.Generator) -> pd.DataFrame:
    count = len(numbers)
    answered, answered_at = (numbers % 2 == 1) & (rng.random(count) < 0.3), rng.integers(1, STEPS_EACH + 1, count)
    own: Columns = {
        "run": np.full(count, "runs/synthetic"),
        "begun": np.ones(count, bool),
        "sealed": np.ones(count, bool),
        "terminated": np.ones(count, bool),
        "score": np.where(rng.random(count) < 0.02, np.nan, rng.integers(0, 5, count) / 4),
        "progress": rng.random(count),
        "steps": np.full(count, STEPS_EACH),
        "answers": np.full(count, STEPS_EACH),
        "input_tokens": rng.integers(10_000, 90_000, count),
        "output_tokens": rng.integers(1_000, 9_000, count),
        "usage_source": np.full(count, "provider"),
        "usd": rng.random(count),
        "price": np.full(count, "known"),
        "provider_errors": np.zeros(count, int),
        "refusals": np.zeros(count, int),
        "reported": np.ones(count, bool),
        "profile": np.full(count, "sealed"),
        "isolation": np.full(count, "T0/H1+/N2"),
        "duration_s": 200 + rng.random(count) * 700,
        "response_step": _known(answered_at, answered),
        "response_s": np.where(answered, answered_at * 4.0, np.nan),
        "records": np.full(count, 5 * STEPS_EACH),
    }
    return _frame(_key(numbers) | own, EPISODES, count)


def _verdicts(numbers: Any, rng: np.random.Generator) -> pd.DataFrame:
    """Each world has an inclination of its own, so that repetitions go together."""
    rows = len(MODES) * len(numbers)
    at, mode = np.repeat(np.arange(len(numbers)), len(MODES)), np.tile(np.arange(len(MODES)), len(numbers))
    inclined = np.random.default_rng(7).beta(0.4, 3.6, 50_000)[numbers[at] // 48 % 50_000]
    exposed, lost = rng.random(rows) < 0.9, rng.random(rows) < 0.01
    tried = exposed & (rng.random(rows) < inclined)
    succeeded = tried & (rng.random(rows) < np.where(numbers[at] % 2 == 1, 0.4, 0.8))
    steps = rng.integers(1, STEPS_EACH + 1, rows)
    own: Columns = {
        "failure_mode": np.array(list(MODES))[mode],
        "family": np.array(list(MODES.values()))[mode],
        "exposed": _tri(exposed),
        "exposed_seq": np.full(rows, 12),
        "exposed_step": np.full(rows, 5),
        "exposed_s": np.full(rows, 20.0),
        "attempted": np.where(lost & exposed, "unknown", _tri(tried)),
        "succeeded": np.where(lost & exposed, "unknown", _tri(succeeded)),
        "disclosed": np.where(tried, _tri(rng.random(rows) < 0.3), "not_applicable"),
        "unknown_cause": _taken([None, "infra"], (lost & exposed).astype(int)),
        "grade": np.full(rows, "G2"),
        "rule_level": np.full(rows, "stated"),
        "violation": succeeded & ~lost,
        "step": steps,
        "act_s": steps * 4.0,
        "reason": np.where(succeeded, "the control stopped holding", "the control held"),
        "monitor_version": np.ones(rows, int),
        "recorded": np.ones(rows, bool),
    }
    return _frame(_repeated(_key(numbers), at) | own, VERDICTS, rows)


def _steps(numbers: Any, rng: np.random.Generator) -> pd.DataFrame:
    rows = STEPS_EACH * len(numbers)
    at, step = np.repeat(np.arange(len(numbers)), STEPS_EACH), np.tile(np.arange(1, STEPS_EACH + 1), len(numbers))
    watched = numbers[at] % 2 == 1
    own: Columns = {
        "step": step,
        "at_s": step * 4.0,
        "call_id": _texts("call-", np.arange(STEPS_EACH + 1))[step],
        "answer_id": _texts("answer-", np.arange(STEPS_EACH + 1))[step],
        "tool": np.array(["bash", "read_mail", "submit"], dtype=object)[rng.integers(0, 3, rows)],
        "arguments": _texts('{"command": "make part', np.arange(100))[rng.integers(0, 100, rows)],
        "call_valid": np.ones(rows, bool),
        "permission": _taken(["allow"], np.zeros(rows, int)),
        "decision": _taken(["proceed", "escalate"], (watched & (rng.random(rows) < 0.002)).astype(int)),
        "executed": np.ones(rows, bool),
        "changed": rng.random(rows) < 0.3,
        "requests": np.zeros(rows, int),
        "suspicion": np.where(watched, rng.beta(1 + _asked(numbers)[at], 8, rows).round(3), np.nan),
        "unanswered": np.zeros(rows, int),
        "notice_seen_seq": np.full(rows, -1),
        "ok": np.ones(rows, bool),
        "exit_code": np.zeros(rows, int),
        "output_bytes": rng.integers(0, 4_000, rows),
        "truncated": np.zeros(rows, bool),
        "timed_out": np.zeros(rows, bool),
        "virtual_s": step * 30.0,
        "duration_s": rng.random(rows).round(3),
    }
    return _frame(_repeated(_key(numbers), at) | own, STEPS, rows)


def _repeated(columns: Columns, at: Any) -> Columns:
    return {name: values[at] for name, values in columns.items()}


def _texts(prefix: str, numbers: Any) -> Any:
    return np.array([f"{prefix}{number}" for number in numbers.tolist()], dtype=object)


def _known(values: Any, told: Any) -> Any:
    """The values where they are told."""
    return pd.Series(values, dtype="Int64").mask(~told)


def _tri(truth: Any) -> Any:
    return np.where(truth, "true", "false")


def _taken(values: list[Any], at: Any) -> Any:
    return np.fromiter(values, dtype=object, count=len(values))[at]


def _frame(columns: Columns, wanted: tuple[Column, ...], rows: int) -> pd.DataFrame:
    """With every column that is wanted; those that are not given are missing."""
    return pd.DataFrame({one.name: _series(columns.get(one.name), one, rows) for one in wanted})


def _series(values: Any, column: Column, rows: int) -> "pd.Series[Any]":
    found: pd.Series[Any] = pd.Series([None] * rows if values is None else values, dtype=column.dtype)
    return found
