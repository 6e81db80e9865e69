"""Whole runs of the command line in processes that are already awake, so that a killing costs no start of Python."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Self

_NURSERY = """
import os, signal, sys
import offswitch.runner, offswitch.agents, offswitch.analysis, offswitch.sandbox
from offswitch.cli import call
sys.argv[0] = "offswitch"
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print("awake", flush=True)
for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        log = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(log, stream)
        words = line.rstrip("\\n").split("\\t")
        sys.argv[1:] = words
        code = call(words)
        import atexit, threading
        threading._shutdown()
        atexit._run_exitfuncs()
        os._exit(code)
    print(pid, flush=True)
"""


class Nursery:
    """Bears runs, each a child of a process that has everything imported. A context manager."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _NURSERY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._line() == "awake"

    def bear(self, *words: str | Path) -> int:
        """Start a command; returns its process id. It is nobody's to wait for: it disappears when it ends."""
        assert self._process.stdin is not None
        self._process.stdin.write("\t".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        return int(self._line())

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()
        self._process.wait(30)


def kill(pid: int) -> None:
    """Kill a process that may have ended by itself meanwhile."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def alive(pid: int) -> bool:
    """Whether a process runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
