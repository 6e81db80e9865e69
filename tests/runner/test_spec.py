"""An experiment is closed: what is wrong with it is said with file, line, key and what is allowed there."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given, settings

from offswitch.records import Placement, Pressure, Safeguards
from offswitch.runner import STANDARD_SAFEGUARDS, ExperimentSpec, SpecError, load_spec, parse_spec, spec_schema

from .specs import specs

SMALLEST = "tasks: backfill\nsubjects: oracle\n"


def complaint(text: str, *overrides: str) -> str:
    with pytest.raises(SpecError) as refused:
        parse_spec(text, "s.yaml", overrides)
    return str(refused.value)


@settings(max_examples=50)
@given(specs())
def test_what_is_stored_in_the_run_directory_is_the_same_experiment(spec: ExperimentSpec) -> None:
    again = parse_spec(spec.render())
    assert again == spec
    assert again.render() == spec.render()


@settings(max_examples=20)
@given(specs())
def test_the_schema_accepts_what_the_reader_accepts(spec: ExperimentSpec) -> None:
    stored = spec.model_dump(mode="json", exclude_unset=True)
    jsonschema.validate(stored, json.loads(spec_schema()))


def test_single_values_need_no_lists() -> None:
    spec = parse_spec("tasks: backfill\nsubjects: oracle\nscenario: {factors: {pressure: deadline}, safeguards: on}")
    assert spec.tasks == ("backfill",)
    assert spec.scenario.factors.pressure == (Pressure.DEADLINE,)
    assert spec.scenario.safeguards == (STANDARD_SAFEGUARDS,)


def test_off_and_on_are_the_variants_of_the_safeguards() -> None:
    spec = parse_spec(SMALLEST + "scenario: {safeguards: [off, on]}")
    assert spec.scenario.safeguards == (Safeguards(), STANDARD_SAFEGUARDS)
    assert [one.on for one in spec.scenario.safeguards] == [False, True]


def test_subjects_may_differ_from_task_to_task() -> None:
    spec = parse_spec("tasks: [a, b]\nsubjects: {'*': oracle, b: [violator:S3, {model: openai:gpt-4o}]}")
    assert spec.subjects_of("a") == ("oracle",)
    assert [str(getattr(one, "model", one)) for one in spec.subjects_of("b")] == [
        "oracle",
        "violator:S3",
        "openai:gpt-4o",
    ]


@pytest.mark.parametrize(
    ("more", "seeds"),
    [("", (1,)), ("episodes: 3\n", (1, 2, 3)), ("episodes: 2\nseed: 7\n", (7, 8)), ("seeds: [5, 3]\n", (5, 3))],
)
def test_seeds_are_listed_or_counted(more: str, seeds: tuple[int, ...]) -> None:
    assert parse_spec(SMALLEST + more).all_seeds == seeds


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tasks: backfill\n", "s.yaml, line 1, subjects: is missing"),
        ("", "s.yaml, tasks: is missing"),
        ("- a", "s.yaml: an experiment is a mapping"),
        ("tsks: x\n" + SMALLEST, "s.yaml, line 1, tsks: unknown key; did you mean 'tasks'? Allowed: episodes, "),
        ("tasks: []\nsubjects: oracle", "s.yaml, line 1, tasks: needs at least one"),
        ("tasks: [a, a]\nsubjects: oracle", "s.yaml, line 1, tasks: 'a' comes twice"),
        (
            "tasks: a\nsubjects: orcale",
            "s.yaml, line 2, subjects: 'orcale' names no member of a cast; did you mean 'oracle'?",
        ),
        ("tasks: a\nsubjects:\n- oracle\n- violater:S3", "line 4, subjects.1: 'violater:S3' names no member of a cast"),
        ("tasks: a\nsubjects: {c: oracle}", "subjects name the task 'c', which is not in tasks"),
        (
            "tasks: a\nsubjects: {model: x:y, temprature: 1}",
            "subjects.temprature: unknown key; did you mean 'temperature'?",
        ),
        ("tasks: a\nsubjects:\n- modle: x\n", "line 3, subjects.0.modle: unknown key; did you mean 'mode'?"),
        (
            "tasks: a\nsubjects:\n- model: x\n  kind: scripted\n",
            "line 4, subjects.0.kind: a model is as_is, helpful_only",
        ),
        ("tasks: a\nsubjects:\n- model: x\n  mode: tools\n", "unknown value 'tools'; did you mean 'tool_calls'?"),
        ("tasks: a\nsubjects:\n- model: x\n  base_url: http://u:p@h/v1\n", "must not hold credentials"),
        (SMALLEST + "name: a/b", "line 3, name: string should match pattern"),
        (SMALLEST + "parallel: 0", "line 3, parallel: input should be greater than or equal to 1, not 0"),
        (SMALLEST + "parallel: two", "line 3, parallel: input should be a valid integer, not 'two'"),
        (SMALLEST + "seeds: ['1']", "line 3, seeds.0: input should be a valid integer, not '1'"),
        (SMALLEST + "seeds: [-1]", "line 3, seeds: a seed is a number from 0 up"),
        (SMALLEST + "seeds: [1]\nepisodes: 2", "give either seeds, or episodes and seed"),
        (SMALLEST + "scenario: 5", "line 3, scenario: input should be a valid dictionary"),
        (
            SMALLEST + "scenario:\n  factors:\n    pressure: [none, dedline]",
            "line 5, scenario.factors.pressure.1: unknown value",
        ),
        (
            SMALLEST + "scenario:\n  factors:\n    presure: none",
            "line 5, scenario.factors.presure: unknown key; did you mean",
        ),
        (SMALLEST + "scenario: {safeguards: of}", "'of' is no variant; write off, on, or an object"),
        (
            SMALLEST + "scenario: {safeguards: {monitrs: []}}",
            "scenario.safeguards.monitrs: unknown key; did you mean 'monitors'?",
        ),
        (SMALLEST + "scenario: {factors: {arm: both}}", "needs side_task, the failure mode"),
        (
            SMALLEST + "scenario: {mechanisms: [{id: lease, prams: 1}]}",
            "unknown key; did you mean 'params'? Allowed: id, params",
        ),
        (
            SMALLEST + "scenario: {budgets: {max_steps: 0}}",
            "line 3, scenario.budgets.max_steps: input should be greater than 0",
        ),
        (SMALLEST + "scenario: {budgets: {max_step: 9}}", "unknown key; did you mean 'max_steps'?"),
    ],
)
def test_every_mistake_is_named_with_its_line_its_key_and_what_is_allowed(text: str, says: str) -> None:
    assert says in complaint(text)


def test_all_mistakes_are_told_at_once() -> None:
    assert complaint("tsks: x\nname: a/b").count("\n") == 3


def test_an_unknown_factor_value_comes_with_the_allowed_ones() -> None:
    told = complaint(SMALLEST + "scenario: {factors: {placement: mail}}")
    assert told.endswith(f"did you mean 'mailbox'? Allowed: {', '.join(one.value for one in Placement)}")


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("scenario.budgets.max_steps=50", "scenario.budgets.max_steps", 50),
        ("scenario.factors.pressure=[none, deadline]", "scenario.factors.pressure", (Pressure.NONE, Pressure.DEADLINE)),
        ("episodes=3", "episodes", 3),
        ("name=first-look", "name", "first-look"),
        ("scenario.budgets.max_wall_s=~", "scenario.budgets.max_wall_s", None),
    ],
)
def test_an_override_puts_a_value_anywhere(override: str, path: str, value: object) -> None:
    found: object = parse_spec(SMALLEST, "s", [override])
    for name in path.split("."):
        found = getattr(found, name)
    assert found == value


def test_an_override_reaches_into_a_list() -> None:
    changes = ["subjects.1.temperature=0.5", "subjects.0='null'"]
    spec = parse_spec("tasks: a\nsubjects:\n- oracle\n- model: x\n", "s", changes)
    assert [getattr(one, "temperature", one) for one in spec.subjects_of("a")] == ["null", 0.5]


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("episodes", "write --set KEY.KEY=VALUE"),
        ("=3", "write --set KEY.KEY=VALUE"),
        ("a..b=3", "write --set KEY.KEY=VALUE"),
        ("name.x.y=3", "'x' leads nowhere in a single value"),
        ("tasks.7=b", "'7' leads nowhere in a list of 1"),
        ("episodes=[", "--set episodes, line 1: is no YAML"),
        ("episodes=many", "--set episodes, episodes: input should be a valid integer, not 'many'"),
        ("scenario.budget.max_steps=3", "scenario.budget: unknown key; did you mean 'budgets'?"),
    ],
)
def test_a_wrong_override_is_named_as_it_was_given(override: str, says: str) -> None:
    assert says in complaint("name: n\ntasks: [backfill]\nsubjects: oracle\n", override)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tasks: bakfill\nsubjects: oracle", "line 1, tasks: unknown task 'bakfill'; did you mean 'backfill'?"),
        (
            "tasks: backfill\nsubjects:\n- oracle\n- violator:S33",
            "line 4, subjects: the cast of backfill has no 'violator:S33'",
        ),
        ("tasks: backfill\nsubjects: violator:S3.overwrit", "did you mean 'violator:S3.overwrite'?"),
        ("tasks: backfill\nsubjects: innocent:Q9", "the cast of backfill has no 'innocent:Q9'"),
        (
            SMALLEST + "scenario:\n  mechanisms: [stop_scrip]",
            "line 4, scenario.mechanisms: unknown mechanism 'stop_scrip'",
        ),
        (
            SMALLEST + "scenario: {mechanisms: [{id: lease, params: {at: 2}}]}",
            "mechanism lease, parameter at: Input should be",
        ),
        (
            SMALLEST + "scenario: {safeguards: {monitors: [{id: ruls}]}}",
            "unknown suspicion monitor 'ruls'; did you mean 'rules'?",
        ),
        (
            SMALLEST + "scenario: {safeguards: {monitors: [{id: rules}], protocol: treshold}}",
            "did you mean 'threshold'?",
        ),
        (SMALLEST + "scenario: {side_task: S33, factors: {arm: both}}", "knows no side task 'S33'"),
    ],
)
def test_what_is_named_must_be_there(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(text)
    with pytest.raises(SpecError) as refused:
        load_spec(path)
    assert says in str(refused.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"none\.yaml: cannot be read \(No such file or directory\)"):
        load_spec(tmp_path / "none.yaml")
    (tmp_path / "latin").write_bytes(b"name: caf\xe9")
    with pytest.raises(SpecError, match="is not UTF-8"):
        load_spec(tmp_path / "latin")


def test_the_stored_form_is_written_for_people() -> None:
    spec = parse_spec(SMALLEST + "scenario: {safeguards: [off, on]}")
    assert yaml.safe_load(spec.render())["subjects"] == ["oracle"]
    assert "'off'" in spec.render()
