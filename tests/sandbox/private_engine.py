"""A second Docker Engine of a test's own, which may be killed, stopped and started again; nobody else uses it."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from offswitch.sandbox import EngineError, connect
from offswitch.sandbox._daemon import Daemon

from .other_engines import folder, give_image

START_S = 30.0


@dataclass
class PrivateEngine:
    """An engine below a folder of its own, with its own socket, state and containerd."""

    folder: Path
    _process: subprocess.Popen[bytes] | None = None
    _daemon: Daemon = field(init=False)

    def __post_init__(self) -> None:
        self._daemon = Daemon.private(self.folder)

    @property
    def endpoint(self) -> str:
        return self._daemon.endpoint

    @property
    def data(self) -> Path:
        """Where its images and containers lie."""
        return self.folder / "data"

    @property
    def runs(self) -> bool:
        """Whether its process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def answers(self) -> bool:
        """Whether it is there and does its work."""
        with suppress(EngineError), connect(self.endpoint, timeout_s=5.0) as engine:
            engine.ping()
            return True
        return False

    @property
    def _log(self) -> Path:
        return self.folder / "dockerd.log"

    def start(self, *options: str) -> None:
        """Start it and wait until it answers."""
        program = shutil.which("dockerd")
        assert program, "make setup installs an engine"
        with self._log.open("ab") as log:
            command = [program, *self._daemon.options, "--ip6tables=false", *options]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        end = time.monotonic() + START_S
        while True:
            with suppress(EngineError), connect(self.endpoint, timeout_s=2.0) as engine:
                engine.ping()
                return
            assert time.monotonic() < end, self._log.read_text()[-2000:]
            time.sleep(0.05)

    def signal(self, number: int) -> None:
        """Send the engine itself a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL the engine itself; its containers go on, as far as they can."""
        self.signal(signal.SIGKILL)
        self.wait()

    def wait(self, within_s: float = 30.0) -> None:
        """Until it has ended."""
        assert self._process is not None
        self._process.wait(within_s)
        # Its containerd dies with it; one that nobody has buried yet would be taken for alive at the next start.
        (self.folder / "exec/containerd/containerd.pid").unlink(missing_ok=True)

    def restart(self, *options: str) -> None:
        """End it as an administrator does, and start it with other options. No container runs by then."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        self.wait()
        self.start(*options)

    def containerd(self) -> int:
        """Process id of its containerd."""
        return int((self.folder / "exec/containerd/containerd.pid").read_text())

    def shim(self, container_id: str) -> int:
        """Process id of what stands between its containerd and one container."""
        (pid,) = [pid for pid in _naming(container_id) if "shim" in _text(pid, "comm")]
        return pid

    def stop(self) -> None:
        """End it with everything that it started, whatever state it is in."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        for process in _naming(str(self.folder)):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


def _naming(word: str) -> list[int]:
    """Processes whose arguments hold a word: an engine's containerd and shims name its folder and their container."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if pid != os.getpid() and word in _text(pid, "cmdline")]


def _text(pid: int, name: str) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/{name}").read_bytes().decode(errors="replace")
    return ""


@contextmanager
def private_engine(*options: str, memory: str = "") -> Generator[PrivateEngine]:
    """A running engine that holds the base image; nothing of it stays.

    ``memory``: mount options of a file system in memory that its data lie on, and fill up; "" for the machine's disk.
    """
    with folder() as place:
        engine = PrivateEngine(place)
        if memory:
            engine.data.mkdir()
            subprocess.run(["mount", "-t", "tmpfs", "-o", memory, "engine", str(engine.data)], check=True)
        try:
            engine.start(*options)
            give_image(engine.endpoint)
            yield engine
        finally:
            engine.stop()
