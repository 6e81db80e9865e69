"""The base image: found by the digest of its recipe, else built once and imported."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ._cache import cache_dir, locked
from ._engine import Engine
from ._engine_answers import part
from ._errors import ImageError
from ._image_info import ImageInfo
from ._pin import check, keep, pinned, unlike
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
from ._sbom import packages_in

REPOSITORY = "offswitch-base"
LABEL = "offswitch.base"
"""Label with the full digest of the recipe; ``.route``, ``.built`` and ``.packages`` stand beside it."""
_IMPORT_WAIT_S = 300.0


def image_tag() -> str:
    """The tag of the image that this version of the recipe gives."""
    return f"{REPOSITORY}:{recipe_digest()[:16]}"


def find_image(engine: Engine, cache: Path | None = None) -> ImageInfo | None:
    """The base image of this recipe on `engine`, or None; its tag on another image is an `ImageError`.

    So is an image that is not the one which was pinned for this engine. Changes nothing.
    """
    tag = image_tag()
    with engine.phase("looking for the base image", tag):
        if not engine.api.images(name=tag):
            return None
        found = engine.api.inspect_image(tag)
        labels: dict[str, str] = part(found, "Config", "Labels") or {}
        digest, size = str(part(found, "Id")), int(part(found, "Size"))
    if labels.get(LABEL) != recipe_digest():
        remedy = f"docker image rm {tag} && offswitch setup"
        raise ImageError("looking for the base image", tag, "another image carries its tag", remedy=remedy)
    info = ImageInfo(
        tag=tag,
        digest=digest,
        packages=tuple(labels[f"{LABEL}.packages"].split()),
        route="registry" if labels[f"{LABEL}.route"] == "registry" else "debootstrap",
        built=labels[f"{LABEL}.built"],
        size_bytes=size,
    )
    pin = pinned(engine, tag, cache_dir(cache))
    if pin is not None:
        check(pin, tag, info.digest, info.packages)
    return info


def need_image(engine: Engine, cache: Path | None = None) -> ImageInfo:
    """The base image of this recipe, pinned. Raises `ImageError` where it is not on the engine, or is another one."""
    found = find_image(engine, cache)
    if found is None:
        raise ImageError("looking for the base image", image_tag(), "it is not on this engine")
    return _trusted(engine, found, cache_dir(cache))


def _trusted(engine: Engine, found: ImageInfo, place: Path) -> ImageInfo:
    """The image as it was found, which from now on it has to be. One that is met first is read through."""
    if pinned(engine, found.tag, place) is None:
        held = packages_in(engine, found.digest)
        if held != found.packages:
            cause = f"its label names other packages than it holds ({unlike(found.packages, held)})"
            remedy = f"docker image rm {found.tag} && offswitch setup"
            raise ImageError("checking the base image", found.tag, cause, remedy=remedy)
        keep(engine, found.tag, found.digest, held, "read", place)
    return found


def ensure_image(
    engine: Engine, *, report: Report = lambda _: None, cache: Path | None = None, route: Route | None = None
) -> ImageInfo:
    """The base image of this recipe, built where it is missing (20 to 60 s).

    `report` is told in a line what takes long. `route` forces one way of building. Raises `ImageError`,
    `SetupError` or `EngineError`; nothing half-built is ever tagged.
    """
    place = cache_dir(cache)
    if found := find_image(engine, place):
        return _trusted(engine, found, place)
    waiting = "another process builds the base image: waiting for it"
    with locked(place / "image.lock", timeout_s=BUILD_TIMEOUT_S, on_wait=lambda: report(waiting)):
        if found := find_image(engine, place):
            return _trusted(engine, found, place)
        _sweep(place)
        return _build(engine, choose_route(engine, route, report), place)


def _sweep(place: Path) -> None:
    """Remove what killed builds left behind; ours is the only one, we hold the lock."""
    mounts = Path("/proc/self/mountinfo").read_text()
    for left in place.glob("image-*"):
        if f" {left}" not in mounts:
            shutil.rmtree(left)


def _build(engine: Engine, route: Route, place: Path) -> ImageInfo:
    with tempfile.TemporaryDirectory(dir=place, prefix="image-") as name:
        work = Path(name)
        # apt downloads as a user of its own, which has to get in here.
        work.chmod(0o755)
        tar = build_rootfs(engine, route, work, place / "logs")
        packages = check_rootfs(tar)
        digest = _import(engine, tar, route, packages, place / "logs" / "import.log")
    if not digest:
        with engine.phase("looking for the base image", image_tag()):
            digest = engine.api.inspect_image(image_tag())["Id"]
    keep(engine, image_tag(), digest, packages, "built", place)
    return need_image(engine, place)


def _import(engine: Engine, tar: Path, route: Route, packages: tuple[str, ...], log: Path) -> str:
    """The digest that the engine's answer gives it: whoever moves the tag in between is found out. "" for none."""
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
        told = follow(_messages(answer.iter_lines()), log, image_tag())
    return next((str(word) for word in told.values() if str(word).startswith("sha256:")), "")


def _messages(lines: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        if line:
            yield json.loads(line)
