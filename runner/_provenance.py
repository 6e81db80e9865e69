"""Where all that takes part in a run comes from: the image with its packages, our first process, and loaded code."""

import hashlib
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..environments import Lab, mechanisms
from ..monitors import protocols, suspicion
from ..monitors.integrity import integrity_monitors
from ..records import RunPaths, RunStore, StorageError, load_manifest
from ..sandbox import connect, ensure_image, need_image, sbom
from ..tasks import tasks
from ._errors import RunFailed
from ._facts import folder_digest, folder_of


def image_of(lab: Lab) -> dict[str, Any]:
    """Tag, digest and packages of the base image, and the name and digest of their list. Raises `ImageError`."""
    image = need_image(lab.engine)
    name = RunPaths(Path()).sbom.name
    told = {"file": name, "format": "CycloneDX 1.5", "sha256": hashlib.sha256(sbom(image)).hexdigest()}
    return {**image.model_dump(mode="json"), "sbom": told}


def keep_sbom(store: RunStore, lab: Lab) -> None:
    """Put the list of the image's packages beside the run and anchor it, unless it is there. Raises `StorageError`."""
    path = store.paths.sbom
    if path.name in store.manifest.files:
        return
    try:
        path.write_bytes(sbom(need_image(lab.engine)))
    except OSError as error:
        raise StorageError(error.errno, f"write {path}: {error.strerror}") from error
    store.anchor_file(path)


def loaded_code(names: Iterable[str]) -> dict[str, Any]:
    """Code that could take part, by kind and id, and what of it could not be loaded. ``names``: the tasks."""
    of_tasks = {name: tasks()[name].__module__ for name in sorted(names)}
    return {
        "tasks": {
            name: {**_own(module), "sha256": folder_digest(folder_of(module))} for name, module in of_tasks.items()
        },
        "mechanisms": {name: _own(kind.__module__) for name, kind in sorted(mechanisms().items())},
        "integrity": {name: _own(kind.__module__) for name, kind in integrity_monitors().items()},
        "suspicion": {name: asdict(origin) for name, origin in suspicion.origins().items()},
        "protocols": {name: asdict(origin) for name, origin in protocols.origins().items()},
        "broken": {**suspicion.broken(), **protocols.broken()},
    }


def _own(module: str) -> dict[str, str]:
    """A module that is found by its place; what stands elsewhere was registered by somebody's program."""
    file = Path(str(sys.modules[module].__file__))
    ours = module.startswith(f"{__name__.partition('.')[0]}.")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return {"module": module, "distribution": "offswitch" if ours else "unknown", "sha256": digest}


def image_here() -> str:
    """Digest of the base image that the configured engine has, or is given now. Raises the sandbox's errors."""
    with connect() as engine:
        return ensure_image(engine).digest


def refuse_another_image(wanted: str | None, folder: Path, *, resume: bool) -> None:
    """Before anything asks a model: raises `RunFailed` where the engine's image is not the one of the experiment.

    ``wanted`` is the digest that the experiment names; a run that is gone on with wants its own. Raises the
    sandbox's errors, also where the image is not the one that was pinned.
    """
    manifest = RunPaths(folder).manifest
    if resume and manifest.is_file():
        wanted = wanted or load_manifest(manifest).image.get("digest")
    found = image_here()
    if wanted not in (None, found):
        raise RunFailed(
            f"run {folder}: wants the base image {wanted}, and this engine has {found}; run it where that image is "
            "(docker save and docker load carry it), or choose another --out and leave the digest out"
        )
