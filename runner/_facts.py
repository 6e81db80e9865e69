"""What a run was made of: versions, the engine, the image, and the content of its tasks."""

import hashlib
import importlib
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ..environments import Lab
from ..monitors.integrity import Panel
from ..records import canonical_json
from ..tasks import tasks

_LIBRARIES = (
    "offswitch",
    "docker",
    "genai-prices",
    "gymnasium",
    "jsonschema",
    "langchain",
    "langchain-openai",
    "numpy",
    "pydantic",
    "xllamacpp",
)


def versions_of(lab: Lab) -> dict[str, str]:
    """Versions of what decides how an episode goes; a library that is not installed is left out."""
    found = {"python": platform.python_version(), "kernel": lab.engine.told.kernel, "engine": lab.engine_version}
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found


def engine_of(lab: Lab) -> dict[str, Any]:
    """Facts of the Docker Engine. Raises `EngineError`."""
    return lab.engine.facts().model_dump(mode="json")


def content_of(names: Iterable[str]) -> dict[str, str]:
    """Task → hash over every file of its folder: story, world, verifier, cast."""
    return {name: folder_digest(folder_of(tasks()[name].__module__)) for name in names}


def monitors_digest() -> str:
    """Hash over the integrity monitors, as they would judge now."""
    return folder_digest(folder_of(Panel.__module__))


def folder_digest(folder: Path) -> str:
    """Hash over names and contents of all files; what Python leaves there by itself does not count."""
    files = [file for file in sorted(folder.rglob("*")) if file.is_file() and "__pycache__" not in file.parts]
    listed = [(file.relative_to(folder).as_posix(), hashlib.sha256(file.read_bytes()).hexdigest()) for file in files]
    return hashlib.sha256(canonical_json(listed)).hexdigest()


def folder_of(module: str) -> Path:
    """The folder in which a module's file lies."""
    return Path(str(importlib.import_module(module).__file__)).parent
