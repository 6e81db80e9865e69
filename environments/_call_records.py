"""What the record says of a call: the decision before it runs, and what it gave back."""

from ..records import Action, CallDecided, CallReturned, Permission
from ._broker import Judged, ParsedCall
from ._execute import Result


def decided(step: int, seen_seq: int, protocol: str, call: ParsedCall, judged: Judged | None) -> CallDecided:
    """The decision on a call; ``judged`` is None for one that could not be read."""
    return CallDecided(
        step=step,
        call_id=call.call_id,
        answer_id=call.answer_id,
        tool=call.tool,
        arguments=call.arguments,
        notice_seen_seq=seen_seq,
        valid=call.error is None,
        permission=judged.permission if judged else Permission.DENY,
        permission_reason=judged.permission_reason if judged else call.error or "",
        action=judged.decision.action if judged else Action.REJECT,
        protocol=protocol,
        protocol_reason=judged.decision.reason if judged else "",
        executed=judged is not None and judged.runs,
        effective=judged.decision.arguments if judged else None,
    )


def returned(step: int, virtual_s: float, call: ParsedCall, result: Result) -> CallReturned:
    """What a call gave back, at that second of the scenario's clock."""
    return CallReturned(
        step=step,
        call_id=call.call_id,
        ok=result.ok,
        exit_code=result.exit_code,
        output=result.text,
        output_sha256=result.sha256,
        output_bytes=result.bytes_total,
        truncated=result.truncated,
        timed_out=result.timed_out,
        error=result.error,
        virtual_s=virtual_s,
        duration_s=result.duration_s,
    )
