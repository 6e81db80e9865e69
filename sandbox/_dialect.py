"""What engines other than Docker's own want to be asked differently."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ._cache import cache_dir
from ._carried import carried
from ._engine import Engine
from ._errors import EngineFault
from ._profile import SUPERVISOR_PATH, Profile
from ._types import Entry

_PREFIX = "seccomp="
_MOST_PROCESSES = 16384
"""Podman asks for a million where nobody asks, which a service without CAP_SYS_RESOURCE may not; the control group
holds the limit that counts."""
_REFUSED = {"nr_inodes", "uid", "gid"}


def spoken(engine: Engine, config: Mapping[str, Any], *, cache: Path | None = None) -> dict[str, Any]:
    """The body of a create call as this engine understands it, with the runtime that was chosen for it."""
    asked = dict(config)
    host = asked["HostConfig"] = dict(config["HostConfig"])
    if engine.runtime is not None:
        host.setdefault("Runtime", engine.runtime)
    if not engine.told.local:
        ours = next(Path(mount["Source"]) for mount in host["Mounts"] if mount["Target"] == SUPERVISOR_PATH)
        host["Mounts"] = [mount for mount in host["Mounts"] if mount["Target"] != SUPERVISOR_PATH]
        asked["Image"] = carried(engine, config["Image"], ours)
    if engine.told.kind == "podman":
        host["SecurityOpt"] = [_by_path(option, cache) for option in host["SecurityOpt"]]
        host["Ulimits"] = [*host["Ulimits"], {"Name": "nproc", "Soft": _MOST_PROCESSES, "Hard": _MOST_PROCESSES}]
        host["Tmpfs"] = {where: _known(options) for where, options in host["Tmpfs"].items()}
    return asked


def _known(options: str) -> str:
    """Without the limit on the number of files, an option that Podman refuses; the limit on bytes stays."""
    return ",".join(option for option in options.split(",") if option.partition("=")[0] not in _REFUSED)


def _by_path(option: str, cache: Path | None) -> str:
    """Podman takes the profile's text for the name of a file, which has to be there when the container starts."""
    if not option.startswith(_PREFIX + "{"):
        return option
    text = option.removeprefix(_PREFIX)
    json.loads(text)
    path = cache_dir(cache) / f"seccomp-{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
    return f"{_PREFIX}{path}"


def owners(engine: Engine, profile: Profile) -> list[Entry]:
    """The writable places whose owner Podman cannot be told: they are given to them before anybody comes."""
    if engine.told.kind != "podman":
        return []
    places = profile.places
    return [Entry(place.path, kind="dir", mode=place.mode, uid=place.uid, gid=place.uid) for place in places]


def make_attachable(engine: Engine, name: str, container_id: str) -> None:
    """Podman lets nobody attach to what is only written down: have it set up by the runtime, not yet started."""
    if engine.told.kind != "podman":
        return
    with engine.phase("setting up the container", name):
        answer = engine.api.post(f"{engine.api.base_url}/v4.0.0/libpod/containers/{container_id}/init")
        if answer.status_code not in (204, 304):
            raise EngineFault("setting up the container", name, f"the engine answered {answer.text[:500]}")
