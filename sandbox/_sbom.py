"""What is in the base image: its list of packages read out of it, and told as a CycloneDX document."""

import json
import tempfile
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ._engine import Engine
from ._errors import ImageError
from ._image_info import ImageInfo
from ._lease import LEASE_LABEL, RUN_LABEL, own_lease
from ._packages import STATUS, STATUS_BYTES, installed
from ._tarball import opened

_PHASE = "reading the image's packages"
_NAMESPACE = uuid.UUID("6f6a5e0c-5f5b-5f0e-9c39-0f5f1d0b6c11")
"""Of the serial numbers: one image has one document."""


def packages_in(engine: Engine, digest: str) -> tuple[str, ...]:
    """``name=version`` of every package that is installed in an image, sorted, as the engine holds it.

    Nothing of the image runs. Raises `ImageError` where the list cannot be read, and the engine's errors.
    """
    with tempfile.TemporaryDirectory(prefix="offswitch-image-") as folder:
        tar = Path(folder) / "status.tar"
        _fetch(engine, digest, tar)
        with opened(tar) as archive:
            texts = [archive.content(member, STATUS_BYTES) for name, member in archive.members() if name == "status"]
    if len(texts) != 1:
        raise ImageError(_PHASE, digest, f"it has no {STATUS}")
    return installed(texts[0])


def _fetch(engine: Engine, digest: str, tar: Path) -> None:
    """The one file, as the engine packs it: never more than it can need, and the connection closed hard."""
    labels = {RUN_LABEL: "setup", LEASE_LABEL: own_lease()}
    with engine.phase(_PHASE, digest):
        container: str = engine.api.create_container(digest, ["true"], labels=labels)["Id"]
        try:
            url = f"{engine.api.base_url}/v{engine.api.api_version}/containers/{container}/archive"
            with engine.api.get(url, params={"path": f"/{STATUS}"}, stream=True) as answer, tar.open("wb") as file:
                if not answer.ok:
                    raise ImageError(_PHASE, digest, answer.text[:300].strip())
                for chunk in answer.iter_content(64 << 10):
                    file.write(chunk)
                    if file.tell() > STATUS_BYTES + (1 << 20):
                        raise ImageError(_PHASE, digest, f"its {STATUS} is larger than {STATUS_BYTES} bytes")
        finally:
            engine.remove_container(f"for {digest}", container)


def sbom(image: ImageInfo) -> bytes:
    """A CycloneDX 1.5 document of the packages of an image; the same bytes for the same image."""
    own = {"type": "application", "name": "offswitch"}
    document: dict[str, Any] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, image.digest)}",
        "version": 1,
        "metadata": {
            "timestamp": image.built,
            "tools": {"components": [own]},
            "component": {
                "type": "container",
                "bom-ref": image.digest,
                "name": image.tag.partition(":")[0],
                "version": image.tag.partition(":")[2],
                "hashes": [{"alg": "SHA-256", "content": image.digest.removeprefix("sha256:")}],
            },
        },
        "components": [_component(*package.split("=", 1)) for package in image.packages],
    }
    return (json.dumps(document, indent=1, ensure_ascii=True) + "\n").encode()


def _component(name: str, version: str) -> dict[str, str]:
    purl = f"pkg:deb/debian/{quote(name, safe='')}@{quote(version, safe='')}"
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
