"""What episodes share: the engine, the image, the supervisor binary, the event stream, proofs of mechanisms."""

import time
import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from ..sandbox import (
    Canary,
    ContainerSpec,
    DockerSandbox,
    Engine,
    EngineFault,
    EventHub,
    Holders,
    Packed,
    Pool,
    StartFailed,
    build_supervisor,
    check_state,
    connect,
    ensure_image,
    known_weaknesses,
    labels,
    restore,
    scratch_folder,
    stand_by,
)
from ._party import gather
from ._world import Service, World

_EVENTS_S = 30.0
"""Host seconds that the engine's events may take to come."""
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
    captures: Path
    run_id: str
    pool: Pool
    engine_version: str
    canary: Canary
    """A file on this host that nobody has a reason to open."""
    proofs: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    """Proofs of mechanisms by key; the runner loads and keeps them on disk."""
    weaknesses: str = ""
    """What is published against the engine's versions, in one line; "" for nothing."""
    _scratch_owner: Any = None

    @classmethod
    def open(
        cls,
        run_id: str | None = None,
        *,
        ahead: int = 0,
        strict: bool = False,
        captures: Path | None = None,
        runtime: str | None = None,
    ) -> "Lab":
        """Connect to the engine and make sure that image and binary are there.

        ``ahead`` containers are kept ready for each profile that was asked for. ``captures`` is the folder for what
        the watchdog takes down when this process is killed; without it that goes with the scratch folder.
        ``runtime`` is one of the engine's container runtimes, None its default. Raises the sandbox's errors:
        `EngineNotFound`, `EngineDenied`, `EngineFault`, `ImageError`, `SetupError`, `StartFailed`; `PostureError` where
        ``strict`` and the engine has a known weakness.
        """
        engine = connect(runtime=runtime)
        engine.check_runtime()
        weaknesses = known_weaknesses(engine.told, strict=strict)
        image = ensure_image(engine)
        binary = build_supervisor()
        events = EventHub(engine)
        if not events.wait_live(_EVENTS_S):
            events.close()
            cause = "they do not come: what the engine does to a container would go unseen"
            raise EngineFault("following the engine's events", engine.endpoint, cause)
        stand_by(engine)
        scratch = scratch_folder()
        run_id = run_id or uuid.uuid4().hex[:12]
        folder = Path(scratch.name)
        kept = captures or folder / "quarantine"
        holders = Holders(engine, image.digest, binary.path, kept, labels(run_id, "", "network"))
        return cls(
            engine=engine,
            image=image.digest,
            supervisor=binary.path,
            supervisor_sha256=binary.sha256,
            events=events,
            scratch=folder,
            captures=kept,
            run_id=run_id,
            pool=Pool(engine, holders, ahead=ahead),
            engine_version=f"{engine.told.version} {runtime}" if runtime else engine.told.version,
            weaknesses=weaknesses,
            canary=Canary(folder),
            _scratch_owner=scratch,
        )

    @property
    def lives(self) -> int:
        """Containers that were given to episodes so far, twins included."""
        return self.pool.lives

    def start(self, world: World, episode_id: str, role: str) -> DockerSandbox:
        """Start a container for a world and install the world's files; services are started too.

        For the agent's own the pool is filled up again only when somebody asks it to.
        """
        sandbox = self._take(world, episode_id, role, refill=role != "agent")
        sandbox.furnish(world.entries(), world.root)
        try:
            for service in world.services:
                _serve(sandbox, service)
        except BaseException:
            sandbox.give_up()
            raise
        return sandbox

    def _bring_up(self, world: World, spec: ContainerSpec, *, refill: bool) -> DockerSandbox:
        if not world.companions:
            return self.pool.take(spec, refill=refill)
        return gather(self.engine, spec, world.companions, world.profile.without, _wait_for_file)

    def branch(self, world: World, episode_id: str, packed: Packed, services: Collection[str]) -> DockerSandbox:
        """A fresh container with the files of a snapshot, bit for bit, and these of the world's services restarted.

        Raises `StateDiffers` where it is not the same state; then nothing of it is left.
        """
        sandbox = self._take(world, episode_id, "agent")
        files, name = sandbox.evidence.files, sandbox.spec.name
        try:
            restore(sandbox, files, packed, name)
            sandbox.furnish([], world.root)
            wanted = [service for service in world.services if service.name in services]
            for service in wanted:
                if service.ready:
                    sandbox.remove(service.ready)  # what stands there is of its life before
                _serve(sandbox, service)
            if wanted:
                restore(sandbox, files, packed, name)
            check_state(files, packed.tree, name)
        except BaseException:
            sandbox.give_up()
            raise
        return sandbox

    def _take(self, world: World, episode_id: str, role: str, *, refill: bool = True) -> DockerSandbox:
        spec = ContainerSpec(
            name=f"offswitch-{self.run_id}-{role}-{uuid.uuid4().hex[:10]}",
            image=self.image,
            supervisor=self.supervisor,
            profile=world.profile,
            labels=labels(self.run_id, episode_id, role),
            scratch=self.scratch,
            quarantine=self.captures,
            session_start="\n".join(world.session_start),
            session_prologue="\n".join(world.session_prologue),
        )
        return self._bring_up(world, spec, refill=refill)

    def close(self) -> None:
        """Remove what nobody took, close the event stream and the engine; containers belong to their episodes."""
        try:
            self.pool.close()
        finally:
            self.canary.close()
            self.events.close()
            self.engine.close()
            if self._scratch_owner is not None:
                self._scratch_owner.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _serve(sandbox: DockerSandbox, service: Service) -> None:
    sandbox.serve(service.name, list(service.argv), cwd=service.cwd)
    if service.ready:
        _wait_for(sandbox, service)


def _wait_for(sandbox: DockerSandbox, service: Service) -> None:
    _wait_for_file(sandbox, service.name, service.ready)


def _wait_for_file(sandbox: DockerSandbox, name: str, ready: str) -> None:
    end = time.monotonic() + _READY_S
    while sandbox.evidence.files.read(ready, 1) is None:
        if time.monotonic() > end:
            cause = f"{ready} did not appear within {_READY_S:g} s"
            raise StartFailed("starting a service", f"{sandbox.spec.name}/{name}", cause)
        time.sleep(0.002)
