"""Which image an engine had when it was trusted: built by us, or read through. Another one under its tag is refused."""

import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from ..records import Model
from ._engine import Engine
from ._errors import ImageError

_MOST_PINS = 200
"""Engines come and go; the oldest pins are let go of."""
_PIN_BYTES = 1 << 20


class Pin(Model):
    """One image on one engine."""

    tag: str
    digest: str
    """The engine's id of the image."""
    packages: tuple[str, ...]
    """What was found in it, ``name=version``, sorted; no label's word for it."""
    how: Literal["built", "read"]
    """Whether we made it, or found it there and read its list of packages."""
    when: str
    """UTC, ISO 8601."""


def pinned(engine: Engine, tag: str, cache: Path) -> Pin | None:
    """The pin of a tag on an engine; None where there is none yet. Raises `ImageError` for one that cannot be read."""
    path = _path(engine, tag, cache)
    try:
        with path.open("rb") as file:
            found = Pin.model_validate_json(file.read(_PIN_BYTES), strict=True)
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        cause = f"its pin {path} cannot be read ({type(error).__name__})"
        raise ImageError("checking the base image", tag, cause, remedy=f"rm {path} && offswitch setup") from error
    return found


def check(pin: Pin, tag: str, digest: str, packages: tuple[str, ...]) -> None:
    """Raises `ImageError` where an image is not the pinned one, or names other packages."""
    if (pin.tag, pin.digest) != (tag, digest):
        cause = f"{digest} carries the tag, and on {pin.when} it was {pin.digest}: it was changed since"
    elif pin.packages != packages:
        cause = f"its label names other packages than it holds ({unlike(packages, pin.packages)})"
    else:
        return
    raise ImageError("checking the base image", tag, cause, remedy=f"docker image rm {tag} && offswitch setup")


def unlike(told: tuple[str, ...], held: tuple[str, ...]) -> str:
    """The first packages in which two lists differ, in words."""
    return ", ".join(sorted(set(told) ^ set(held))[:5]) or "their order"


def keep(
    engine: Engine, tag: str, digest: str, packages: tuple[str, ...], how: Literal["built", "read"], cache: Path
) -> Pin:
    """Trust an image from now on; an older pin of its tag on this engine is replaced as a whole."""
    when = datetime.now(UTC).isoformat(timespec="seconds")
    pin = Pin(tag=tag, digest=digest, packages=packages, how=how, when=when)
    path = _path(engine, tag, cache)
    path.parent.mkdir(mode=0o755, exist_ok=True)
    scratch = path.with_suffix(f".{os.getpid()}.tmp")
    scratch.write_text(json.dumps(pin.model_dump(mode="json"), indent=1) + "\n", encoding="utf-8")
    scratch.replace(path)
    _let_go(path.parent)
    return pin


def _path(engine: Engine, tag: str, cache: Path) -> Path:
    # All engines of a machine may share one name, and Podman gives itself another one with every answer.
    who = engine.identity if engine.told.kind == "docker" else ""
    key = hashlib.sha256("\0".join((engine.told.kind, who, engine.endpoint, tag)).encode()).hexdigest()[:32]
    return cache / "pins" / f"{key}.json"


def _let_go(folder: Path) -> None:
    by_age = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
    for path in by_age[:-_MOST_PINS]:
        path.unlink(missing_ok=True)
