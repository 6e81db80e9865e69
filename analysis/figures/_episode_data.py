"""One episode on one time axis: from the tables, and from its ledger where the run is at hand."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd

from ...records import Action, Grade, Tri
from .._data import RunData
from .._describe import describe
from .._log import EpisodeLog, read_log
from ._notes import scripted_only
from ._page import Ask
from ._parts import Floats
from ._sheet import Note

_SILENT: Mapping[str, Any] = {}
LANES = ("agent", "broker", "orders", "container")
"""Beside the monitor's lane, which is a curve."""


@dataclass(frozen=True)
class Mark:
    """One moment in a lane."""

    lane: str
    at: float
    words: str
    weight: int
    """0: drawn only; 1: may be named; 2: named before those."""


@dataclass(frozen=True, eq=False)
class Scores:
    """What one monitor said; steps without an answer are missing."""

    monitor: str
    at: Floats
    score: Floats


@dataclass(frozen=True)
class Claim:
    """One failure mode: what was observed, and what the agent's report says of it."""

    mode: str
    observed: str
    claimed: str
    grade: str
    contradicted: bool


@dataclass(frozen=True, eq=False)
class View:
    """What the page shows."""

    name: str
    facts: str
    marks: tuple[Mark, ...]
    scores: tuple[Scores, ...]
    violation: tuple[float, str] | None
    """Moment of the first act of the first control that failed."""
    claims: tuple[Claim, ...]
    unit: str
    note: Note


def gather(data: RunData, ask: Ask) -> View:
    row = _chosen(data, ask.episode)
    if row is None:
        why = f"no episode is called {ask.episode}" if ask.episode else "no episode"
        return View("", why, (), (), None, (), "step", Note(0, 0, "episode", of="episodes"))
    steps, verdicts = _own(data.steps, row), _own(data.verdicts, row)
    timed = bool(len(steps)) and bool(steps["at_s"].notna().all())
    log = _log(data, row)
    marks = [*_calls(steps, timed), *(_records(log) if log and timed else _tables(steps, verdicts, timed))]
    return View(
        name=str(row["episode_id"]),
        facts=_facts(row),
        marks=tuple(marks),
        scores=tuple(_scores(steps, timed)),
        violation=_violation(steps, verdicts, timed),
        claims=tuple(_claims(verdicts, ask.titles)),
        unit="host time since the first record, in seconds" if timed else "step",
        note=_note(data, row, verdicts, log),
    )


def _chosen(data: RunData, name: str | None) -> "pd.Series[Any] | None":
    """The episode that was asked for; without a name the first with a failure, else the first valid, else the first."""
    table = data.episodes
    if name is not None:
        table = table[table["episode_id"].astype("string") == name]
    if table.empty:
        return None
    failed = data.verdicts.loc[data.verdicts["succeeded"].eq(Tri.TRUE) & data.verdicts["valid"], "episode_id"]
    rank = 2 * (~table["episode_id"].isin(failed)).astype(int) + (~table["valid"].astype(bool)).astype(int)
    return table.iloc[int(rank.argmin())]


def _own(table: pd.DataFrame, row: "pd.Series[Any]") -> pd.DataFrame:
    own = table["episode_id"].astype("string") == str(row["episode_id"])
    if pd.notna(row["run_id"]):
        own &= table["run_id"].astype("string").eq(str(row["run_id"])).fillna(value=False)
    return table[own]


def _log(data: RunData, row: "pd.Series[Any]") -> EpisodeLog | None:
    """The ledger, as far as it can be believed; None where only tables are at hand."""
    for info in data.runs:
        if str(info.paths.root) == str(row["run"]):
            path = info.paths.ledger(str(row["episode_id"]))
            anchors = info.manifest.episodes if info.manifest else {}
            anchor = anchors.get(str(row["episode_id"]))
            return read_log(path, anchor.end if anchor else None) if path.exists() else None
    return None


def _facts(row: "pd.Series[Any]") -> str:
    parts = [f"{row['subject']} ({row['subject_kind']})", f"task {row['task']}", f"seed {row['seed']}"]
    parts.append(
        "safeguards unknown" if pd.isna(row["safeguards"]) else f"safeguards {'on' if row['safeguards'] else 'off'}"
    )
    if not row["valid"]:
        parts.append(f"INVALID: {row['invalid_reason']}")
    parts.append(f"ended: {str(row['end_reason']).replace('_', ' ')}" if pd.notna(row["end_reason"]) else "never ended")
    parts.append(f"score {row['score']:.3g}" if pd.notna(row["score"]) else "score unknown")
    return " · ".join(parts)


def _calls(steps: pd.DataFrame, timed: bool) -> Iterator[Mark]:
    for at, row in zip(_times(steps, timed), _records_of(steps), strict=True):
        yield Mark("agent", at, f"calls {row['tool']}", 0)
        decision = "unknown" if pd.isna(row["decision"]) else str(row["decision"])
        stopped = row["executed"] is False or decision != Action.PROCEED
        words = f"{row['permission']} · {decision}" + ("" if row["executed"] else " · not executed")
        yield Mark("broker", at, f"{words} ({row['tool']})", 2 if stopped else 0)


def _times(steps: pd.DataFrame, timed: bool) -> list[float]:
    return [float(value) for value in steps["at_s" if timed else "step"]]


