"""From one episode's events to a row for each tool call."""

import json
from collections import Counter
from collections.abc import Mapping

from ..records import (
    CallDecided,
    CallReturned,
    FilesObserved,
    GatewayRequested,
    NoticeDelivered,
    NoticeShown,
    Record,
    SuspicionObserved,
)
from ._log import EpisodeLog
from ._rows import Row


def step_rows(log: EpisodeLog, key: Row) -> list[Row]:
    """One row a decided call."""
    returned = {(event.step, event.call_id): event for event in log.all(CallReturned)}
    suspicions = _suspicions(log.all(SuspicionObserved))
    notices, changed, asked = _notices(log), _changed(log.all(FilesObserved)), _granted(log.all(GatewayRequested))
    return [
        key
        | _decided(call)
        | {"at_s": log.since_first(record.mono_ns), "changed": changed.get(call.step), "requests": asked[call.step]}
        | _result(returned.get((call.step, call.call_id)))
        | _suspicion(suspicions.get((call.step, call.call_id), {}))
        | {"notices": notices.get(call.step, ())}
        for record, call in _calls(log)
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
        "unanswered": sum(score is None for score in scores.values()),
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


def _calls(log: EpisodeLog) -> list[tuple[Record, CallDecided]]:
    return [(record, event) for record in log.records if isinstance(event := record.event, CallDecided)]


def _changed(passes: list[FilesObserved]) -> dict[int, bool | None]:
    """Step → whether a file changed in it; None where a pass saw only part, and no change in that."""
    found: dict[int, bool | None] = {}
    for seen in passes:
        moved = bool(seen.changes or seen.touched or seen.passed)
        if not seen.final:
            before = found.get(seen.step, False)
            found[seen.step] = True if moved or before else None if before is None or not seen.complete else False
    return found


def _granted(requests: list[GatewayRequested]) -> Counter[int]:
    """Step → requests of the agent that a gateway granted."""
    return Counter(one.step for one in requests if one.allowed and one.via != "harness")
