"""Row J1 of the fault matrix (docs/design/security.md §4.2): which image is run, and what is told of its content.

On the machine's own engine, under names of our own: nobody else's tag is moved.
"""

import json
import uuid
from collections.abc import Generator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from offswitch.sandbox import Engine, ImageError, ImageInfo, ensure_image, need_image, sbom
from offswitch.sandbox import _pin as pin
from offswitch.sandbox._image import LABEL, find_image, image_tag
from offswitch.sandbox._lease import LEASE_LABEL, RUN_LABEL, own_lease
from offswitch.sandbox._sbom import packages_in

from .fake_engine import INFO, Answer, engine_that, known

pytestmark = pytest.mark.faults
docker = pytest.mark.docker


class Tagged:
    """The base image under a tag that a test may move."""

    def __init__(self, engine: Engine, base: ImageInfo) -> None:
        self.engine = engine
        self.base = base
        self._put(base.digest)

    def _put(self, digest: str) -> None:
        repository, _, tag = image_tag().partition(":")
        self.engine.api.tag(digest, repository, tag, force=True)

    def change(self, *changes: str) -> str:
        """Put another image under the tag, with the labels of the first but for the changes; its digest."""
        labels = {RUN_LABEL: "test", LEASE_LABEL: own_lease()}
        container = self.engine.api.create_container(self.base.digest, ["true"], labels=labels)["Id"]
        try:
            made: str = self.engine.api.commit(container, changes=list(changes))["Id"]
        finally:
            self.engine.api.remove_container(container, force=True)
        self._put(made)
        return made

    def close(self) -> None:
        """The tag goes, and with it an image that has no other name."""
        self.engine.api.remove_image(image_tag(), force=True)


@pytest.fixture
def tagged(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Generator[Tagged]:
    base = ensure_image(engine)
    monkeypatch.setattr("offswitch.sandbox._image.REPOSITORY", f"offswitch-test-{uuid.uuid4().hex[:8]}")
    made = Tagged(engine, base)
    yield made
    made.close()


@docker
def test_j1_an_image_that_was_changed_under_its_tag_is_refused(tagged: Tagged, tmp_path: Path) -> None:
    """Row J1: tag and labels are as ever, the content is another one; the first image is the control."""
    engine = tagged.engine
    first = need_image(engine, tmp_path)
    assert first.digest == tagged.base.digest
    assert need_image(engine, tmp_path) == ensure_image(engine, cache=tmp_path) == first
    other = tagged.change()
    looks = (partial(find_image, engine), partial(need_image, engine), partial(ensure_image, engine))
    for look in looks:
        with pytest.raises(ImageError, match=rf"{other}.*it was changed since.*docker image rm"):
            look(cache=tmp_path)


@docker
def test_j1_an_image_that_holds_other_packages_than_its_label_names_is_refused(tagged: Tagged, tmp_path: Path) -> None:
    """Row J1: what was never pinned here is read through before it is trusted, without running anything of it."""
    engine = tagged.engine
    assert packages_in(engine, tagged.base.digest) == tagged.base.packages
    told = " ".join((*tagged.base.packages, "zzz-nothing=1.0"))
    tagged.change(f'LABEL {LABEL}.packages="{told}"')
    assert find_image(engine, tmp_path) is not None, "the label by itself is believable"
    with pytest.raises(ImageError, match=r"names other packages than it holds \(zzz-nothing=1\.0\)"):
        need_image(engine, tmp_path)
    assert pin.pinned(engine, image_tag(), tmp_path) is None


@docker
def test_j1_a_pin_that_was_written_over_is_no_pin(tagged: Tagged, tmp_path: Path) -> None:
    """Row J1: what cannot be read refuses; it is not taken for "never pinned"."""
    need_image(tagged.engine, tmp_path)
    (path,) = (tmp_path / "pins").iterdir()
    for content in ("", "{}", "[" * 5000, path.read_text() + "x"):
        path.write_text(content)
        with pytest.raises(ImageError, match=r"its pin .* cannot be read.*rm "):
            need_image(tagged.engine, tmp_path)


def test_j1_each_engine_has_its_own_pin_and_old_ones_are_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row J1: the same tag is another image on another engine."""
    monkeypatch.setattr(pin, "_MOST_PINS", 3)
    for number in range(5):
        named: dict[str, Answer] = {"/info": (200, {**INFO, "ID": f"engine {number}"})}
        with engine_that(known(named)) as endpoint, Engine({"base_url": endpoint}) as engine:
            assert pin.pinned(engine, "t:1", tmp_path) is None
            kept = pin.keep(engine, "t:1", f"sha256:{number}", ("a=1",), "built", tmp_path)
            assert pin.pinned(engine, "t:1", tmp_path) == kept
            pin.check(kept, "t:1", f"sha256:{number}", ("a=1",))
            with pytest.raises(ImageError, match="it was changed since"):
                pin.check(kept, "t:1", f"sha256:{number + 1}", ("a=1",))
        with engine_that(known(named)) as endpoint, Engine({"base_url": endpoint}) as engine:
            assert pin.pinned(engine, "t:1", tmp_path) is None, "another one, of the same name"
    assert len(list((tmp_path / "pins").iterdir())) == 3


@docker
def test_j1_the_list_of_packages_is_a_document_that_others_read(engine: Engine) -> None:
    """Row J1: CycloneDX 1.5, each package once with its version and a package URL; the same image, the same bytes."""
    image = ensure_image(engine)
    assert sbom(image) == sbom(image)
    document: dict[str, Any] = json.loads(sbom(image))
    assert (document["bomFormat"], document["specVersion"], document["version"]) == ("CycloneDX", "1.5", 1)
    assert uuid.UUID(document["serialNumber"].removeprefix("urn:uuid:"))
    about = document["metadata"]["component"]
    assert f"sha256:{about['hashes'][0]['content']}" == image.digest
    listed = [f"{one['name']}={one['version']}" for one in document["components"]]
    assert tuple(listed) == image.packages
    assert {one["type"] for one in document["components"]} == {"library"}
    references = [one["bom-ref"] for one in document["components"]]
    assert len(set(references)) == len(references) > 100
    assert all(one["purl"].startswith("pkg:deb/debian/") and " " not in one["purl"] for one in document["components"])
