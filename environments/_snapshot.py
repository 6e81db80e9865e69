"""The whole state of an episode between two steps: the files, the host's side of it, and how it is reached again."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import ValidationError

from ..records import EvidenceStore, Model, ProcessSeen, Route, Scenario, SchemaError, Sha256, SnapshotTaken
from ..sandbox import Packed, Tree, TreeMoved, pack, survey
from ._saved import dump
from ._session import remembered

if TYPE_CHECKING:
    from ._episode import Episode

_SHELL = "main"
_QUEUES = "/dev/mqueue/"


class Snapshot(Model):
    """A state, as it lies in the evidence store. Equal digests of it mean equal states."""

    format: Literal[1] = 1
    task: str
    seed: int
    image: str
    supervisor: str
    scenario: Scenario
    step: int
    manifest_digest: Sha256
    """Of the file evidence after that step."""
    tree: Tree | None
    """None where files moved while they were read: then only the recorded calls lead there again."""
    at: dict[str, int]
    """Path of a file → where its data begins in the pack."""
    host: dict[str, Any]
    """`Episode.dump`."""
    services: tuple[str, ...]
    """Declared services that ran."""
    reasons: tuple[str, ...]
    """Why files and host state are not all of it; empty where they are."""

    @property
    def route(self) -> Route:
        """How this state is reached again."""
        return "replay" if self.reasons or self.tree is None else "files"


class Stored(NamedTuple):
    """A snapshot and where it lies."""

    snapshot: Snapshot
    digest: str
    pack_digest: str
    pack: bytes

    @property
    def packed(self) -> Packed:
        """The files, ready to be restored. Only where there is a tree."""
        assert self.snapshot.tree is not None, "the route by files needs a tree"
        return Packed(self.snapshot.tree, self.pack, self.snapshot.at)


def take_snapshot(episode: "Episode") -> Stored:
    """Store the state of an episode between two steps. The container is frozen while it is read.

    Raises `StorageError` where it cannot be stored.
    """
    packed, reasons = _files(episode)
    services, undeclared = _processes(episode)
    snapshot = Snapshot(
        task=episode.task.id,
        seed=episode.key.seed,
        image=episode.lab.image,
        supervisor=episode.lab.supervisor_sha256,
        scenario=episode.scenario,
        step=episode.steps,
        manifest_digest=episode.sandbox.evidence.files.digest,
        tree=packed.tree if packed else None,
        at=packed.at if packed else {},
        host=dump(episode),
        services=services,
        reasons=tuple(
            dict.fromkeys([*reasons, *undeclared, *_beside(episode), *_memory(episode), *_odd_files(packed)])
        ),
    )
    content = packed.pack if packed else b""
    digest = episode.store.put_json(snapshot.model_dump(mode="json"))
    return Stored(snapshot, digest, episode.store.put(content), content)


def taken(stored: Stored) -> SnapshotTaken:
    """The record of a snapshot."""
    return SnapshotTaken(
        step=stored.snapshot.step,
        snapshot=stored.digest,
        pack=stored.pack_digest,
        manifest_digest=stored.snapshot.manifest_digest,
        route=stored.snapshot.route,
        reasons=stored.snapshot.reasons,
    )


def load_snapshot(store: EvidenceStore, digest: str, pack_digest: str) -> Stored:
    """A stored snapshot. Raises `ChainError` or `StorageError` where it is damaged or gone, `SchemaError`."""
    content = store.get(digest)
    try:
        snapshot = Snapshot.model_validate_json(content)
    except ValidationError as error:
        raise SchemaError(f"artifact {digest} is no snapshot of this version: {error.errors()[0]['msg']}") from error
    return Stored(snapshot, digest, pack_digest, store.get(pack_digest))


def _files(episode: "Episode") -> tuple[Packed | None, list[str]]:
    evidence = episode.sandbox.evidence
    frozen = evidence.processes.others() and evidence.cgroup.freeze()
    try:
        return pack(evidence.files, survey(evidence.files)), []
    except TreeMoved as moved:
        return None, [f"files moved since they were last looked at: {moved}"]
    finally:
        if frozen:
            evidence.cgroup.thaw()


def _processes(episode: "Episode") -> tuple[tuple[str, ...], list[str]]:
    """Declared services that run, and everybody else but the shell that a fresh container has as well."""
    declared = {service.name for service in episode.world.services}
    services: list[str] = []
    others: list[str] = []
    for process in episode.sandbox.evidence.processes.scan():
        if process.state == "Z" or _is_shell(process):
            continue
        if process.service in declared:
            services.append(process.service)
        else:
            others.append(f"process {process.comm!r} is alive ({process.service or process.session or 'undeclared'})")
    return tuple(dict.fromkeys(services)), others


def _beside(episode: "Episode") -> Iterator[str]:
    """Other containers of the same world, whose files and processes nobody looks at."""
    for one in episode.world.companions:
        yield f"the companion {one.name!r} has a state of its own"


def _is_shell(process: ProcessSeen) -> bool:
    return process.session == _SHELL and process.pid == process.sid


def _memory(episode: "Episode") -> Iterator[str]:
    """What the shell that is alive may remember, and a fresh one would not."""
    for call in episode.panel.view.calls:
        if call.decided.executed and call.decided.tool == "bash":
            command = call.arguments.get("command")
            what = remembered(command) if isinstance(command, str) else "a command of which only a part is recorded"
            if what is not None:
                yield f"the shell may remember {what} of step {call.decided.step}"
    home = f"{episode.world.profile.home}/.bashrc"
    path = next(value[5:] for value in episode.world.profile.env if value.startswith("PATH="))
    for changed in sorted(episode.changed_paths):
        if changed == home:
            yield f"{changed} was changed since the shell read it"
        elif changed.rpartition("/")[0] in path.split(":"):
            yield f"{changed} was changed, and the shell may remember where it found a program"


def _odd_files(packed: Packed | None) -> Iterator[str]:
    for node in packed.tree.nodes if packed else ():
        if node.attributes:
            yield f"{node.path} has extended attributes"
        if node.state.kind == "fifo" or node.path.startswith(_QUEUES):
            yield f"{node.path} is a {node.state.kind} that cannot be made again"
