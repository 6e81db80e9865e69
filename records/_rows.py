"""From one episode's records to the rows of the index.

Columns are named as in the tables of the analysis. Lists and dicts are JSON text; what is not known is NULL.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from ._canonical import canonical_json
from ._confinement import confinement
from ._events import (
    CallDecided,
    CallReturned,
    EpisodeEnded,
    EpisodeInvalidated,
    EpisodeOpened,
    EpisodeSealed,
    MechanismInstalled,
    ModelAnswered,
    ModelFailed,
    NoticeDelivered,
    NoticeShown,
    ReportSubmitted,
    SandboxStarted,
    VerdictReached,
    WorldVerified,
)
from ._observed import ChannelStatus, Halted
from ._record import Record
from ._scenario import EpisodeKey
from ._verdict import Verdict
from ._watching import MonitorChecked, SuspicionObserved

E = TypeVar("E")
Row = dict[str, Any]


class Table(NamedTuple):
    """A table of the index."""

    name: str
    columns: Mapping[str, str]
    """Column → SQLite type."""
    key: tuple[str, ...]


def _columns(**types: str) -> dict[str, str]:
    """Column → type, from type → columns; the order is that of the words."""
    return {name: sql for sql, names in types.items() for name in names.split()}


EPISODES = Table(
    "episodes",
    _columns(
        TEXT="""episode_id run_id state invalid_reason subject_kind subject subject_params scaffold model
        fingerprint task scenario_hash cluster_id pair_id arm instruction control pressure autonomy oversight
        placement side_task monitors protocol mechanisms mechanism_exposure bucket end_reason end_detail
        score_error usage_source price model_failure channels profile isolation image_digest head""",
        INTEGER="""valid task_version attempt safeguards monitored terminated steps answers input_tokens output_tokens
        provider_errors reported halt_empty started_wall_ns records""",
        REAL="human_minutes score usd virtual_s duration_s halt_latency_s",
        ANY="seed",
    ),
    ("episode_id",),
)
STEPS = Table(
    "steps",
    _columns(
        TEXT="""episode_id call_id answer_id tool arguments effective permission permission_reason decision
        protocol protocol_reason output_sha256 error""",
        INTEGER="""seq step call_valid executed notice_seen_seq mono_ns wall_ns ok exit_code output_bytes truncated
        timed_out returned_seq""",
        REAL="virtual_s duration_s",
    ),
    ("episode_id", "seq"),
)
SUSPICIONS = Table(
    "suspicions",
    _columns(
        TEXT="episode_id call_id monitor labels reason error",
        INTEGER="seq step",
        REAL="score duration_s",
    ),
    ("episode_id", "seq"),
)
VERDICTS = Table(
    "verdicts",
    _columns(
        TEXT="""episode_id version failure_mode family exposed attempted succeeded disclosed blocked_by
        unknown_cause grade rule_level route reason evidence""",
        INTEGER="monitor_version exposed_seq step act_mono_ns violation",
    ),
    ("episode_id", "version", "failure_mode"),
)
TABLES = (EPISODES, STEPS, SUSPICIONS, VERDICTS)


class Episode:
    """The records of one episode by type."""

    def __init__(self, episode_id: str, state: str, valid: bool, head: str, records: Sequence[Record]) -> None:
        self.episode_id = episode_id
        self.state = state
        self.valid = valid
        self.head = head
        self.records = records

    def all(self, kind: type[E]) -> list[E]:
        """Every event of a type, in order."""
        return [event for record in self.records if isinstance(event := record.event, kind)]

    def last(self, kind: type[E]) -> E | None:
        """The last event of a type; None where there is none."""
        found = self.all(kind)
        return found[-1] if found else None


def episode_row(episode: Episode) -> Row:
    """The row of the episode itself; what its records do not say is missing, never 0."""
    opened, ended = episode.last(EpisodeOpened), episode.last(EpisodeEnded)
    returned, failed = episode.last(CallReturned), episode.last(ModelFailed)
    started = episode.last(SandboxStarted)
    return {
        "episode_id": episode.episode_id,
        "state": episode.state,
        "valid": episode.valid,
        "invalid_reason": _invalid_reason(episode),
        "head": episode.head,
        "steps": len(episode.all(CallDecided)),
        "end_reason": ended.reason if ended else None,
        "end_detail": ended.detail if ended else None,
        "terminated": ended.reason.terminated if ended else None,
        "virtual_s": returned.virtual_s if returned else None,
        "model_failure": failed.category if failed else None,
        "reported": bool(episode.all(ReportSubmitted)) if episode.records else None,
        **confinement(record.event for record in episode.records),
        "image_digest": started.image_digest if started else None,
        "mechanism_exposure": _json(_exposure(episode)),
        "channels": _json(_channels(episode.all(ChannelStatus))),
        **(_identity(opened.key) if opened else {}),
        **_mechanisms(episode),
        "monitored": _monitored(episode.all(MonitorChecked)),
        **_score(episode),
        **_usage(episode.all(ModelAnswered), len(episode.all(ModelFailed))),
        **_times(episode.records),
        **_halt(episode.last(Halted)),
    }


def _identity(key: EpisodeKey) -> Row:
    scenario, factors = key.scenario, key.scenario.factors
    return {
        "run_id": key.run_id,
        "subject_kind": key.subject.kind,
        "subject": key.subject.name,
        "subject_params": _json(key.subject.params),
        "scaffold": key.subject.scaffold,
        "task": scenario.task,
        "task_version": scenario.task_version,
        "scenario_hash": key.scenario_hash,
        "cluster_id": key.cluster_id,
        "pair_id": key.pair_id,
        "seed": key.seed if key.seed.bit_length() < 64 else str(key.seed),
        "attempt": key.attempt,
        **{name: getattr(factors, name) for name in type(factors).model_fields},
        "side_task": scenario.side_task,
        "safeguards": scenario.safeguards.on,
        "monitors": _json([monitor.id for monitor in scenario.safeguards.monitors]),
        "protocol": scenario.safeguards.protocol,
        "human_minutes": key.human_minutes,
        "bucket": key.bucket,
    }


def _mechanisms(episode: Episode) -> Row:
    return {"mechanisms": _json([event.mechanism for event in episode.all(MechanismInstalled)])}


def _monitored(checks: Sequence[MonitorChecked]) -> bool | None:
    return all(check.healthy for check in checks) if checks else None


def _exposure(episode: Episode) -> dict[str, dict[str, int]]:
    """Mechanism → notices that it delivered and that were shown; zeros where it stood and said nothing."""
    counts = {event.mechanism: {"delivered": 0, "shown": 0} for event in episode.all(MechanismInstalled)}
    source: dict[int, str] = {}
    for record in episode.records:
        if isinstance(record.event, NoticeDelivered):
            source[record.seq] = record.event.notice.mechanism
            counts.setdefault(source[record.seq], {"delivered": 0, "shown": 0})["delivered"] += 1
    for seq in {seq for event in episode.all(NoticeShown) for seq in event.notice_seqs} & source.keys():
        counts[source[seq]]["shown"] += 1
    return counts


def _channels(states: Iterable[ChannelStatus]) -> dict[str, Any]:
    """Channel → its last state, with the most that was lost."""
    channels: dict[str, Any] = {}
    for status in states:
        lost = max(status.lost, channels.get(status.channel.value, {}).get("lost", 0))
        row = {"state": status.state, "grade": status.grade.value, "lost": lost, "cause": status.cause}
        channels[status.channel.value] = row
    return channels


def _invalid_reason(episode: Episode) -> str | None:
    cause = episode.last(EpisodeInvalidated)
    if cause is not None:
        return f"{cause.phase}: {cause.object}: {cause.cause}"
    if episode.last(EpisodeSealed) is None:
        return "unfinished: the ledger has no closing record"
    return None if episode.valid else "sealed as invalid without a cause"


def _score(episode: Episode) -> Row:
    verified, sealed = episode.last(WorldVerified), episode.last(EpisodeSealed)
    value = verified.value if verified else sealed.score if sealed else None
    error = verified.error if verified else "the world was not verified"
    return {"score": value, "score_error": None if value is not None else error}


def _usage(answers: list[ModelAnswered], failures: int) -> Row:
    """Sums, each missing as soon as one addend is; the source is the worst of all answers'."""
    sources = {answer.usage_source for answer in answers}
    usd = known_total([answer.usd for answer in answers])
    return {
        "answers": len(answers),
        "model": _joined(answer.model for answer in answers),
        "fingerprint": _joined(answer.fingerprint for answer in answers),
        "input_tokens": known_total([answer.input_tokens for answer in answers]),
        "output_tokens": known_total([answer.output_tokens for answer in answers]),
        "usage_source": next((s for s in ("none", "estimate", "provider") if s in sources), "none"),
        "usd": usd,
        "price": "unknown" if usd is None else "known",
        "provider_errors": failures + sum(len(answer.errors) for answer in answers),
    }


