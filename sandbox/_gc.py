"""``offswitch gc``: removes what dead harnesses left on an engine, and nothing that a living one owns."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, cast

from ..records import Model
from ._engine import Engine
from ._engine_answers import OddAnswer, part
from ._errors import ContainerGone, EngineFault, SandboxError
from ._lease import LEASE_LABEL, RUN_LABEL, OwnerState, owner_state, watchdog_name

Kind = Literal["container", "volume", "network", "folder"]


class Removed(Model):
    """An object that was removed, or would have been."""

    kind: Kind
    id: str
    name: str
    run: str
    owner: OwnerState


@dataclass(frozen=True)
class _Found:
    kind: Kind
    id: str
    name: str
    labels: dict[str, str]
    remove: Callable[[], object]


def collect(engine: Engine, *, everything: bool = False, dry_run: bool = False) -> list[Removed]:
    """Remove our containers, volumes and networks whose owner is dead; with ``dry_run`` only name them.

    With ``everything`` also those whose owner cannot be judged: no lease, or one of another process namespace.
    What a living process owns is never touched, by no option, nor what a watchdog is about to sweep. Raises
    `EngineError` kinds; one object that cannot be removed does not keep the others.
    """
    removed: list[Removed] = []
    failed: list[SandboxError] = []
    present = list(_list(engine))
    here = bool(present) and engine.facts().local
    for found in present:
        owner = owner_state(found.labels, here=here)
        if owner == "alive" or (owner == "unknown" and not everything) or _is_being_swept(engine, found):
            continue
        try:
            if dry_run or _removed(engine, found):
                run = found.labels.get(RUN_LABEL, "")
                removed.append(Removed(kind=found.kind, id=found.id, name=found.name, run=run, owner=owner))
        except SandboxError as error:
            failed.append(error)
    if failed:
        raise failed[0]
    return removed


def _is_being_swept(engine: Engine, found: _Found) -> bool:
    """Whether the watchdog of its owner still runs, which has a name for that: it captures before it removes."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(f"\0{watchdog_name(str(found.labels.get(LEASE_LABEL)), engine.identity)}")
        except OSError:
            return True
    return False


def _removed(engine: Engine, found: _Found) -> bool:
    """False where somebody else was faster."""
    try:
        with engine.phase(f"removing a {found.kind}", found.name):
            found.remove()
    except ContainerGone:
        return False
    except EngineFault as error:
        if error.status == 404:
            return False
        raise
    return True


def _list(engine: Engine) -> Iterator[_Found]:
    """Containers first: what they use can go only after them. Each object once, whichever label it carries."""
    api = engine.api
    for label in (RUN_LABEL, LEASE_LABEL):
        only = {"label": label}
        with engine.phase("listing what carries our labels", engine.endpoint):
            containers = _listed(api.containers(all=True, filters=only))
            networks = _listed(api.networks(filters=only))
            volumes = _listed(part(api.volumes(filters=only), "Volumes") or [])
        for one in (*containers, *networks, *volumes):
            found = _found(engine, one)
            if label == RUN_LABEL or RUN_LABEL not in found.labels:
                yield found


def _listed(answer: object) -> list[dict[str, Any]]:
    """A list of objects, as the engine is to answer. Raises `OddAnswer` for anything else."""
    if not isinstance(answer, list):
        raise OddAnswer("it is no list")
    return cast("list[dict[str, Any]]", answer)


def _found(engine: Engine, one: dict[str, Any]) -> _Found:
    api = engine.api
    labels: dict[str, str] = one.get("Labels") or {}
    if "Mountpoint" in one:
        name = str(one["Name"])
        return _Found("volume", name, name, labels, lambda: api.remove_volume(name, force=True))
    identity = str(one["Id"])
    if "Image" in one:
        named: list[str] = one.get("Names") or [identity]
        name = named[0].lstrip("/")
        return _Found(
            "container", identity, name, labels, lambda: engine.remove_container(name, identity, wait_for_others=False)
        )
    return _Found("network", identity, str(one["Name"]), labels, lambda: api.remove_network(identity))
