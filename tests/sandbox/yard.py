"""Containers and doomed processes of the tests; conftest.py hands them out and cleans up after them."""

import subprocess
import sys
import textwrap
import uuid
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, Self

from offswitch.sandbox import SEALED, ContainerSpec, DockerSandbox, Engine, Profile
from offswitch.sandbox._lease import labels


@dataclass
class Yard:
    """Starts containers and closes them all at the end."""

    engine: Engine
    image: str
    supervisor: Path
    folder: Path
    run: str = field(default_factory=lambda: f"test-{uuid.uuid4().hex[:12]}")
    _open: ExitStack = field(default_factory=ExitStack)

    def spec(self, profile: Profile = SEALED, **changes: Any) -> ContainerSpec:
        """A container of this test."""
        spec = ContainerSpec(
            name=f"offswitch-{self.run}-{uuid.uuid4().hex[:8]}",
            image=self.image,
            supervisor=self.supervisor,
            profile=profile,
            labels=labels(self.run, "episode", "agent"),
            scratch=self.folder,
        )
        return replace(spec, **changes)

    def start(self, profile: Profile = SEALED, **changes: Any) -> DockerSandbox:
        """A running container."""
        return self._open.enter_context(DockerSandbox.start(self.engine, self.spec(profile, **changes)))

    def close(self) -> None:
        """Close what is still open."""
        self._open.close()

    def present(self) -> list[dict[str, Any]]:
        """Containers of this test that the engine still knows, whoever made them."""
        found: list[dict[str, Any]] = self.engine.api.containers(
            all=True, filters={"label": f"offswitch.run={self.run}"}
        )
        return found


@dataclass
class Harness:
    """A process of its own that uses the sandbox, to be killed."""

    process: subprocess.Popen[str]

    @classmethod
    def run(cls, yard: Yard, script: str, endpoint: str, env: dict[str, str]) -> Self:
        """Start it: the script finds ``spec``, ``say`` and ``open_engine`` at hand."""
        arguments = [yard.run, yard.image, str(yard.supervisor), str(yard.folder), endpoint]
        return cls(
            subprocess.Popen(
                [sys.executable, "-c", _PREAMBLE + textwrap.dedent(script), *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={"PATH": "/usr/bin:/bin", **env},
            )
        )

    @property
    def pid(self) -> int:
        return self.process.pid

    def line(self) -> str:
        """The next line that it says; an empty one where it ended."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def say(self, line: str) -> None:
        """Send it a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        """SIGKILL, and bury it."""
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        """Whatever became of it, it is gone then."""
        self.kill()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()


_PREAMBLE = """
import os, signal, sys, time
from dataclasses import replace
from pathlib import Path
from offswitch.sandbox import *
from offswitch.sandbox._lease import labels
from offswitch.sandbox._warden import warden
run, image, supervisor, folder, endpoint = sys.argv[1:]
def spec(name, **changes):
    base = ContainerSpec(name, image, Path(supervisor), SEALED, labels(run, "episode", "agent"), Path(folder))
    return replace(base, **changes)
def say(*words):
    print(*words, flush=True)
def open_engine():
    return connect(endpoint or None)
"""


class Starter(Protocol):
    """Starts a harness; ``endpoint`` names an engine other than the machine's own."""

    def __call__(self, script: str, endpoint: str = "", **env: str) -> Harness: ...


class Within(Protocol):
    """Waits until something holds."""

    def __call__(self, condition: Callable[[], object], within_s: float = 5.0) -> None: ...


_PROXY = """
import asyncio, sys
async def pump(reader, writer):
    try:
        while block := await reader.read(65536):
            writer.write(block)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.close()
async def serve(reader, writer):
    inner_reader, inner_writer = await asyncio.open_unix_connection(sys.argv[1])
    await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))
    for one in (writer, inner_writer):
        one.close()
async def main():
    server = await asyncio.start_unix_server(serve, sys.argv[2])
    print("ready", flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


@contextmanager
def proxy(engine: Engine, folder: Path) -> Generator[tuple[str, int]]:
    """Another way to the same engine, through a process that can be made to stand still: endpoint and pid."""
    path = folder / "engine.sock"
    command = [sys.executable, "-c", _PROXY, engine.endpoint.removeprefix("unix://"), str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield f"unix://{path}", process.pid
        finally:
            process.kill()
