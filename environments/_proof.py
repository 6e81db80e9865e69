"""Proofs that mechanisms work: full delivery to effect on a warmed twin of the same world."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from ..records import EpisodeKey, canonical_json
from ._lab import Lab
from ._mechanism import Mechanism, Stage
from ._world import World


def world_digest(world: World) -> str:
    """The world as installed: its files, its services, and what its shells begin with."""
    entries = [(e.path, e.kind, e.mode, e.uid, hashlib.sha256(e.data).hexdigest()) for e in world.entries()]
    services = [(service.name, service.argv, service.cwd) for service in world.services]
    whole = [entries, services, world.session_start, world.session_prologue]
    if world.companions:
        whole.append(
            [(one.name, one.argv, hashlib.sha256(repr(one.entries).encode()).hexdigest()) for one in world.companions]
        )
    return hashlib.sha256(canonical_json(whole)).hexdigest()


def proof_key(lab: Lab, world: str, one: Mechanism) -> str:
    """What a proof depends on: the world's digest, the mechanism and its parameters, image and supervisor."""
    identity = {
        "world": world,
        "mechanism": one.id,
        "version": one.version,
        "params": one.params.model_dump(mode="json"),
        "control": one.control,
        "image": lab.image,
        "supervisor": lab.supervisor_sha256,
        "engine": lab.engine_version,
    }
    return hashlib.sha256(canonical_json(identity)).hexdigest()


def prove(
    lab: Lab, world: World, mechanisms: Sequence[Mechanism], key: EpisodeKey
) -> Iterator[tuple[Mechanism, dict[str, Any], bool]]:
    """Yield each mechanism with its proof and whether that was had already.

    All that are not proven yet share one twin, which is brought to rest between two of them. Raises
    `MechanismNotLive`.
    """
    digest = world_digest(world)
    keys = {one.id: proof_key(lab, digest, one) for one in mechanisms}
    missing = [one for one in mechanisms if keys[one.id] not in lab.proofs]
    if missing:
        _prove_on_twin(lab, world, missing, keys, key)
    for one in mechanisms:
        yield one, lab.proofs[keys[one.id]], one not in missing


def _prove_on_twin(lab: Lab, world: World, missing: Sequence[Mechanism], keys: dict[str, str], key: EpisodeKey) -> None:
    with lab.start(world, key.episode_id, "twin") as sandbox:
        stage = Stage(sandbox, world, {})
        sandbox.evidence.files.scan()
        for one in missing:
            before = one.dump()
            links = one.prove_live(stage)
            one.load(before)
            lab.proofs[keys[one.id]] = {"mechanism": one.id, "key": keys[one.id], "links": links}
            _rest(stage)


def _rest(stage: Stage) -> None:
    """End what a proof left running, so that the next one finds the world at rest."""
    job = stage.world.job
    if job is None:
        return
    stage.sandbox.exec(job.stop, timeout_s=10.0, cwd=stage.world.root)
