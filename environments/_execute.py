"""Runs decided calls: in the container, or at a service."""

import errno
import hashlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ..records import clean_text
from ..sandbox import DockerSandbox, ExecResult
from ._world import World
from .mechanisms import PathScope

READ_BYTES = 64 << 10
OUTPUT_BYTES = 32 << 10
DEFAULT_TIMEOUT_S = 60.0
Ask = Callable[[str, str, dict[str, Any]], dict[str, Any]]
Tick = Callable[[float], None]


@dataclass(frozen=True)
class Result:
    """What a call gave back."""

    text: str
    ok: bool
    sha256: str
    bytes_total: int
    duration_s: float = 0.0
    exit_code: int | None = None
    truncated: bool = False
    timed_out: bool = False
    error: str | None = None

    @classmethod
    def of(cls, text: str, *, ok: bool = True, duration_s: float = 0.0) -> "Result":
        """A result that is its text."""
        text = clean_text(text)
        raw = text.encode()
        return cls(text, ok, hashlib.sha256(raw).hexdigest(), len(raw), duration_s, error=None if ok else text[:500])

    @classmethod
    def failed(cls, text: str) -> "Result":
        """A call that did not run, or had no effect."""
        return cls.of(text, ok=False)


class Executor:
    """The tools of one episode."""

    def __init__(self, sandbox: DockerSandbox, world: World, scope: PathScope | None, ask: Ask) -> None:
        self._sandbox = sandbox
        self._world = world
        self._scope = scope
        self._ask = ask

    def run(self, tool: str, arguments: dict[str, Any], tick: Tick, left_s: float | None = None) -> Result:
        """Run a validated call; a command gets no more than ``left_s`` host seconds, whatever it asks for.

        Raises the sandbox's errors; everything else is in the result.
        """
        started = time.monotonic()
        if tool == "bash":
            return self._bash(arguments, tick, left_s)
        handler: Callable[[dict[str, Any]], Result] = getattr(self, f"_{tool}")
        return replace(handler(arguments), duration_s=time.monotonic() - started)

    def _bash(self, arguments: dict[str, Any], tick: Tick, left_s: float | None) -> Result:
        timeout_s = float(arguments.get("timeout_s", DEFAULT_TIMEOUT_S))
        timeout_s = timeout_s if left_s is None else min(timeout_s, left_s)
        result = self._sandbox.exec(
            arguments["command"],
            session=arguments.get("session", "main"),
            timeout_s=timeout_s,
            cap_bytes=OUTPUT_BYTES,
            cwd=self._world.root,
            tick=tick,
        )
        text = clean_text(_shown(result, timeout_s))
        return Result(
            text=text,
            ok=result.exit_code == 0,
            sha256=result.sha256,
            bytes_total=result.bytes_total,
            duration_s=result.duration_s,
            exit_code=result.exit_code,
            truncated=result.truncated,
            timed_out=result.timed_out,
        )

    def _read_file(self, arguments: dict[str, Any]) -> Result:
        found = self._sandbox.read(
            arguments["path"], offset=int(arguments.get("offset", 0)), most=READ_BYTES, cwd=self._world.root
        )
        if found.error:
            return Result.failed(f"error: {arguments['path']}: {os.strerror(found.error)}")
        end = int(arguments.get("offset", 0)) + len(found.data)
        more = f"\n… {found.size - end} bytes more, from offset {end}" if end < found.size else ""
        return Result.of(found.data.decode(errors="backslashreplace") + more)

    def _write_file(self, arguments: dict[str, Any]) -> Result:
        path = self._absolute(arguments["path"])
        refused = self._out_of_scope(path)
        if refused is not None:
            return refused
        error = self._sandbox.write(path, arguments["content"].encode(errors="backslashreplace"), cwd=self._world.root)
        if error:
            return Result.failed(f"error: {path}: {os.strerror(error)}")
        return Result.of(
            f"wrote {len(arguments['content'].encode(errors='backslashreplace'))} bytes{self._warning(path)}"
        )

    def _edit_file(self, arguments: dict[str, Any]) -> Result:
        path = self._absolute(arguments["path"])
        refused = self._out_of_scope(path)
        if refused is not None:
            return refused
        found = self._sandbox.read(path, most=4 << 20, cwd=self._world.root)
        if found.error:
            return Result.failed(f"error: {path}: {os.strerror(found.error)}")
        if found.size > len(found.data):
            return Result.failed(f"error: {path}: {os.strerror(errno.EFBIG)}")
        old, new = (arguments[name].encode(errors="backslashreplace") for name in ("old", "new"))
        count = found.data.count(old)
        if count != 1:
            return Result.failed(f"error: {path}: the old text occurs {count} times, not once")
        error = self._sandbox.write(path, found.data.replace(old, new), cwd=self._world.root)
        if error:
            return Result.failed(f"error: {path}: {os.strerror(error)}")
        return Result.of(f"replaced 1 occurrence{self._warning(path)}")

    def _wait(self, arguments: dict[str, Any]) -> Result:
        return Result.of(f"{arguments['minutes']:g} minutes passed")

    def _inbox(self, arguments: dict[str, Any]) -> Result:
        del arguments
        mails = self._ask("mailbox", "read", {})["mails"]
        if not mails:
            return Result.of("no mail")
        lines = [
            f"{'NEW ' if mail['new'] else ''}#{mail['number']} from {mail['from']}: {mail['subject']}\n{mail['text']}"
            for mail in mails
        ]
        return Result.of("\n\n".join(lines))

    def _message_operator(self, arguments: dict[str, Any]) -> Result:
        return self._answer(self._ask("operator", "message", arguments))

    def _request_approval(self, arguments: dict[str, Any]) -> Result:
        return self._answer(self._ask("approvals", "request", arguments))

    def _submit_report(self, arguments: dict[str, Any]) -> Result:
        del arguments
        return Result.of("report filed")

    def _answer(self, response: dict[str, Any]) -> Result:
        return Result.of(json.dumps(response, ensure_ascii=False), ok="error" not in response)

    def _absolute(self, path: str) -> str:
        return os.path.normpath(path if path.startswith("/") else f"{self._world.root}/{path}")

    def _out_of_scope(self, path: str) -> Result | None:
        if self._scope is not None and self._scope.forbids(self._world, path):
            return Result.failed(f"error: {path}: outside the folders that you may write")
        return None

    def _warning(self, path: str) -> str:
        if self._scope is not None and self._scope.warns(self._world, path):
            return " (warning: this path belongs to somebody else)"
        return ""


def _shown(result: ExecResult, timeout_s: float) -> str:
    """The output and what else the agent should know about the call."""
    parts: list[str] = []
    if result.late:
        parts.append("[earlier background output]\n" + result.late.decode(errors="backslashreplace"))
    output = result.stdout.decode(errors="backslashreplace")
    parts.append(output.rstrip("\n"))
    if result.timed_out:
        parts.append(
            f"[timed out after {timeout_s:g} s: the command was ended and the shell restarted; variables are lost]"
        )
    elif result.not_started:
        parts.append(f"[the shell could not be started: {os.strerror(result.not_started)}]")
    elif result.session_ended:
        parts.append(f"[the shell ended with status {result.exit_code}; the next command starts a new one]")
    elif result.exit_code:
        parts.append(f"[exit status {result.exit_code}]")
    return "\n".join(part for part in parts if part) or "[no output]"
