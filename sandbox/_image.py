"""The base image: found by the digest of its recipe, else built once and imported."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..records import Model
from ._cache import cache_dir, locked
from ._engine import Engine
from ._errors import ImageError
from ._rootfs import (
    BUILD_TIMEOUT_S,
    Report,
    Route,
    build_rootfs,
    check_rootfs,
    choose_route,
    follow,
    recipe_digest,
)

REPOSITORY = "offswitch-base"
LABEL = "offswitch.base"
"""Label with the full digest of the recipe; ``.route``, ``.built`` and ``.packages`` stand beside it."""
_IMPORT_WAIT_S = 300.0


class ImageInfo(Model):
    """The base image on one engine."""

    tag: str
    digest: str
    """The engine's id of the image: what containers are made from, and what a run records."""
    packages: tuple[str, ...]
    """``name=version``, sorted."""
    route: Route
    built: str
    """UTC, ISO 8601."""
    size_bytes: int


def image_tag() -> str:
    """The tag of the image that this version of the recipe gives."""
    return f"{REPOSITORY}:{recipe_digest()[:16]}"


def find_image(engine: Engine) -> ImageInfo | None:
    """The base image of this recipe on `engine`, or None; its tag on another image is an `ImageError`."""
    tag = image_tag()
    with engine.phase("looking for the base image", tag):
        if not engine.api.images(name=tag):
            return None
        found: dict[str, Any] = engine.api.inspect_image(tag)
    labels: dict[str, str] = found["Config"]["Labels"] or {}
    if labels.get(LABEL) != recipe_digest():
        remedy = f"docker image rm {tag} && offswitch setup"
        raise ImageError("looking for the base image", tag, "another image carries its tag", remedy=remedy)
    return ImageInfo(
        tag=tag,
        digest=found["Id"],
        packages=tuple(labels[f"{LABEL}.packages"].split()),
        route="registry" if labels[f"{LABEL}.route"] == "registry" else "debootstrap",
        built=labels[f"{LABEL}.built"],
        size_bytes=found["Size"],
    )


def need_image(engine: Engine) -> ImageInfo:
    """The base image of this recipe. Raises `ImageError` where it is not on the engine."""
    found = find_image(engine)
    if found is None:
        raise ImageError("looking for the base image", image_tag(), "it is not on this engine")
    return found


def ensure_image(
    engine: Engine, *, report: Report = lambda _: None, cache: Path | None = None, route: Route | None = None
) -> ImageInfo:
    """The base image of this recipe, built where it is missing (20 to 60 s).

    `report` is told in a line what takes long. `route` forces one way of building. Raises `ImageError`,
    `SetupError` or `EngineError`; nothing half-built is ever tagged.
    """
    if found := find_image(engine):
        return found
    place = cache_dir(cache)
    waiting = "another process builds the base image: waiting for it"
    with locked(place / "image.lock", timeout_s=BUILD_TIMEOUT_S, on_wait=lambda: report(waiting)):
        if found := find_image(engine):
            return found
        _sweep(place)
        _build(engine, choose_route(engine, route, report), place)
    return need_image(engine)


def _sweep(place: Path) -> None:
    """Remove what killed builds left behind; ours is the only one, we hold the lock."""
    mounts = Path("/proc/self/mountinfo").read_text()
    for left in place.glob("image-*"):
        if f" {left}" not in mounts:
            shutil.rmtree(left)


def _build(engine: Engine, route: Route, place: Path) -> None:
    with tempfile.TemporaryDirectory(dir=place, prefix="image-") as name:
        work = Path(name)
        # apt downloads as a user of its own, which has to get in here.
        work.chmod(0o755)
        tar = build_rootfs(engine, route, work, place / "logs")
        packages = check_rootfs(tar)
        _import(engine, tar, route, packages, place / "logs" / "import.log")


def _import(engine: Engine, tar: Path, route: Route, packages: tuple[str, ...], log: Path) -> None:
    labels = {
        LABEL: recipe_digest(),
        f"{LABEL}.route": route,
        f"{LABEL}.built": datetime.now(UTC).isoformat(timespec="seconds"),
        f"{LABEL}.packages": " ".join(packages),
    }
    changes = [
        *(f'LABEL {name}="{value}"' for name, value in labels.items()),
        "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8",
        "WORKDIR /work",
        'CMD ["/bin/bash"]',
    ]
    repository, _, tag = image_tag().partition(":")
    query = {"fromSrc": "-", "repo": repository, "tag": tag, "changes": changes}
    api = engine.within(_IMPORT_WAIT_S)
    # The SDK's own import has no deadline and swallows an error that comes in the stream.
    url = f"{api.base_url}/v{api.api_version}/images/create"
    headers = {"Content-Type": "application/tar"}
    with (
        engine.phase("importing the base image", image_tag()),
        tar.open("rb") as file,
        api.post(url, data=file, params=query, headers=headers, stream=True) as answer,
    ):
        if not answer.ok:
            raise ImageError("importing the base image", image_tag(), answer.text.strip())
        follow(_messages(answer.iter_lines()), log, image_tag())


def _messages(lines: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        if line:
            yield json.loads(line)
