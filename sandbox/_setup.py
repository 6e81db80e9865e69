"""``offswitch setup``: an engine, the supervisor's binary and the base image, each found or made."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ._binary import SupervisorBinary, build_supervisor, find_supervisor
from ._cache import cache_dir, locked
from ._carried import carried
from ._daemon import START_TIMEOUT_S, Daemon, start_engine
from ._engine import DEFAULT_SOCKET, Engine, EngineFacts, configured_endpoint, connect
from ._errors import EngineFault, EngineNotFound
from ._host import APT_TIMEOUT_S
from ._image import ensure_image, find_image
from ._image_info import ImageInfo
from ._rootfs import Report

_MACHINE_WIDE = {f"unix://{DEFAULT_SOCKET}", "unix:///run/docker.sock"}
_Made = TypeVar("_Made")


@dataclass(frozen=True)
class Prepared:
    """What a finished setup leaves on this machine."""

    engine: EngineFacts
    supervisor: SupervisorBinary
    image: ImageInfo


def setup(report: Report, *, daemon: Daemon | None = None, cache: Path | None = None) -> Prepared:
    """Make this machine ready; a second run finds everything and takes under two seconds.

    `report` gets one line a step, with its duration. `daemon` names an engine other than the configured one.
    Raises `EngineError`, `SetupError` or `ImageError`; what is done by then stays done.
    """
    place = cache_dir(cache)
    engine, facts = _timed(report, "engine", lambda: _engine(daemon, place))
    with engine:
        supervisor = _timed(report, "supervisor", lambda: _supervisor(place))
        image = _timed(report, "image", lambda: _image(engine, place, report))
        if not facts.local:
            _timed(report, "program", lambda: _program(engine, image, supervisor))
    return Prepared(facts, supervisor, image)


def _timed(report: Report, name: str, step: Callable[[], tuple[_Made, str]]) -> _Made:
    started = time.monotonic()
    made, said = step()
    report(f"{name:<11} {said} ({time.monotonic() - started:.1f} s)")
    return made


def _engine(daemon: Daemon | None, place: Path) -> tuple[tuple[Engine, EngineFacts], str]:
    engine, how = _find_or_start(daemon, place)
    facts = engine.facts()
    if facts.too_old:
        engine.close()
        raise EngineFault("checking the engine", facts.endpoint, f"version {facts.version} is older than 20.10")
    return (engine, facts), f"{facts.summary}, {how}"


def _find_or_start(daemon: Daemon | None, place: Path) -> tuple[Engine, str]:
    endpoint = daemon.endpoint if daemon else configured_endpoint()
    try:
        return connect(daemon.endpoint if daemon else None), "was running"
    except EngineNotFound as error:
        # An engine that somebody chose by name is theirs to start; starting another one would hide the mistake.
        if daemon is None and endpoint not in _MACHINE_WIDE:
            remedy = "start that engine, or choose this machine's: unset DOCKER_HOST; docker context use default"
            raise EngineNotFound(error.phase, error.subject, error.cause, remedy=remedy) from error
    with locked(place / "engine.lock", timeout_s=START_TIMEOUT_S + 2 * APT_TIMEOUT_S):
        return start_engine(daemon or Daemon(), place), "started"


def _supervisor(place: Path) -> tuple[SupervisorBinary, str]:
    found = find_supervisor(place)
    binary = found or build_supervisor(place)
    return binary, f"{binary.path}, {'was there' if found else 'compiled'}"


def _program(engine: Engine, image: ImageInfo, supervisor: SupervisorBinary) -> tuple[str, str]:
    """For an engine that sees no file of this machine."""
    made = carried(engine, image.digest, supervisor.path)
    return made, f"{made.removeprefix('sha256:')[:12]}, the supervisor in a layer above the image"


def _image(engine: Engine, place: Path, report: Report) -> tuple[ImageInfo, str]:
    found = find_image(engine, place)
    image = ensure_image(engine, report=report, cache=place)
    how = "was there" if found else f"built by {image.route}"
    return image, f"{image.tag}, {image.size_bytes / 1e6:.0f} MB, {len(image.packages)} packages, {how}"
