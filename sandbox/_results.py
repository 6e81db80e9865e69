"""From PID 1's reply to what a caller sees of a command."""

import errno
import struct
from collections.abc import Sequence

from ._errors import SupervisorFault
from ._types import Entry, ExecResult
from ._wire import EMPTY, Frame, Outcome, Reader, Reply

NO_ROOM = frozenset({errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""What keeps a shell from starting that the agent can bring about: an answer to its call, and no fault of ours."""
_HEAD = struct.Struct("<BIQ?I")


def exec_result(body: Reader) -> ExecResult:
    """How a command ended."""
    number, code, duration_us, fresh, pid = body.fields(_HEAD)
    outcome = Outcome(number)
    out, err, late = body.stream(), body.stream(), body.stream()
    return ExecResult(
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
        pid=pid or None,
    )


def not_started(number: int) -> ExecResult:
    """A command for which there was no room; ``number`` is the errno."""
    return ExecResult(
        exit_code=None,
        stdout=b"",
        stderr=b"",
        truncated=False,
        bytes_total=0,
        sha256=EMPTY.sha256,
        duration_s=0.0,
        not_started=number,
    )


def install_errors(batch: Sequence[Entry], reply: Frame, name: str) -> dict[str, int]:
    """Path → errno of the entries of a group that could not be put in place in container ``name``."""
    if reply.type != Reply.RESULT:
        raise SupervisorFault("installing files", name, repr(reply.payload))
    answer = Reader(reply.payload)
    return {batch[answer.u32()].path: answer.u32() for _ in range(len(reply.payload) // 8)}
