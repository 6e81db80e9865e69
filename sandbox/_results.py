"""From PID 1's reply to what a caller sees of a command."""

import struct

from ._types import ExecResult
from ._wire import Outcome, Reader

_HEAD = struct.Struct("<BIQ?I")


def exec_result(body: Reader) -> tuple[int, ExecResult]:
    """The pid in the container of the process that ran the command, and how it ended."""
    number, code, duration_us, fresh, pid = body.fields(_HEAD)
    outcome = Outcome(number)
    out, err, late = body.stream(), body.stream(), body.stream()
    return pid, ExecResult(
        exit_code=code if outcome in (Outcome.EXITED, Outcome.SESSION_ENDED) else None,
        stdout=out.data,
        stderr=err.data,
        truncated=out.truncated or err.truncated,
        bytes_total=out.total + err.total,
        sha256=out.sha256,
        duration_s=duration_us / 1e6,
        timed_out=outcome is Outcome.TIMED_OUT,
        signal=code if outcome is Outcome.SIGNALED else None,
        not_started=code if outcome is Outcome.NOT_STARTED else None,
        session_ended=outcome is Outcome.SESSION_ENDED,
        fresh_session=fresh,
        late=late.data,
    )
