"""Our program in a layer of its own above the base image: for an engine that sees no file of this machine."""

import hashlib
import os
import threading
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from ._binary import MODE
from ._cache import cache_dir, locked
from ._engine import Engine
from ._errors import ImageError
from ._profile import SUPERVISOR_PATH
from ._rootfs import follow
from ._tarball import pack

REPOSITORY = "offswitch-program"
LABEL = "offswitch.program"
"""Label with the digest of what the image is made of."""
_WAIT_S = 300.0
_known: WeakKeyDictionary[Engine, dict[tuple[str, Path], str]] = WeakKeyDictionary()
"""By connection: engines on copies of one machine call themselves alike."""
_making = threading.Lock()


def carried(engine: Engine, image: str, supervisor: Path) -> str:
    """The image ``image`` with the program in its place, made where the engine has none: its id.

    Raises `ImageError` and the engine's errors.
    """
    with _making:
        known, key = _known.setdefault(engine, {}), (image, supervisor)
        if key not in known:
            known[key] = _find_or_make(engine, image, _content(supervisor))
        return known[key]


def _find_or_make(engine: Engine, image: str, program: bytes) -> str:
    digest = hashlib.sha256(image.encode() + b"\0" + program).hexdigest()
    tag = f"{REPOSITORY}:{digest[:16]}"
    with engine.phase("looking for the image with our program", tag):
        there = bool(engine.api.images(name=tag))
    if not there:
        _make(engine, image, program, tag, digest)
    with engine.phase("looking for the image with our program", tag):
        found: dict[str, Any] = engine.api.inspect_image(tag)
    labels: dict[str, str] = found["Config"]["Labels"] or {}
    if labels.get(LABEL) != digest:
        remedy = f"docker image rm {tag}"
        raise ImageError("looking for the image with our program", tag, "another image carries its tag", remedy=remedy)
    return str(found["Id"])


def _make(engine: Engine, image: str, program: bytes, tag: str, digest: str) -> None:
    """Nothing runs for it: a folder with one file, above the image."""
    name = SUPERVISOR_PATH.strip("/")
    recipe = f"FROM {image}\nCOPY {name} {SUPERVISOR_PATH}\nLABEL {LABEL}={digest}\n".encode()
    packed = pack({"Dockerfile": (recipe, 0o644), name: (program, MODE)})
    options = {"rm": True, "forcerm": True, "decode": True, "network_mode": "none"}
    with engine.phase("carrying our program to the engine", tag):
        answers = engine.within(_WAIT_S).build(fileobj=packed, custom_context=True, tag=tag, **options)
        follow(answers, cache_dir() / "logs" / "carry.log", tag)


def _content(supervisor: Path) -> bytes:
    """The bytes of the binary, which its mode keeps even from its owner."""
    if os.access(supervisor, os.R_OK):
        return supervisor.read_bytes()
    with locked(supervisor.with_name("carry.lock"), timeout_s=_WAIT_S):
        supervisor.chmod(MODE | 0o400)
        try:
            return supervisor.read_bytes()
        finally:
            supervisor.chmod(MODE)
