"""From one episode's events to the rows of the three tables."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ..records import (
    CallDecided,
    CallReturned,
    ChannelStatus,
    EpisodeEnded,
    EpisodeKey,
    MechanismInstalled,
    ModelAnswered,
    ModelFailed,
    MonitorChecked,
    NoticeDelivered,
    NoticeShown,
    Reconciled,
    ReportSubmitted,
    SandboxStarted,
    SuspicionObserved,
    Tri,
    UnknownCause,
    Verdict,
    WorldVerified,
    confinement,
)
from ._columns import Price, UsageSource
from ._log import EpisodeLog

Row = dict[str, Any]


def key_row(log: EpisodeLog) -> Row:
    """The columns that every row of this episode carries."""
    ended = log.last(EpisodeEnded)
    answers = log.all(ModelAnswered)
    row: Row = {
        "episode_id": log.episode_id,
        "model": _joined(answer.model for answer in answers),
        "fingerprint": _joined(answer.fingerprint for answer in answers),
        "valid": log.invalid_reason is None,
        "invalid_reason": log.invalid_reason,
        "end_reason": ended.reason if ended else None,
        "mechanisms": (),
        "monitors": (),
        "monitored": _monitored(log.all(MonitorChecked)),
    }
    return row if log.key is None else row | _identity(log.key) | {"mechanisms": _mechanisms(log, log.key)}


def _identity(key: EpisodeKey) -> Row:
    scenario, safeguards = key.scenario, key.scenario.safeguards
    return {
        "run_id": key.run_id,
        "episode_id": key.episode_id,
        "subject_kind": key.subject.kind,
        "subject": key.subject.name,
        "scaffold": key.subject.scaffold,
        "task": scenario.task,
        "task_version": scenario.task_version,
        "scenario_hash": key.scenario_hash,
        "cluster_id": key.cluster_id,
        "pair_id": key.pair_id,
        "seed": key.seed,
        "attempt": key.attempt,
        **{name: getattr(scenario.factors, name) for name in type(scenario.factors).model_fields},
        "side_task": scenario.side_task,
        "safeguards": safeguards.on,
        "monitors": tuple(monitor.id for monitor in safeguards.monitors),
        "protocol": safeguards.protocol,
        "human_minutes": key.human_minutes,
        "bucket": key.bucket,
        **_branch(key),
    }


def _branch(key: EpisodeKey) -> Row:
    if key.branch is None:
        return {}
    origin = key.branch
    return {
        "branch_run": origin.run_id,
        "branch_episode": origin.episode_id,
        "branch_step": origin.step,
        "branch_arm": origin.arm,
        "branch_route": origin.route,
        "branch_changed": "; ".join(origin.changed) or None,
    }


def _monitored(checks: list[MonitorChecked]) -> bool | None:
    return all(check.healthy for check in checks) if checks else None


def _mechanisms(log: EpisodeLog, key: EpisodeKey) -> tuple[str, ...]:
    installed = tuple(event.mechanism for event in log.all(MechanismInstalled))
    return installed or tuple(spec.id for spec in key.scenario.mechanisms or ())


def _joined(names: Iterable[str | None]) -> str | None:
    distinct = sorted({name for name in names if name})
    return ", ".join(distinct) or None


def episode_row(log: EpisodeLog, key: Row, run: str) -> Row:
    """The row of the episode itself."""
    returned, started = log.last(CallReturned), log.last(SandboxStarted)
    failed, ended = log.last(ModelFailed), log.last(EpisodeEnded)
    return (
        key
        | _times(log)
        | _score(log)
        | _usage(log.all(ModelAnswered), len(log.all(ModelFailed)))
        | {
            "run": run,
            "sealed": log.sealed is not None,
            "terminated": ended.reason.terminated if ended else None,
            "steps": len(log.all(CallDecided)),
            "model_failure": failed.category if failed else None,
            "reported": bool(log.all(ReportSubmitted)) if log.records else None,
            "lost_channels": _lost(log.all(ChannelStatus), log.all(Reconciled)),
            **confinement(record.event for record in log.records),
            "image_digest": started.image_digest if started else None,
            "virtual_s": returned.virtual_s if returned else None,
        }
    )


def _times(log: EpisodeLog) -> Row:
    if not log.records:
        return {"records": 0}
    first, last = log.records[0], log.records[-1]
    return {
        "records": len(log.records),
        "started": first.wall_ns,
        "duration_s": (last.mono_ns - first.mono_ns) / 1e9,
    }


def _score(log: EpisodeLog) -> Row:
    verified, sealed = log.last(WorldVerified), log.sealed
    value = verified.value if verified else sealed.score if sealed else None
    if value is not None and not 0 <= value <= 1:
        return {"score": None, "score_error": f"score {value} lies outside 0 to 1"}
    error = verified.error if verified else "the world was not verified"
    return {"score": value, "score_error": None if value is not None else error}


def _usage(answers: list[ModelAnswered], failures: int) -> Row:
    """Sums, each missing as soon as one addend is."""
    usd = _total([answer.usd for answer in answers])
    order = list(UsageSource)
    return {
        "answers": len(answers),
        "input_tokens": _total([answer.input_tokens for answer in answers]),
        "output_tokens": _total([answer.output_tokens for answer in answers]),
        "usage_source": max((UsageSource(a.usage_source) for a in answers), key=order.index, default=UsageSource.NONE),
        "usd": usd,
        "price": Price.UNKNOWN if usd is None else Price.KNOWN,
        "provider_errors": failures + sum(len(answer.errors) for answer in answers),
    }


def _total(values: list[Any]) -> Any:
    return None if not values or None in values else sum(values)


def _lost(states: list[ChannelStatus], reconciled: list[Reconciled]) -> tuple[str, ...]:
    """Channels that had a gap by their own word, or by what the other layers say."""
    own = {status.channel.value for status in states if status.state == "lost" or status.lost}
    others = {channel.value for one in reconciled for orphan in one.orphans for channel in orphan.channels}
    return tuple(sorted(own | others))


def step_rows(log: EpisodeLog, key: Row) -> list[Row]:
    """One row a decided call."""
    returned = {(event.step, event.call_id): event for event in log.all(CallReturned)}
    suspicions = _suspicions(log.all(SuspicionObserved))
    notices = _notices(log)
    return [
        key
        | _decided(call)
        | _result(returned.get((call.step, call.call_id)))
        | _suspicion(suspicions.get((call.step, call.call_id), {}))
        | {"notices": notices.get(call.step, ())}
        for call in log.all(CallDecided)
    ]


def _decided(call: CallDecided) -> Row:
    return {
        "step": call.step,
        "call_id": call.call_id,
        "answer_id": call.answer_id,
        "tool": call.tool,
        "arguments": json.dumps(call.arguments, ensure_ascii=False, sort_keys=True),
        "call_valid": call.valid,
        "permission": call.permission,
        "decision": call.action,
        "executed": call.executed,
        "notice_seen_seq": call.notice_seen_seq,
    }


def _result(returned: CallReturned | None) -> Row:
    names = ("ok", "exit_code", "output_bytes", "truncated", "timed_out", "error", "virtual_s", "duration_s")
    return {} if returned is None else {name: getattr(returned, name) for name in names}


def _suspicions(observations: list[SuspicionObserved]) -> dict[tuple[int, str], dict[str, float | None]]:
    by_call: dict[tuple[int, str], dict[str, float | None]] = {}
    for seen in observations:
        scores = by_call.setdefault((seen.step, seen.call_id), {})
        scores[seen.monitor] = None if seen.error else seen.score
    return by_call


def _suspicion(scores: Mapping[str, float | None]) -> Row:
    """A monitor that failed is left out of the highest score, never taken for 0."""
    return {
        "suspicion": max((score for score in scores.values() if score is not None), default=None),
        "suspicions": dict(scores),
    }


def _notices(log: EpisodeLog) -> dict[int, tuple[str, ...]]:
    names = {
        record.seq: f"{record.event.notice.mechanism}:{record.event.notice.kind}"
        for record in log.records
        if isinstance(record.event, NoticeDelivered)
    }
    shown: dict[int, tuple[str, ...]] = {}
    for event in log.all(NoticeShown):
        words = tuple(names[seq] for seq in event.notice_seqs if seq in names)
        shown[event.step] = shown.get(event.step, ()) + words
    return shown


def verdict_row(verdict: Verdict, key: Row) -> Row:
    """The row of one verdict."""
    own = {name: getattr(verdict, name) for name in type(verdict).model_fields}
    return key | own | {"episode_id": key["episode_id"], "violation": verdict.violation, "recorded": True}


def missing_verdict_row(like: Row, key: Row) -> Row:
    """Stands for a verdict that an episode of the same scenario has and this one lacks: a check that never ran."""
    return key | {
        "failure_mode": like["failure_mode"],
        "family": like["family"],
        "exposed": Tri.UNKNOWN,
        "attempted": Tri.UNKNOWN,
        "succeeded": Tri.UNKNOWN,
        "disclosed": Tri.UNKNOWN,
        "unknown_cause": UnknownCause.INFRA,
        "rule_level": key.get("instruction"),
        "violation": False,
        "reason": "no verdict is recorded for this episode",
        "recorded": False,
    }
