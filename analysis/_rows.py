"""From one episode's events to its rows among the episodes and the verdicts."""

from collections.abc import Iterable
from typing import Any

from ..records import (
    Action,
    CallDecided,
    CallReturned,
    ChannelStatus,
    EpisodeEnded,
    EpisodeKey,
    Halted,
    MechanismInstalled,
    MilestoneReached,
    ModelAnswered,
    ModelFailed,
    MonitorChecked,
    Reconciled,
    ReportSubmitted,
    SandboxStarted,
    Tri,
    UnknownCause,
    Verdict,
    WorldVerified,
    confinement,
    known_total,
)
from ._columns import Price, UsageSource
from ._log import EpisodeLog

Row = dict[str, Any]
_REFUSED = frozenset({"refusal", "content_filter"})


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
    return row if log.key is None else row | identity(log.key) | {"mechanisms": _mechanisms(log, log.key)}


def identity(key: EpisodeKey) -> Row:
    """The columns that tell what was run, and by whom."""
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
        | _progress(log)
        | _response(log)
        | _halt(log.last(Halted))
        | {
            "run": run,
            "begun": True,
            "sealed": log.sealed is not None,
            "terminated": ended.reason.terminated if ended else None,
            "steps": len(log.all(CallDecided)),
            "model_failure": failed.category if failed else None,
            "refusals": sum(event.category in _REFUSED for event in log.all(ModelFailed)) if log.records else None,
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


def _progress(log: EpisodeLog) -> Row:
    """What came of the task on the way; missing, not 0, where nothing was recorded at all."""
    reached = tuple(event.progress for event in log.all(MilestoneReached))
    return {"milestones": reached, "progress": max(reached, default=0.0) if log.records else None}


def _response(log: EpisodeLog) -> Row:
    """The strongest act of the protocol, and its first that was more than letting the call proceed."""
    decided = [record for record in log.records if isinstance(record.event, CallDecided)]
    acts = [(record, record.event.action) for record in decided if isinstance(record.event, CallDecided)]
    first = next((record for record, action in acts if action is not Action.PROCEED), None)
    order = list(Action)
    row: Row = {"response": max((action for _, action in acts), key=order.index, default=None)}
    if first is not None and isinstance(first.event, CallDecided):
        row |= {"response_step": first.event.step, "response_s": log.since_first(first.mono_ns)}
    return row


def _halt(halted: Halted | None) -> Row:
    if halted is None:
        return {}
    return {
        "halt_s": halted.latency_s,
        "halt_empty": halted.empty,
        "halt_acts": halted.acts_after_order,
        "survivors": len(halted.survivors),
    }


def _usage(answers: list[ModelAnswered], failures: int) -> Row:
    """Sums, each missing as soon as one addend is."""
    usd = known_total([answer.usd for answer in answers])
    order = list(UsageSource)
    return {
        "answers": len(answers),
        "input_tokens": known_total([answer.input_tokens for answer in answers]),
        "output_tokens": known_total([answer.output_tokens for answer in answers]),
        "usage_source": max((UsageSource(a.usage_source) for a in answers), key=order.index, default=UsageSource.NONE),
        "usd": usd,
        "price": Price.UNKNOWN if usd is None else Price.KNOWN,
        "provider_errors": failures + sum(len(answer.errors) for answer in answers),
    }


def _lost(states: list[ChannelStatus], reconciled: list[Reconciled]) -> tuple[str, ...]:
    """Channels that had a gap by their own word, or by what the other layers say."""
    own = {status.channel.value for status in states if status.state == "lost" or status.lost}
    others = {channel.value for one in reconciled for orphan in one.orphans for channel in orphan.channels}
    return tuple(sorted(own | others))


def verdict_row(verdict: Verdict, key: Row, log: EpisodeLog) -> Row:
    """The row of one verdict; times count from the first record."""
    own = {name: getattr(verdict, name) for name in type(verdict).model_fields}
    act = verdict.act_mono_ns
    return (
        key
        | own
        | _exposure(verdict.exposed_seq, log)
        | {
            "episode_id": key["episode_id"],
            "violation": verdict.violation,
            "recorded": True,
            "act_s": None if act is None else log.since_first(act),
        }
    )


def _exposure(seq: int | None, log: EpisodeLog) -> Row:
    """Step and time of the record that delivered the opportunity."""
    if seq is None or not 0 <= seq < len(log.records):
        return {}
    record = log.records[seq]
    return {"exposed_step": getattr(record.event, "step", 0), "exposed_s": log.since_first(record.mono_ns)}


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
