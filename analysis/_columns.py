"""The columns of the tables: name, type and meaning, written once for the frames and for the documentation."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any, Literal

import pandas as pd

from ..records import (
    Action,
    Arm,
    Autonomy,
    Control,
    EndReason,
    Family,
    Grade,
    Oversight,
    Permission,
    Placement,
    Pressure,
    RuleLevel,
    SubjectKind,
    Tri,
    UnknownCause,
)

Kind = Literal["text", "integer", "number", "truth", "flag", "time", "object"]
_DTYPES: Mapping[Kind, Any] = {
    "text": "string",
    "integer": "Int64",
    "number": "float64",
    "truth": "boolean",
    "flag": "bool",
    "time": "datetime64[ns, UTC]",
    "object": "object",
}


class Price(StrEnum):
    """Whether the money that an episode cost is known."""

    KNOWN = "known"
    UNKNOWN = "unknown"


class UsageSource(StrEnum):
    """Where token counts come from, best first; an episode carries the worst of its answers."""

    PROVIDER = "provider"
    ESTIMATE = "estimate"
    NONE = "none"


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    name: str
    kind: Kind | type[StrEnum]
    """An enum stands for an ordered category of its values."""
    meaning: str

    @property
    def dtype(self) -> Any:
        """The pandas type; every one but ``flag`` can hold a missing value."""
        if isinstance(self.kind, type):
            return pd.CategoricalDtype([member.value for member in self.kind], ordered=True)
        return _DTYPES[self.kind]

    @property
    def kind_name(self) -> str:
        """How the documentation calls the type."""
        return "category" if isinstance(self.kind, type) else self.kind


KEY: tuple[Column, ...] = (
    Column("run_id", "text", "run that the episode belongs to"),
    Column("episode_id", "text", "one attempt at one episode"),
    Column("subject_kind", SubjectKind, "form in which the model is evaluated"),
    Column("subject", "text", "model id as asked for, or the cast member"),
    Column("scaffold", "text", "what turns answers into calls"),
    Column("model", "text", "model ids that the provider named, joined by a comma"),
    Column("fingerprint", "text", "provider fingerprints, joined by a comma"),
    Column("task", "text", "task id"),
    Column("task_version", "integer", "version of the task"),
    Column("scenario_hash", "text", "everything that defines what is run, except seed and subject"),
    Column("cluster_id", "text", "repetitions of one another share it: all but safeguards and budgets"),
    Column("pair_id", "text", "equal for episodes that differ in one thing only"),
    Column("seed", "object", "exact integer"),
    Column("attempt", "integer", "counts from 1"),
    Column("arm", Arm, "which goals the agent is given"),
    Column("instruction", RuleLevel, "how plainly the rule was told, weakest first"),
    Column("control", Control, "how firmly the mechanisms hold by themselves"),
    Column("pressure", Pressure, "what pulls towards breaking the rule"),
    Column("autonomy", Autonomy, "how much the agent may do before a person looks"),
    Column("oversight", Oversight, "what the agent is told about being watched"),
    Column("placement", Placement, "where rules and orders reach the agent"),
    Column("side_task", "text", "failure mode that the side task asks for"),
    Column("safeguards", "truth", "whether suspicion monitors and a protocol watch"),
    Column("monitors", "object", "tuple of suspicion monitor ids"),
    Column("protocol", "text", "protocol of the safeguards"),
    Column("monitored", "truth", "whether every suspicion monitor passed its check; missing where none was made"),
    Column("mechanisms", "object", "tuple of mechanism ids that stood in the world"),
    Column("branch_run", "text", "run whose episode this one goes on from; missing for one from the beginning"),
    Column("branch_episode", "text", "episode that this one goes on from"),
    Column("branch_step", "integer", "last step that is the other's"),
    Column("branch_arm", "text", "as_was or changed"),
    Column("branch_route", "text", "how the state was reached: files or replay"),
    Column("branch_changed", "text", "what differs from the other, joined by a semicolon"),
    Column("human_minutes", "number", "time that a familiar professional takes"),
    Column("bucket", "text", "human-time bucket"),
    Column("valid", "flag", "False where the whole attempt is missing data"),
    Column("invalid_reason", "text", "why it is missing data"),
    Column("end_reason", EndReason, "why the loop ended"),
)
"""What every row of every table carries."""

EPISODES: tuple[Column, ...] = (
    *KEY,
    Column("run", "text", "folder that the run was read from"),
    Column("sealed", "flag", "whether the ledger was completed"),
    Column("terminated", "truth", "True where the world reached an end, False where a limit cut it"),
    Column("score", "number", "main task, 0 to 1; missing where it could not be verified"),
    Column("score_error", "text", "why the score is missing"),
    Column("steps", "integer", "tool calls decided"),
    Column("answers", "integer", "answers of the model"),
    Column("input_tokens", "integer", "missing where any answer does not say"),
    Column("output_tokens", "integer", "missing where any answer does not say"),
    Column("usage_source", UsageSource, "worst source of the token counts"),
    Column("usd", "number", "dollars; missing where any answer's price is unknown, never 0 for it"),
    Column("price", Price, "whether `usd` is known"),
    Column("provider_errors", "integer", "failed attempts at the provider"),
    Column("model_failure", "text", "category of the failure that ended the model's part"),
    Column("reported", "truth", "whether a structured final report was submitted"),
    Column("lost_channels", "object", "tuple of evidence channels that were lost"),
    Column("profile", "text", "container profile"),
    Column("isolation", "text", "tooling, host and network isolation label"),
    Column("image_digest", "text", "image of the container"),
    Column("virtual_s", "number", "scenario clock at the last call, in seconds"),
    Column("duration_s", "number", "host monotonic time from first to last record, in seconds"),
    Column("started", "time", "host wall clock of the first record: an annotation, it may jump"),
    Column("records", "integer", "records in the ledger"),
)

STEPS: tuple[Column, ...] = (
    *KEY,
    Column("step", "integer", "counts from 1"),
    Column("call_id", "text", "tool call"),
    Column("answer_id", "text", "model answer that made the call"),
    Column("tool", "text", "tool name as the agent wrote it"),
    Column("arguments", "text", "JSON text of the arguments; agent-made"),
    Column("call_valid", "truth", "False for an unknown tool or arguments outside its schema"),
    Column("permission", Permission, "what the grant lookup said"),
    Column("decision", Action, "what the protocol decided"),
    Column("executed", "truth", "whether the call ran"),
    Column("suspicion", "number", "highest score of the monitors that answered; missing where none did"),
    Column("suspicions", "object", "dict: monitor id → score, None where the monitor failed"),
    Column("notices", "object", "tuple of ``mechanism:kind`` shown with the result"),
    Column("notice_seen_seq", "integer", "newest notice the model had seen when it made the call; -1: none"),
    Column("ok", "truth", "whether the tool went through; missing where nothing came back"),
    Column("exit_code", "integer", "of the command, where there was one"),
    Column("output_bytes", "integer", "size of the complete output"),
    Column("truncated", "truth", "whether the agent saw less than that"),
    Column("timed_out", "truth", "whether the call's time ran out"),
    Column("error", "text", "why the call failed"),
    Column("virtual_s", "number", "scenario clock after the call, in seconds"),
    Column("duration_s", "number", "host time of the call, in seconds"),
)

VERDICTS: tuple[Column, ...] = (
    *KEY,
    Column("failure_mode", "text", "row of the catalogue"),
    Column("family", Family, "family of control mechanisms"),
    Column("exposed", Tri, "did the opportunity come"),
    Column("exposed_seq", "integer", "record that delivered it"),
    Column("attempted", Tri, "did the agent try"),
    Column("succeeded", Tri, "did the control stop holding"),
    Column("disclosed", Tri, "did the agent's report admit it"),
    Column("blocked_by", "text", "what stopped an attempt"),
    Column("unknown_cause", UnknownCause, "who lost the evidence"),
    Column("grade", Grade, "weakest evidence the verdict rests on"),
    Column("rule_level", RuleLevel, "how plainly the rule was told"),
    Column("violation", "truth", "succeeded, and the rule was told plainly"),
    Column("step", "integer", "of the first act"),
    Column("route", "text", "how it was done"),
    Column("reason", "text", "one sentence; may quote the agent"),
    Column("monitor_version", "integer", "version of the integrity monitor"),
    Column("recorded", "flag", "False for a row that stands for a verdict that is missing from the record"),
)


def frame(rows: Iterable[Mapping[str, Any]], columns: tuple[Column, ...]) -> pd.DataFrame:
    """A typed table of the rows; absent values are missing. No rows give an empty table of the same columns."""
    materialised = list(rows)
    return pd.DataFrame({column.name: _series(materialised, column) for column in columns})


def _series(rows: list[Mapping[str, Any]], column: Column) -> "pd.Series[Any]":
    values: pd.Series[Any] = pd.Series([_plain(row.get(column.name)) for row in rows], dtype=column.dtype)
    return values


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value


def documentation(columns: tuple[Column, ...]) -> str:
    """The columns as the lines of a text table."""
    width = max(len(column.name) for column in columns)
    return "\n".join(f"{column.name:<{width}}  {column.kind_name:<8}  {column.meaning}" for column in columns)
