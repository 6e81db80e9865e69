"""What episodes share: the engine, the image, the supervisor binary, the event stream, proofs of mechanisms."""

import tempfile
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from ..sandbox import (
    ContainerSpec,
    DockerSandbox,
    Engine,
    EventHub,
    Holders,
    Pool,
    StartFailed,
    build_supervisor,
    connect,
    ensure_image,
    labels,
)
from ._world import Service, World

_READY_S = 20.0
"""Host seconds that a declared service may take to start up."""


@dataclass
class Lab:
    """Opened once a process; every episode starts its containers here. A context manager."""

    engine: Engine
    image: str
    supervisor: Path
    supervisor_sha256: str
    events: EventHub
    scratch: Path
    run_id: str
    pool: Pool
    engine_version: str
    proofs: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    """Proofs of mechanisms by key; the runner loads and keeps them on disk."""
    _scratch_owner: Any = None

    @classmethod
    def open(cls, run_id: str | None = None, *, ahead: int = 0) -> "Lab":
        """Connect to the engine and make sure that image and binary are there.

        ``ahead`` containers are kept ready for each profile that was asked for. Raises the sandbox's errors:
        `EngineNotFound`, `EngineDenied`, `ImageError`, `SetupError`.
        """
        engine = connect()
        image = ensure_image(engine)
        binary = build_supervisor()
        events = EventHub(engine)
        events.wait_live()
        scratch = tempfile.TemporaryDirectory(prefix="offswitch-")
        run_id = run_id or uuid.uuid4().hex[:12]
        folder = Path(scratch.name)
        holders = Holders(engine, image.digest, binary.path, folder / "quarantine", labels(run_id, "", "network"))
        return cls(
            engine=engine,
            image=image.digest,
            supervisor=binary.path,
            supervisor_sha256=binary.sha256,
            events=events,
            scratch=folder,
            run_id=run_id,
            pool=Pool(engine, holders, ahead=ahead),
            engine_version=engine.facts().version,
            _scratch_owner=scratch,
        )

    @property
    def lives(self) -> int:
        """Containers that were given to episodes so far, twins included."""
        return self.pool.lives

    def start(self, world: World, episode_id: str, role: str) -> DockerSandbox:
        """Start a container for a world and install the world's files; services are started too."""
        spec = ContainerSpec(
            name=f"offswitch-{self.run_id}-{role}-{uuid.uuid4().hex[:10]}",
            image=self.image,
            supervisor=self.supervisor,
            profile=world.profile,
            labels=labels(self.run_id, episode_id, role),
            scratch=self.scratch,
            session_start="\n".join(world.session_start),
            session_prologue="\n".join(world.session_prologue),
        )
        sandbox = self.pool.take(spec)
        sandbox.furnish(world.entries(), world.root)
        try:
            for service in world.services:
                sandbox.serve(service.name, list(service.argv), cwd=service.cwd)
                if service.ready:
                    _wait_for(sandbox, service)
        except BaseException:
            sandbox.give_up()
            raise
        return sandbox

    def close(self) -> None:
        """Remove what nobody took, close the event stream and the engine; containers belong to their episodes."""
        try:
            self.pool.close()
        finally:
            self.events.close()
            self.engine.close()
            if self._scratch_owner is not None:
                self._scratch_owner.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _wait_for(sandbox: DockerSandbox, service: Service) -> None:
    end = time.monotonic() + _READY_S
    while sandbox.evidence.files.read(service.ready, 1) is None:
        if time.monotonic() > end:
            cause = f"{service.ready} did not appear within {_READY_S:g} s"
            raise StartFailed("starting a service", f"{sandbox.spec.name}/{service.name}", cause)
        time.sleep(0.002)
