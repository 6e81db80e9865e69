"""The directory of a run: begun, gone on with as what it was, and with the proofs that it keeps."""

import hashlib
import json
import shlex
import threading
import uuid
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..environments import Lab
from ..records import MOST_YAML_BYTES, ChainError, RunFacts, RunPaths, RunPlan, RunStore, StorageError, read_plain
from ._errors import RunFailed, SpecError
from ._facts import content_of, engine_of, versions_of
from ._load import Override, load_spec
from ._plan import EpisodePlan
from ._provenance import image_of, keep_sbom, loaded_code
from ._spec import ExperimentSpec
from ._subjects import secrets_of

_PROOF_BYTES = 64 << 20
_HOW = ("parallel", "retries")
"""Keys of an experiment that change how it is run and not what."""


def begin(
    spec: ExperimentSpec,
    folder: Path,
    plans: Sequence[EpisodePlan],
    lab: Lab,
    command: str,
    planned: RunPlan | None = None,
) -> RunStore:
    """A new run. Raises `StorageError` where the directory holds anything or cannot be written."""
    named = {plan.task for plan in plans}
    facts = RunFacts(
        run_id=lab.run_id,
        versions=versions_of(lab),
        engine=engine_of(lab),
        image=image_of(lab),
        seeds=tuple(sorted({plan.seed for plan in plans})),
        tasks=content_of(named),
        command=command,
        supervisor=lab.supervisor_sha256,
        loaded=loaded_code(named),
        planned=planned,
        stop_when=spec.stop_when.model_dump(mode="json") if spec.stop_when else None,
    )
    store = RunStore.create(folder, facts, spec.render(), redactor=secrets_of())
    try:
        _write(store.paths.readme, _readme(store.paths, facts))
        keep_sbom(store, lab)
    except StorageError:
        store.close()
        raise
    return store


def new_run_id(spec: ExperimentSpec) -> str:
    """Never the same twice."""
    return f"{spec.name[:40]}-{uuid.uuid4().hex[:8]}"


def load_run_spec(folder: Path, overrides: Iterable[str | Override] = ()) -> ExperimentSpec:
    """The experiment of a run directory. Raises `SpecError` where it holds none."""
    path = RunPaths(folder).spec
    if not path.is_file():
        raise SpecError(f"run {folder}: holds no {path.name}; give the directory that `offswitch run --out` wrote")
    try:
        text = read_plain(path, MOST_YAML_BYTES)
    except OSError as error:
        raise SpecError(f"run {folder}: its {path.name} cannot be read ({error.strerror})") from error
    if text.startswith(b"branch:"):
        raise SpecError(
            f"run {folder}: holds branches of another run, which are not gone on with; its README.txt has the command"
        )
    return load_spec(path, overrides)


def refuse_another(store: RunStore, spec: ExperimentSpec, plans: Sequence[EpisodePlan], lab: Lab) -> None:
    """A run goes on only as what it was: raises `SpecError` or `RunFailed` for another experiment, task or image."""
    root, manifest = store.paths.root, store.manifest
    if _what(load_run_spec(root)) != _what(spec):
        raise SpecError(
            f"run {root}: was started with another experiment; resume it without one (offswitch run --resume "
            f"--out {root}), or choose another --out"
        )
    content = content_of({plan.task for plan in plans})
    changed = [name for name, digest in content.items() if manifest.tasks.get(name) != digest]
    if changed:
        raise RunFailed(f"run {root}: task {changed[0]} was changed since it began; choose another --out")
    if manifest.image.get("digest") != lab.image:
        raise RunFailed(f"run {root}: began with another base image than {lab.image}; choose another --out")


def _what(spec: ExperimentSpec) -> str:
    return spec.model_copy(update=dict.fromkeys(_HOW, 1)).render()


def _readme(paths: RunPaths, facts: RunFacts) -> str:
    root = shlex.quote(str(paths.root))
    return (
        f"Run {facts.run_id} of offswitch {facts.versions.get('offswitch', '')}, started by\n\n"
        f"    {facts.command or '(a Python program)'}\n\n"
        f"The same experiment again:  offswitch run {shlex.quote(str(paths.spec))} --out NEW-DIR\n"
        f"With this very image only:  the same with --set image={facts.image.get('digest', '')}\n"
        f"Was anything changed?       offswitch verify {root}\n"
        f"The same verdicts again?    offswitch rejudge {root}\n"
        f"For people:                 offswitch report {root}\n\n"
        "episodes/ holds a hash-chained ledger of each episode, evidence/ what they refer to, manifest.json the\n"
        "head of each ledger. In Python: offswitch.analysis.load(DIR).\n"
    )


class ProofKeeper:
    """Proofs of mechanisms in a run directory: a resumed run need not prove them again."""

    def __init__(self, store: RunStore, lab: Lab) -> None:
        """Hand the kept proofs to the lab. Raises `ChainError` for one that was changed."""
        self._store = store
        self._lab = lab
        self._lock = threading.Lock()
        lab.proofs.update(self._kept())
        self._saved = set(lab.proofs)

    def save(self) -> None:
        """Write and anchor what was proven since. Raises `StorageError`."""
        with self._lock:
            for key in sorted(set(self._lab.proofs) - self._saved):
                path = self._store.paths.proofs / f"{key}.json"
                _write(path, json.dumps(self._lab.proofs[key], sort_keys=True))
                self._store.anchor_file(path)
                self._saved.add(key)

    def _kept(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Only what the manifest anchors: any other file proves nothing."""
        for name, digest in self._store.manifest.files.items():
            path = self._store.paths.root / name
            if path.parent != self._store.paths.proofs:
                continue
            try:
                content = read_plain(path, _PROOF_BYTES)
            except OSError as error:
                raise StorageError(error.errno, f"{path}: {error.strerror}") from error
            if hashlib.sha256(content).hexdigest() != digest:
                raise ChainError(f"{path}: was changed; `offswitch verify {self._store.paths.root}` shows what else")
            yield path.stem, json.loads(content)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageError(error.errno, f"write {path}: {error.strerror}") from error
