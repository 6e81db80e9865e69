"""The manifest says what the run was, and no byte of it can be changed unseen."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from offswitch.records import (
    ChainError,
    EpisodeAnchor,
    EpisodeState,
    RunManifest,
    RunPlan,
    SchemaError,
    StorageError,
    VerdictSet,
    load_manifest,
    save_manifest,
)

from ..strategies import models
from .example import facts

DIGEST = "ab" * 32


def manifest() -> RunManifest:
    """One with everything in it."""
    anchor = EpisodeAnchor(
        state=EpisodeState.SEALED,
        count=3,
        head=DIGEST,
        valid=True,
        subject="oracle",
        scenario_hash=DIGEST,
        seed=1,
        attempt=1,
    )
    return RunManifest.of(facts()).model_copy(
        update={
            "episodes": {"e1": anchor, "e2": anchor},
            "files": {"spec.yaml": DIGEST},
            "verdicts": (VerdictSet(version="v2", files={"e1": DIGEST}),),
        }
    )


@given(anchors=st.dictionaries(st.sampled_from(["a", "b", "c"]), models(EpisodeAnchor)))
def test_what_is_saved_is_loaded(tmp_path_factory: pytest.TempPathFactory, anchors: dict[str, EpisodeAnchor]) -> None:
    path = tmp_path_factory.mktemp("run") / "manifest.json"
    saved = save_manifest(path, manifest().model_copy(update={"episodes": anchors}))
    loaded = load_manifest(path)
    assert loaded.root == saved.root == loaded.roots()[-1]
    assert loaded.render() == saved.render()


def test_it_can_be_read_and_compared_line_by_line(tmp_path: Path) -> None:
    save_manifest(tmp_path / "manifest.json", manifest())
    lines = (tmp_path / "manifest.json").read_text().splitlines()
    assert [line.split(":")[0] for line in lines if line.startswith('"e')] == [
        '"engine"',
        '"episodes"',
        '"e1"',
        '"e2"',
    ]
    assert json.loads("".join(lines))["run_id"] == "run-1"


@pytest.mark.parametrize("mask", [0x01, 0x20, 0x80])
def test_each_flipped_byte_is_found(tmp_path: Path, mask: int) -> None:
    path = tmp_path / "manifest.json"
    save_manifest(path, manifest())
    content = path.read_bytes()
    for offset in range(len(content)):
        path.write_bytes(content[:offset] + bytes([content[offset] ^ mask]) + content[offset + 1 :])
        with pytest.raises((ChainError, SchemaError), match=r"manifest.json: "):
            load_manifest(path)


@pytest.mark.parametrize(
    ("old", "new"), [(b"\n", b" "), (b":", b": "), (b'"seed":1', b'"seed":1.0'), (b'"e1"', b'"\\u00651"')]
)
def test_bytes_that_mean_the_same_are_still_not_those_that_were_written(tmp_path: Path, old: bytes, new: bytes) -> None:
    path = tmp_path / "manifest.json"
    save_manifest(path, manifest())
    assert old in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(old, new, 1))
    with pytest.raises((ChainError, SchemaError), match=r"manifest\.json: "):
        load_manifest(path)


def test_a_broken_manifest_names_the_command_that_helps(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"schema_version": 1, ')
    with pytest.raises(ChainError, match=r"is broken .*`offswitch verify"):
        load_manifest(tmp_path / "manifest.json")


def test_a_directory_without_one_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="a run directory is what"):
        load_manifest(tmp_path / "manifest.json")


@pytest.mark.parametrize(
    ("version", "said"),
    [(2, "newer"), (0, "older"), ("1", "not a number"), (None, "manifest.json"), ([], "number")],
)
def test_f12_another_schema_version_is_refused(tmp_path: Path, version: object, said: str) -> None:
    data: dict[str, Any] = json.loads(manifest().render())
    (tmp_path / "manifest.json").write_text(json.dumps(data | {"schema_version": version}))
    with pytest.raises(SchemaError, match=said):
        load_manifest(tmp_path / "manifest.json")


@pytest.mark.parametrize("content", ["[]", "1", "null", "{}", '{"schema_version": 1}', '{"schema_version": true}'])
def test_f12_json_that_is_no_manifest_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(SchemaError):
        load_manifest(tmp_path / "manifest.json")


def test_the_root_covers_every_field() -> None:
    """Whatever is left out here could be rewritten."""
    whole = manifest()
    changed: dict[str, Any] = {
        "run_id": "run-2",
        "versions": {},
        "engine": {"version": "27"},
        "image": {"digest": DIGEST},
        "seeds": (3,),
        "tasks": {},
        "command": "offswitch run",
        "supervisor": DIGEST,
        "loaded": {"tasks": {}},
        "created": "2026-01-01T00:00:00+00:00",
        "episodes": {},
        "files": {},
        "verdicts": (),
        "planned": RunPlan(scenarios={}, episodes=()),
        "stop_when": {"failure_mode": "S3"},
        "stopped": "the rule decided",
    }
    assert set(changed) == set(RunManifest.model_fields) - {"root", "schema_version"}
    roots = {whole.model_copy(update={name: value}).roots()[-1] for name, value in changed.items()}
    assert len(roots | {whole.roots()[-1]}) == len(changed) + 1


def test_facts_that_came_later_change_no_older_manifest() -> None:
    """Where they are not known they are not written, so that its root and its bytes are as they were."""
    later = {"supervisor", "loaded"}
    assert later & manifest().model_dump().keys() == set()
    known = manifest().model_copy(update={"supervisor": DIGEST, "loaded": {"tasks": {}}})
    assert later <= known.model_dump().keys()


def test_an_older_root_stays_provable_while_only_verdict_versions_are_added() -> None:
    """A root noted when the run ended must not turn false because somebody judged it again."""
    before = manifest()
    judged = VerdictSet(version="v3", files={"e1": DIGEST})
    after = before.model_copy(update={"verdicts": (*before.verdicts, judged)})
    assert after.roots()[:-1] == before.roots()
    swapped = before.model_copy(update={"verdicts": (judged, *before.verdicts)})
    assert before.roots()[-1] not in swapped.roots()


@pytest.mark.parametrize("path", ["../other", "/etc/passwd", "a/../../b", "", ".", "a//b", "a/"])
def test_an_anchored_file_lies_inside_the_run(path: str) -> None:
    with pytest.raises(ValidationError, match="inside the run directory"):
        RunManifest.model_validate(manifest().model_dump() | {"files": {path: DIGEST}})


@pytest.mark.parametrize("name", ["../e", "a/b", "", ".hidden", "a b", "ä", "x" * 129, "e\n"])
def test_an_episode_is_named_like_a_file(name: str) -> None:
    anchors = {name: manifest().episodes["e1"].model_dump()}
    with pytest.raises(ValidationError):
        RunManifest.model_validate(manifest().model_dump() | {"episodes": anchors})