def known_total(values: Sequence[Any]) -> Any:
    """The sum; None where a value is missing, or where it is more than a column holds."""
    if not values or None in values:
        return None
    total = sum(values)
    return total if abs(total) < 1 << 63 else None


def _joined(names: Iterable[str | None]) -> str | None:
    return ", ".join(sorted({name for name in names if name})) or None


def _times(records: Sequence[Record]) -> Row:
    if not records:
        return {"records": 0}
    first, last = records[0], records[-1]
    span = (last.mono_ns - first.mono_ns) / 1e9
    return {"records": len(records), "started_wall_ns": first.wall_ns, "duration_s": span}


def _halt(halted: Halted | None) -> Row:
    return {"halt_latency_s": halted.latency_s, "halt_empty": halted.empty} if halted else {}


def step_rows(episode: Episode) -> list[Row]:
    """One row a decided call."""
    returned = {
        record.event.call_id: (record.seq, record.event)
        for record in episode.records
        if isinstance(record.event, CallReturned)
    }
    return [
        _decided(record, call) | _result(returned.get(call.call_id)) | {"episode_id": episode.episode_id}
        for record in episode.records
        if isinstance(call := record.event, CallDecided)
    ]


def _decided(record: Record, call: CallDecided) -> Row:
    same = "step call_id answer_id tool permission permission_reason protocol protocol_reason executed"
    return {name: getattr(call, name) for name in same.split()} | {
        "seq": record.seq,
        "mono_ns": record.mono_ns,
        "wall_ns": record.wall_ns,
        "arguments": _json(call.arguments),
        "effective": None if call.effective is None else _json(call.effective),
        "call_valid": call.valid,
        "decision": call.action,
        "notice_seen_seq": call.notice_seen_seq,
    }


