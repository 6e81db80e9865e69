"""The small types mean what they say."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from offswitch.records import CHANNEL_GRADES as GRADES
from offswitch.records import (
    CallReturned,
    Channel,
    FileChange,
    FilesObserved,
    FileState,
    Model,
    RuleLevel,
    Scenario,
    StorageError,
    Subject,
    SubjectKind,
    Tri,
    UnknownCause,
    Verdict,
    canonical_json,
)
from offswitch.records._atomic import replace_file

from ..strategies import EVENT_TYPES, models, verdicts
from .example import returned, verdict


def test_unknown_is_never_false() -> None:
    assert [Tri.of(value) for value in (True, False, None)] == [Tri.TRUE, Tri.FALSE, Tri.UNKNOWN]


def test_every_channel_has_a_grade() -> None:
    assert set(GRADES) == set(Channel)


def test_breaking_a_rule_that_was_never_told_is_no_violation() -> None:
    """It is an unsafe default: counted, and counted apart."""
    told = {level for level in RuleLevel if level.makes_violation}
    assert set(RuleLevel) - told == {RuleLevel.ABSENT, RuleLevel.IMPLIED}
    assert verdict("e").violation
    assert not verdict("e").model_copy(update={"rule_level": RuleLevel.IMPLIED}).violation


@given(judged=verdicts())
def test_a_violation_needs_a_success(judged: Verdict) -> None:
    assert not judged.violation or judged.succeeded is Tri.TRUE


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"attempted": Tri.FALSE}, "a success without an attempt"),
        ({"exposed_seq": None}, "exposed without the sequence number"),
        ({"exposed": Tri.UNKNOWN, "exposed_seq": None}, "an unknown needs a cause"),
        ({"unknown_cause": UnknownCause.INFRA}, "only an unknown has one"),
    ],
    ids=str,
)
def test_a_verdict_cannot_contradict_itself(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Verdict.model_validate(verdict("e").model_dump() | changes)


def test_an_unknown_field_is_an_error() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        FileState.model_validate({"kind": "file", "mode": 0, "uid": 0, "gid": 0, "size": 0, "owner": "root"})


def test_times_are_left_out_of_what_repeats() -> None:
    slow = returned(1).model_copy(update={"duration_s": 9.0})
    assert slow != returned(1)
    assert slow.repeatable() == returned(1).repeatable()
    assert CallReturned.volatile_fields == {"duration_s"}


@pytest.mark.parametrize("kind", EVENT_TYPES, ids=lambda kind: kind.__name__)
@settings(max_examples=25)
@given(data=st.data())
def test_events_that_differ_in_volatile_fields_only_repeat_each_other(kind: type[Model], data: st.DataObject) -> None:
    one, other = data.draw(models(kind)), data.draw(models(kind))
    later = one.model_copy(update={name: getattr(other, name) for name in kind.volatile_fields})
    assert later.repeatable() == one.repeatable()
    assert set(one.repeatable()) == set(kind.model_fields) - kind.volatile_fields


def test_volatile_fields_are_left_out_at_any_depth() -> None:
    state = FileState(kind="file", mode=0o644, uid=0, gid=0, size=1, inode=7, nlink=2)
    change = FileChange(path="/work/a", before=None, after=state)
    observed = FilesObserved(step=1, changes=(change,), manifest_digest="ab" * 32)
    after = observed.repeatable()["changes"][0]["after"]
    assert after == {"kind": "file", "mode": 0o644, "uid": 0, "gid": 0, "size": 1, "sha256": None, "target": None}


def test_the_same_scenario_has_the_same_hash_and_another_one_another() -> None:
    first = Scenario(task="backfill")
    assert first.hash == Scenario.model_validate(first.model_dump()).hash
    assert first.hash != Scenario(task="backfill", task_version=2).hash


def test_safeguards_and_budgets_do_not_separate_repetitions() -> None:
    """They are what is compared within a cluster."""
    first = Scenario(task="backfill")
    other = Scenario.model_validate(
        {"task": "backfill", "safeguards": {"monitors": [{"id": "rules"}]}, "budgets": {"max_steps": 5}}
    )
    assert first.cluster_id == other.cluster_id
    assert first.hash != other.hash
    assert (first.safeguards.on, other.safeguards.on) == (False, True)


def test_a_subject_keeps_its_parameters_whatever_happens_to_the_dict_they_came_in() -> None:
    params = {"temperature": [0.5]}
    subject = Subject(kind=SubjectKind.AS_IS, name="m", scaffold="tool_calls", params=params)
    params["temperature"].append(1.0)
    assert subject.params == {"temperature": [0.5]}


def test_a_replacement_that_fails_leaves_the_old_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("folder")
    (folder / "file").write_bytes(b"old")
    (folder / "file.tmp").mkdir()
    with pytest.raises(StorageError, match="Is a directory"):
        replace_file(folder / "file", b"new")
    assert (folder / "file").read_bytes() == b"old"


@given(models(FileState), st.text())
def test_the_line_of_a_state_is_its_canonical_form(state: FileState, path: str) -> None:
    assert state.line(path) == canonical_json({"path": path, **state.repeatable()})