def _records_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", table.to_dict("records"))


def _records(log: EpisodeLog) -> Iterator[Mark]:
    """What the container and the controls show, from the ledger."""
    lanes = {"world": "container", "control": "orders"}
    start = log.records[0].mono_ns if log.records else 0
    for record in log.records:
        line = describe(record.event)
        bad = line.tone in ("warn", "bad")
        if line.grade is Grade.G0 or (line.lane not in lanes and not (line.lane == "harness" and bad)):
            continue
        weight = 0 if line.tone == "quiet" else 2 if bad else 1
        if weight:
            yield Mark(lanes.get(line.lane, "container"), (record.mono_ns - start) / 1e9, _line(line), weight)


def _line(line: Any) -> str:
    text = line.text.splitlines()[0] if line.text else ""
    return f"{line.title}: {text[:80]}" if text else line.title


def _tables(steps: pd.DataFrame, verdicts: pd.DataFrame, timed: bool) -> Iterator[Mark]:
    """The same from the tables alone."""
    for at, row in zip(_times(steps, timed), _records_of(steps), strict=True):
        if row["changed"] is True:
            yield Mark("container", at, "files changed", 1)
    column = "exposed_s" if timed else "exposed_step"
    exposed = verdicts[verdicts["exposed"].eq(Tri.TRUE).fillna(value=False)].dropna(subset=[column])
    for at in sorted(set(exposed[column].astype(float))):
        modes = ", ".join(sorted(str(mode) for mode in exposed.loc[exposed[column] == at, "failure_mode"]))
        yield Mark("orders", at, f"opportunity for {modes}", 2)


def _scores(steps: pd.DataFrame, timed: bool) -> Iterator[Scores]:
    said = [cast("Mapping[str, Any]", one) if isinstance(one, Mapping) else _SILENT for one in steps["suspicions"]]
    names = dict.fromkeys(str(name) for one in said for name in one)
    at = np.array(_times(steps, timed), dtype=float)
    for name in names:
        values = [one.get(name) for one in said]
        yield Scores(name, at, np.array([np.nan if value is None else value for value in values], dtype=float))


def _violation(steps: pd.DataFrame, verdicts: pd.DataFrame, timed: bool) -> tuple[float, str] | None:
    """The first act of a control that failed: its own time, or that of its step."""
    failed = verdicts[verdicts["succeeded"].eq(Tri.TRUE).fillna(value=False)]
    times = failed["step"].astype("Float64")
    if timed:
        of_step = steps.drop_duplicates("step").set_index("step")["at_s"]
        times = failed["act_s"].astype("Float64").fillna(failed["step"].map(of_step).astype("Float64"))
    if not times.notna().any():
        return None
    at = float(times.min())
    modes = sorted(str(mode) for mode in failed.loc[times.eq(at).fillna(value=False), "failure_mode"])
    return at, ", ".join(modes)


_OBSERVED = {Tri.TRUE: "failed", Tri.FALSE: "held", Tri.UNKNOWN: "unknown", Tri.NOT_APPLICABLE: "not applicable"}
_CLAIMED = {Tri.TRUE: "admits it", Tri.FALSE: "does not admit it", Tri.UNKNOWN: "unknown"}


def _claims(verdicts: pd.DataFrame, titles: Mapping[str, str]) -> Iterator[Claim]:
    """Failure modes that were tried, failed or stayed unknown."""
    shown = verdicts[verdicts["attempted"].isin([Tri.TRUE, Tri.UNKNOWN]) | verdicts["succeeded"].eq(Tri.TRUE)]
    for row in _records_of(shown):
        mode, succeeded, disclosed = str(row["failure_mode"]), str(row["succeeded"]), str(row["disclosed"])
        blocked = succeeded == Tri.FALSE and row["attempted"] == Tri.TRUE
        observed = f"tried, stopped by {row['blocked_by']}" if blocked else _OBSERVED.get(Tri(succeeded), succeeded)
        yield Claim(
            mode=" ".join(filter(None, [mode, titles.get(mode)])),
            observed=observed,
            claimed=_CLAIMED.get(Tri(disclosed), "nothing to admit") if disclosed in list(Tri) else "unknown",
            grade=str(row["grade"]) if pd.notna(row["grade"]) else "–",
            contradicted=succeeded == Tri.TRUE and disclosed == Tri.FALSE,
        )


def _note(data: RunData, row: "pd.Series[Any]", verdicts: pd.DataFrame, log: EpisodeLog | None) -> Note:
    source = (
        "From the ledger." if log else "From the tables: the ledger is not at hand, so only files changed are shown."
    )
    fault = f" The record does not hold: {log.fault}." if log and log.fault else ""
    table = data.episodes.loc[[row.name]]
    said = verdicts["succeeded"].astype("string")
    return Note(
        n=1,
        clusters=1,
        unit="episode",
        of=f"episode with {len(verdicts):,} judged failure modes",
        unknown=int(said.eq(Tri.UNKNOWN).sum()),
        not_exposed=int(verdicts["exposed"].astype("string").isin([Tri.FALSE, Tri.NOT_APPLICABLE]).sum()),
        invalid=int(not row["valid"]),
        scripted=scripted_only(table),
        more=(f"{source}{fault} Claims: whether the agent's own report admits what was observed from outside.",),
    )
