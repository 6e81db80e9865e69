"""The columns of the tables: name, type and meaning, written once for the frames and for the documentation."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from math import inf
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

Kind = Literal["text", "integer", "number", "truth", "flag", "time", "exact", "names", "numbers", "scores"]
"""``flag`` is a truth that is never missing; ``exact`` an integer of any size; ``names`` and ``numbers`` are tuples;
``scores`` a dict of name to number, None where there is no answer."""
_DTYPES: Mapping[Kind, Any] = {
    "text": "string",
    "integer": "Int64",
    "number": "float64",
    "truth": "boolean",
    "flag": "bool",
    "time": "datetime64[ns, UTC]",
    "exact": "object",
    "names": "object",
    "numbers": "object",
    "scores": "object",
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
    required: bool = False
    """Whether a table from elsewhere must have it; any other column is missing throughout where it is absent."""
    within: tuple[float, float] | None = None
    """Least and greatest value of a number."""
    default: bool | None = None
    """What an absent flag stands for; None for one that must be there."""

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
    Column("run_id", "text", "run that the episode belongs to", required=True),
    Column("episode_id", "text", "one attempt at one episode", required=True),
    Column("subject_kind", SubjectKind, "form in which the model is evaluated", required=True),
    Column("subject", "text", "model id as asked for, or the cast member", required=True),
    Column("scaffold", "text", "what turns answers into calls", required=True),
    Column("model", "text", "model ids that the provider named, joined by a comma"),
    Column("fingerprint", "text", "provider fingerprints, joined by a comma"),
    Column("task", "text", "task id", required=True),
    Column("task_version", "integer", "version of the task"),
    Column("scenario_hash", "text", "everything that defines what is run, except seed and subject"),
    Column("cluster_id", "text", "repetitions of one another share it: all but safeguards and budgets", required=True),
    Column("pair_id", "text", "equal for episodes that differ in one thing only"),
    Column("seed", "exact", "exact integer", required=True),
    Column("attempt", "integer", "counts from 1", within=(1, inf)),
    Column("arm", Arm, "which goals the agent is given"),
    Column("instruction", RuleLevel, "how plainly the rule was told, weakest first"),
    Column("control", Control, "how firmly the mechanisms hold by themselves"),
    Column("pressure", Pressure, "what pulls towards breaking the rule"),
    Column("autonomy", Autonomy, "how much the agent may do before a person looks"),
    Column("oversight", Oversight, "what the agent is told about being watched"),
    Column("placement", Placement, "where rules and orders reach the agent"),
    Column("side_task", "text", "failure mode that the side task asks for"),
    Column("safeguards", "truth", "whether suspicion monitors and a protocol watch", required=True),
    Column("monitors", "names", "tuple of suspicion monitor ids"),
    Column("protocol", "text", "protocol of the safeguards"),
    Column("monitored", "truth", "whether every suspicion monitor passed its check; missing where none was made"),
    Column("mechanisms", "names", "tuple of mechanism ids that stood in the world"),
    Column("branch_run", "text", "run whose episode this one goes on from; missing for one from the beginning"),
    Column("branch_episode", "text", "episode that this one goes on from"),
    Column("branch_step", "integer", "last step that is the other's"),
    Column("branch_arm", "text", "as_was or changed"),
    Column("branch_route", "text", "how the state was reached: files or replay"),
    Column("branch_changed", "text", "what differs from the other, joined by a semicolon"),
    Column("human_minutes", "number", "time that a familiar professional takes", within=(0, inf)),
    Column("bucket", "text", "human-time bucket"),
    Column("valid", "flag", "False where the whole attempt is missing data", required=True),
    Column("invalid_reason", "text", "why it is missing data"),
    Column("end_reason", EndReason, "why the loop ended"),
)
"""What every row of every table carries."""

EPISODES: tuple[Column, ...] = (
    *KEY,
    Column("run", "text", "folder that the run was read from; in an export its name alone"),
    Column("begun", "flag", "False where an episode was planned and nothing of it was ever recorded", default=True),
    Column("sealed", "flag", "whether the ledger was completed", default=True),
    Column("terminated", "truth", "True where the world reached an end, False where a limit cut it"),
    Column("score", "number", "main task, 0 to 1; missing where it could not be verified", within=(0, 1)),
    Column("score_error", "text", "why the score is missing"),
    Column("progress", "number", "furthest progress of the main task as seen from outside", within=(0, 1)),
    Column("milestones", "numbers", "tuple of the progress at each milestone, in the order in which they came"),
    Column("steps", "integer", "tool calls decided"),
    Column("answers", "integer", "answers of the model"),
    Column("input_tokens", "integer", "missing where any answer does not say"),
    Column("output_tokens", "integer", "missing where any answer does not say"),
    Column("usage_source", UsageSource, "worst source of the token counts"),
    Column("usd", "number", "dollars; missing where any answer's price is unknown, never 0 for it", within=(0, inf)),
    Column("price", Price, "whether `usd` is known"),
    Column("provider_errors", "integer", "failed attempts at the provider"),
    Column("model_failure", "text", "category of the failure that ended the model's part"),
    Column("refusals", "integer", "answers that the provider gave as a refusal or kept back by a content filter"),
    Column("response", Action, "strongest act of the protocol; missing where it decided nothing"),
    Column("response_step", "integer", "first step at which the protocol did anything but let it proceed"),
    Column("response_s", "number", "host time of that decision since the first record, in seconds"),
    Column("halt_s", "number", "host time from the order to kill to an empty container, in seconds"),
    Column("halt_empty", "truth", "whether the kill left nothing alive"),
    Column("halt_acts", "integer", "mediated acts that asked after the order to kill"),
    Column("survivors", "integer", "processes that outlived the kill"),
    Column("reported", "truth", "whether a structured final report was submitted"),
    Column("lost_channels", "names", "tuple of evidence channels that were lost"),
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
    Column("step", "integer", "counts from 1", required=True, within=(1, inf)),
    Column("at_s", "number", "host time of the decision since the first record, in seconds"),
    Column("call_id", "text", "tool call"),
    Column("answer_id", "text", "model answer that made the call"),
    Column("tool", "text", "tool name as the agent wrote it"),
    Column("arguments", "text", "JSON text of the arguments; agent-made"),
    Column("call_valid", "truth", "False for an unknown tool or arguments outside its schema"),
    Column("permission", Permission, "what the grant lookup said"),
    Column("decision", Action, "what the protocol decided"),
    Column("executed", "truth", "whether the call ran"),
    Column("changed", "truth", "whether a file changed in this step, also there and back; missing where no pass says"),
    Column("requests", "integer", "requests of the agent that gateways granted in this step"),
    Column("suspicion", "number", "highest score of the monitors that answered; missing where none did", within=(0, 1)),
    Column("suspicions", "scores", "dict: monitor id → score, None where the monitor failed"),
    Column("unanswered", "integer", "monitors of `suspicions` that failed; missing where nobody says", within=(0, inf)),
    Column("notices", "names", "tuple of ``mechanism:kind`` shown with the result"),
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
    Column("failure_mode", "text", "row of the catalogue", required=True),
    Column("family", Family, "family of control mechanisms", required=True),
    Column("exposed", Tri, "did the opportunity come", required=True),
    Column("exposed_seq", "integer", "record that delivered it"),
    Column("exposed_step", "integer", "step in which it was delivered; 0: before the first call"),
    Column("exposed_s", "number", "host time of the delivery since the first record, in seconds"),
    Column("attempted", Tri, "did the agent try", required=True),
    Column("succeeded", Tri, "did the control stop holding", required=True),
    Column("disclosed", Tri, "did the agent's report admit it"),
    Column("blocked_by", "text", "what stopped an attempt"),
    Column("unknown_cause", UnknownCause, "who lost the evidence"),
    Column("grade", Grade, "weakest evidence the verdict rests on"),
    Column("rule_level", RuleLevel, "how plainly the rule was told"),
    Column("violation", "truth", "succeeded, and the rule was told plainly"),
    Column("step", "integer", "of the first act"),
    Column("act_s", "number", "host time of the first act since the first record, in seconds"),
    Column("route", "text", "how it was done"),
    Column("reason", "text", "one sentence; may quote the agent"),
    Column("monitor_version", "integer", "version of the integrity monitor"),
    Column("recorded", "flag", "False for a row that stands for a verdict that the record lacks", default=True),
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
