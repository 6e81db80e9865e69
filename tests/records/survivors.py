"""What must be there after a disk has failed or the power was cut: everything that was acknowledged, and no damage."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from offswitch.records import RunPaths, RunStore, verify_run

from .example import SPEC, facts, run_episode

_EXPLAINED = ("unsealed", "torn")
"""Findings that every crash leaves until the run is gone on with."""


def missing(folder: Path, acknowledged: Iterable[str]) -> list[str]:
    """What is wrong with the run below a folder, in words; afterwards it has been gone on with to its end."""
    said = [tuple(one.split()) for one in acknowledged]
    paths = RunPaths(folder / "RUN")
    if not paths.manifest.exists():
        return ["the run was begun and has no manifest"] if ("begun",) in said else _started_again(paths)
    damage = [str(one) for one in verify_run(paths).findings if not _explained(one.kind, one.text)]
    return damage or _resumed(paths, said)


def _explained(kind: str, text: str) -> bool:
    return kind in _EXPLAINED or (kind == "verdicts" and text == "is not in the manifest")


def _started_again(paths: RunPaths) -> list[str]:
    """A start that failed bars no other."""
    with RunStore.create(paths.root, facts(), SPEC) as store:
        run_episode(store, "e1")
    return [str(one) for one in verify_run(paths).findings]


def _resumed(paths: RunPaths, said: list[tuple[str, ...]]) -> list[str]:
    with RunStore.resume(paths.root) as store:
        lost = [" ".join(one) for one in said if not _holds(store, one)]
        run_episode(store, "afterwards")
    return lost + [str(one) for one in verify_run(paths).findings]


def _holds(store: RunStore, said: tuple[str, ...]) -> bool:
    """Whether one thing that was acknowledged is there."""
    kind, rest = said[0], said[1:]
    if kind == "record":
        episode, count = rest
        return store.anchor(episode).count >= int(count)
    if kind == "artifact":
        return store.evidence.check(rest[0]) is None
    if kind == "sealed":
        return rest[0] in store.finished
    if kind == "judged":
        return len(store.verdicts(rest[0], "v2")) == 1
    if kind == "anchored":
        return rest[0] in store.manifest.files
    assert kind in ("begun", "closed"), kind
    return True


def summary(counted: Counter[str]) -> str:
    """Calls by how often they were met."""
    return ", ".join(f"{name} {number}" for name, number in counted.most_common())