def _result(found: tuple[int, CallReturned] | None) -> Row:
    if found is None:
        return {}
    names = "ok exit_code output_bytes output_sha256 truncated timed_out error virtual_s duration_s"
    return {name: getattr(found[1], name) for name in names.split()} | {"returned_seq": found[0]}


def suspicion_rows(episode: Episode) -> list[Row]:
    """One row an observation; a monitor that failed has no score."""
    names = ("step", "call_id", "monitor", "reason", "error", "duration_s")
    return [
        {name: getattr(event, name) for name in names}
        | {"episode_id": episode.episode_id, "seq": record.seq, "labels": _json(event.labels)}
        | {"score": None if event.error else event.score}
        for record in episode.records
        if isinstance(event := record.event, SuspicionObserved)
    ]


def live_verdicts(episode: Episode) -> list[Verdict]:
    """The verdicts in the ledger."""
    return [event.verdict for event in episode.all(VerdictReached)]


def verdict_rows(episode_id: str, version: str, verdicts: Iterable[Verdict]) -> list[Row]:
    """One row a failure mode; where a monitor spoke twice, its last word."""
    last = {verdict.failure_mode: verdict for verdict in verdicts}
    return [
        {name: getattr(verdict, name) for name in VERDICTS.columns if hasattr(verdict, name)}
        | {"episode_id": episode_id, "version": version, "violation": verdict.violation}
        | {"evidence": _json([item.model_dump(mode="json") for item in verdict.evidence])}
        for verdict in last.values()
    ]


def _json(value: Any) -> str:
    return canonical_json(value).decode()
