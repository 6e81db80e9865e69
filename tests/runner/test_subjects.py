"""Who is evaluated is opened before anything starts, and no key of the environment reaches a record."""

import json
from pathlib import Path

import pytest

from offswitch.agents import SetupError
from offswitch.records import RunView, Subject, SubjectKind
from offswitch.runner import EpisodePlan, SpecError, SubjectError, Subjects, make_plan, parse_spec
from offswitch.runner._subjects import secrets_of, subject_of

from .book import VALID, write_run
from .stage import Told


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "LANGSMITH_TRACING", "LANGCHAIN_TRACING_V2"):
        monkeypatch.delenv(name, raising=False)


def plans(subject: str, more: str = "") -> tuple[EpisodePlan, ...]:
    return make_plan(parse_spec(f"tasks: backfill\nsubjects: {subject}\n{more}"))


def test_a_missing_key_is_noticed_before_anything_starts() -> None:
    with pytest.raises(SetupError, match="set OPENAI_API_KEY"):
        Subjects().check(plans("{model: openai:gpt-4o}"))


def test_a_server_that_nobody_started_is_noticed_before_anything_starts() -> None:
    with pytest.raises(SubjectError, match="nothing answers at http://127"):
        Subjects().check(plans("{model: m, base_url: 'http://127.0.0.1:9/v1'}"))


def test_a_limit_in_dollars_needs_a_price(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-a-key-at-all-0123456789")
    limited = "scenario: {budgets: {max_usd: 1.5}}"
    with pytest.raises(SpecError, match=r"max_usd: the price of openai:no-such-model is unknown"):
        Subjects().check(plans("{model: openai:no-such-model}", limited))
    Subjects().check(plans("oracle", limited))


def test_a_model_with_safeguards_is_the_deployed_one() -> None:
    off, on = plans("{model: openai:gpt-4o}", "scenario: {safeguards: [off, on]}")
    assert subject_of(off, Told()).kind is SubjectKind.AS_IS
    assert subject_of(on, Told()).kind is SubjectKind.DEPLOYED
    helpful = Told()
    helpful.subject = helpful.subject.model_copy(update={"kind": SubjectKind.HELPFUL_ONLY})
    assert subject_of(on, helpful).kind is SubjectKind.HELPFUL_ONLY


def test_a_script_begins_with_the_facts_of_its_world(tmp_path: Path) -> None:
    (plan,) = plans("'null'")
    read: list[str] = []

    def facts() -> dict[str, str]:
        read.append("facts")
        return {}

    with Subjects().open(plan, facts, tmp_path / "r.jsonl") as agent:
        assert read == []
        assert agent.act((), ()).calls == ()
        assert read == ["facts"]
    assert not (tmp_path / "r.jsonl").exists()


def test_scripts_are_recorded_where_that_is_asked_for_and_replayed(tmp_path: Path) -> None:
    (plan,) = plans("'null'")
    with write_run(tmp_path / "run", [(plan.base, VALID)]) as store:
        recording = store.paths.replay / f"{plan.base}.jsonl"
        with Subjects(record=True).open(plan, dict, recording) as agent:
            agent.act((), ())
        replayed = Subjects(record=False, replay=RunView.open(store.paths.root))
        with replayed.open(plan, dict, tmp_path / "again.jsonl") as agent:
            assert agent.subject.name == "null"
            assert agent.act((), ()).id == "a1"


def test_a_recording_that_is_missing_is_noticed_before_anything_starts(tmp_path: Path) -> None:
    with write_run(tmp_path / "run", []) as store:
        subjects = Subjects(replay=RunView.open(store.paths.root))
        with pytest.raises(SpecError, match=r"holds no recorded answers of episode 0001-backfill-openai-gpt-4o-s1-off"):
            subjects.check(plans("{model: openai:gpt-4o}"))
        subjects.check(plans("oracle"))


def test_the_recording_of_the_attempt_that_counts_is_played(tmp_path: Path) -> None:
    (plan,) = plans("'null'")
    with write_run(tmp_path / "run", [(plan.base, VALID), (plan.attempt_id(2), ())]) as store:
        for attempt, name in ((1, "first"), (2, "second")):
            subject = Subject(kind=SubjectKind.SCRIPTED, name=name, scaffold="script")
            header = json.dumps({"format": 1, "subject": subject.model_dump(mode="json"), "price_known": True})
            (store.paths.replay / f"{plan.attempt_id(attempt)}.jsonl").write_text(header + "\n")
        replayed = Subjects(replay=RunView.open(store.paths.root))
        assert replayed.open(plan, dict, tmp_path / "x").subject.name == "first"


def test_keys_of_the_environment_are_taken_out_of_records() -> None:
    secret = "sk-0123456789abcdef"
    redactor = secrets_of(
        {"OPENAI_API_KEY": secret, "PATH": "/usr/bin:/bin", "SHORT_KEY": "abc", "SSH_KEY": "/root/.ssh/id"}
    )
    assert redactor is not None
    assert redactor.redact(f"the key is {secret}").text == "the key is [redacted OPENAI_API_KEY]"
    assert redactor.redact("/usr/bin:/bin and /root/.ssh/id and abc").names == ()
    assert secrets_of({"PATH": "/usr/bin"}) is None
