"""The real command in a process of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMAND = (sys.executable, "-m", "offswitch")
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
_DROPPED = ("OPENAI_API_KEY", "DOCKER_HOST", "DOCKER_CONTEXT", "LANGSMITH_TRACING", "LANGCHAIN_TRACING_V2")


@dataclass(frozen=True)
class Told:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def complaint(self) -> str:
        """The one line on stderr, beside warnings about the machine."""
        lines = [line for line in self.err.strip().splitlines() if not line.startswith("warning: ")]
        assert len(lines) == 1, self.err
        assert "Traceback" not in self.err
        return lines[0]


def environment(**changes: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _DROPPED}
    return {**kept, "COLUMNS": "200", **changes}


def offswitch(
    *words: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None, before: Sequence[str] = ()
) -> Told:
    """Run a command to its end."""
    done = subprocess.run(
        [*before, *COMMAND, *map(str, words)],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        cwd=cwd,
        env={**environment(), **(env or {})},
    )
    return Told(done.returncode, done.stdout, done.stderr)


class Running:
    """A command that is under way."""

    def __init__(self, *words: str | Path) -> None:
        self._process = subprocess.Popen(
            [*COMMAND, *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
            start_new_session=True,
        )

    def until(self, condition: Callable[[], bool], timeout_s: float = 120.0) -> None:
        """Wait for something that the command does."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert self._process.poll() is None, self._process.communicate()
            assert time.monotonic() < deadline, "it did not come"
            time.sleep(0.02)

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def end(self) -> Told:
        """Wait for the end."""
        out, err = self._process.communicate(timeout=240)
        return Told(self._process.returncode, out, err)


def lines_of(path: Path) -> int:
    """Lines of a file that may not be there yet."""
    return path.read_bytes().count(b"\n") if path.exists() else 0
