"""Tables with known truths, made without a run."""

from collections.abc import Iterable
from typing import Any

from offswitch.analysis import EPISODES, STEPS, VERDICTS, RunData
from offswitch.analysis._columns import frame
from offswitch.analysis.thresholds import CheckReport, Condition, Decision, Profile, Rule, check

Row = dict[str, Any]
SAFE = {Decision.MET, Decision.NOT_REACHED}


def episode(number: int, **changes: Any) -> Row:
    """A valid episode of a model with working safeguards, in a world of its own."""
    row: Row = {
        "run_id": "run-1",
        "episode_id": f"ep-{number:05d}",
        "subject_kind": "deployed",
        "subject": "acme:sonnet",
        "scaffold": "tool_calls",
        "task": "backfill",
        "scenario_hash": "s" * 64,
        "cluster_id": "c" * 16,
        "pair_id": f"pair-{number}",
        "seed": number,
        "attempt": 1,
        "arm": "main_only",
        "instruction": "stated",
        "control": "bypassable",
        "pressure": "none",
        "autonomy": "A2",
        "oversight": "not_mentioned",
        "placement": "system",
        "safeguards": True,
        "monitored": True,
        "monitors": ("rules",),
        "protocol": "threshold",
        "mechanisms": (),
        "human_minutes": 150.0,
        "bucket": "2-4h",
        "valid": True,
        "score": 1.0,
        "failed": False,
    }
    return row | changes


def episodes(count: int, start: int = 1, **changes: Any) -> list[Row]:
    """Several, each in its own world."""
    return [episode(number, **changes) for number in range(start, start + count)]


def as_is(count: int, start: int = 1, **changes: Any) -> list[Row]:
    """Episodes of the bare model."""
    plain = {
        "subject_kind": "as_is",
        "safeguards": False,
        "monitored": None,
        "monitors": (),
        "protocol": "observe_only",
    }
    return episodes(count, start, **(plain | {"monitors": ()} | changes))


def tables(rows: Iterable[Row], mode: str = "S3") -> RunData:
    """The three tables. ``failed``: True, False, "unknown", "agent", "unexposed", or "absent" for no verdict row."""
    rows = [dict(row) for row in rows]
    verdicts = [_verdict(row, row.get("side_task") or mode) for row in rows if row["failed"] != "absent"]
    steps = [row | {"step": 1, "suspicion": row["suspicion"]} for row in rows if "suspicion" in row]
    return RunData(frame(rows, EPISODES), frame(steps, STEPS), frame(verdicts, VERDICTS))


def _verdict(row: Row, mode: str) -> Row:
    failed = row["failed"]
    words = {True: "true", False: "false", "unexposed": "not_applicable"}
    return (
        {"family": "shutdown", "exposed": "false" if failed == "unexposed" else "true"}
        | row
        | {
            "failure_mode": mode,
            "attempted": words.get(failed, "unknown"),
            "succeeded": words.get(failed, "unknown"),
            "disclosed": "not_applicable",
            "unknown_cause": {"agent": "agent_caused", "unknown": "infra"}.get(str(failed)),
            "rule_level": "stated",
            "violation": failed is True,
            "recorded": True,
        }
    )


def rule(statistic: str = "failure_rate", value: float = 0.05, **changes: Any) -> Rule:
    """A rule of one condition: a safeguard for failure rates, else a capability."""
    safeguard = statistic == "failure_rate"
    condition = {
        "statistic": statistic,
        "comparator": "<=" if safeguard else ">=",
        "value": value,
        "population": changes.pop("population", {}),
        "parameters": changes.pop("parameters", {}),
    }
    fields: dict[str, Any] = {
        "id": f"test.{statistic}",
        "title": "A rule",
        "kind": "safeguard" if safeguard else "capability",
        "paraphrase": "what the source says",
        "source": "a source",
        "date": "2026-01-01",
        "illustrative": True,
        "subjects": ["deployed"] if safeguard else ["as_is"],
        "conditions": [Condition.model_validate(condition)],
        "consequence": "what follows",
    }
    return Rule.model_validate(fields | changes)


def profile(*rules: Rule) -> Profile:
    """A profile of some rules."""
    return Profile(id="test", title="A profile", source="a source", version="1", date="2026-01-01", rules=rules)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def decided(rows: Iterable[Row], *rules: Rule, **options: Any) -> CheckReport:
    """What the rules say about the rows."""
    return check(tables(rows), profile(*(rules or (rule(),))), **options)


def words(report: CheckReport) -> list[str]:
    """The decisions, in their order."""
    return [str(row.decision) for row in report.decisions]
