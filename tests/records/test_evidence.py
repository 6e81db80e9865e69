"""An artifact is what its name says, or it is refused."""

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from offswitch.records import Artifact, ChainError, EvidenceStore, Model, Sha256, StorageError, artifacts_of

from ..strategies import EVENT_TYPES, digests, models


@pytest.fixture
def store(tmp_path: Path) -> EvidenceStore:
    return EvidenceStore(tmp_path)


@given(content=st.binary(max_size=200))
def test_what_is_put_can_be_got_under_its_digest(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    store = EvidenceStore(tmp_path_factory.mktemp("evidence"))
    digest = store.put(content)
    assert store.put(content) == digest == hashlib.sha256(content).hexdigest()
    assert store.get(digest) == content
    assert list(store.names()) == [digest]
    assert store.has(digest)
    assert store.check(digest) is None


def test_equal_json_has_one_digest(store: EvidenceStore) -> None:
    assert store.put_json({"a": 1, "b": [2]}) == store.put_json({"b": (2,), "a": 1})


def test_changed_content_is_refused(store: EvidenceStore) -> None:
    digest = store.put(b"content")
    (store.folder / digest).write_bytes(b"Content")
    with pytest.raises(ChainError, match="content does not have this digest"):
        store.get(digest)
    assert "content has digest" in (store.check(digest) or "")


def test_a_missing_artifact_is_a_storage_error(store: EvidenceStore) -> None:
    digest = hashlib.sha256(b"").hexdigest()
    with pytest.raises(StorageError, match="No such file"):
        store.get(digest)
    assert not store.has(digest)
    assert "cannot be read" in (store.check(digest) or "")


@pytest.mark.parametrize("name", ["../manifest.json", "", "ab", "AB" * 32, "ab" * 32 + "\n"])
def test_what_is_no_digest_reads_no_file(store: EvidenceStore, name: str) -> None:
    """The name may come from a record that somebody else wrote."""
    with pytest.raises(ChainError, match="is not the SHA-256"):
        store.get(name)


def test_a_pipe_in_the_place_of_an_artifact_does_not_hang(store: EvidenceStore) -> None:
    digest = hashlib.sha256(b"").hexdigest()
    os.mkfifo(store.folder / digest)
    assert store.check(digest) == "is not a regular file"


def test_a_store_that_cannot_be_written_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file"):
        EvidenceStore(tmp_path / "nowhere").put(b"content")


def test_events_reference_artifacts_in_exactly_these_fields() -> None:
    """A digest elsewhere says what something was, not that its content is kept."""
    fields = {f"{kind.__name__}.{name}" for kind in EVENT_TYPES for name in kind.model_fields if marked(kind, name)}
    of_states = {f"{kind}.{name}" for kind in ("SnapshotTaken", "Branched") for name in ("snapshot", "pack")}
    assert fields == {"MechanismProven.proof", "FilesObserved.manifest", "ExecsObserved.log", *of_states}


def marked(kind: type[BaseModel], name: str) -> bool:
    """Whether the type of a field mentions an artifact, told by its source form."""
    return "_ArtifactMark" in repr((kind.model_fields[name].annotation, kind.model_fields[name].metadata))


@pytest.mark.parametrize("kind", EVENT_TYPES, ids=lambda kind: kind.__name__)
@settings(max_examples=25)
@given(data=st.data(), digest=digests())
def test_every_reference_of_an_event_is_found(kind: type[BaseModel], data: st.DataObject, digest: str) -> None:
    event = data.draw(models(kind))
    names = [name for name in kind.model_fields if marked(kind, name)]
    assert artifacts_of(event.model_copy(update=dict.fromkeys(names, digest))) == (digest,) * len(names)
    empty = event.model_copy(update={name: None for name in names if name != "proof"})
    assert len(artifacts_of(empty)) == names.count("proof")


class Drawer(Model):
    """Holds one reference."""

    one: Artifact


class Shelf(Model):
    """Holds references at every place where one can stand."""

    one: Artifact | None
    several: tuple[Artifact, ...]
    named: dict[str, Artifact]
    drawers: tuple[Drawer, ...]
    plain: Sha256


def test_references_are_found_at_any_depth() -> None:
    a, b, c, d, other = (f"{number:064x}" for number in range(5))
    shelf = Shelf(one=a, several=(b,), named={"x": c}, drawers=(Drawer(one=d),), plain=other)
    assert artifacts_of(shelf) == (a, b, c, d)
