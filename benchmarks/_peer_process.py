"""A peer in its own interpreter, asked one line of JSON at a time; what it times, it times itself."""

import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

from ._errors import PeerError

START_S, LEAVE_S = 180.0, 120.0
"""Host seconds to import itself and look at the engine, and to take down what it has up."""
_SAID_LINES = 3


class PeerProcess:
    """A context manager; ``hello`` is what it said of itself. Raises `PeerError` wherever it falls silent or ends."""

    def __init__(
        self, command: Sequence[str], plan: Mapping[str, Any], environment: Mapping[str, str], log: Path
    ) -> None:
        """``plan`` is its first line; ``log`` gets what it writes to its standard error."""
        self._log = log
        with log.open("ab") as errors:
            self._process = subprocess.Popen(  # noqa: S603 - the peer's interpreter and our driver
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=dict(environment),
                cwd=log.parent,
                start_new_session=True,  # an interrupt is ours to hear: it ends when its input does
                bufsize=0,
            )
        self._unread = b""
        try:
            self.hello = self._answer(plan, START_S)
        except BaseException:
            self.close()
            raise

    def ask(self, do: str, *, within_s: float, **details: Any) -> dict[str, Any]:
        """One request and its answer."""
        return self._answer({"do": do, **details}, within_s)

    def close(self) -> None:
        """End its input, which tells it to clean up and go; whoever does not is killed with all that it started."""
        process = self._process
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(LEAVE_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def _answer(self, request: Mapping[str, Any], within_s: float) -> dict[str, Any]:
        assert self._process.stdin is not None, "it was started with a pipe"
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
        except BrokenPipeError as error:
            raise self._failed("it ended") from error
        answer = self._parsed(self._line(time.monotonic() + within_s, within_s))
        if "error" in answer:
            raise self._failed(str(answer["error"]))
        return answer

    def _parsed(self, line: bytes) -> dict[str, Any]:
        try:
            found: Any = json.loads(line)
        except ValueError as error:
            raise self._failed(f"it said {line[:100]!r}, which is no JSON") from error
        if not isinstance(found, dict):
            raise self._failed(f"it said {line[:100]!r}, which is no object")
        return cast("dict[str, Any]", found)

    def _line(self, deadline: float, within_s: float) -> bytes:
        assert self._process.stdout is not None, "it was started with a pipe"
        descriptor = self._process.stdout.fileno()
        while b"\n" not in self._unread:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                raise self._failed(f"no answer within {within_s:g} s")
            read = os.read(descriptor, 1 << 16)
            if not read:
                raise self._failed("it ended")
            self._unread += read
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def _failed(self, cause: str) -> PeerError:
        lines = self._log.read_text(errors="replace").strip().splitlines()[-_SAID_LINES:]
        said = f" (its last words: {' / '.join(lines)})" if lines else ""
        return PeerError("measuring the peer", "inspect_ai", f"{cause}{said}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()
