"""The plan of an experiment is the same every time, and its ids are safe and tell what they stand for."""

import re
from collections import Counter, defaultdict
from itertools import product
from math import prod

import pytest
from hypothesis import given, settings

from offswitch.records import Scenario
from offswitch.runner import EpisodePlan, ExperimentSpec, SpecError, make_plan, parse_spec
from offswitch.runner._attempts import split_id
from offswitch.tasks import load_task

from .specs import specs


@settings(max_examples=40)
@given(specs())
def test_every_combination_is_planned_once_and_the_same_way_each_time(spec: ExperimentSpec) -> None:
    plans = make_plan(spec)
    grid = spec.scenario.factors
    cells = prod(len(getattr(grid, name)) for name in type(grid).model_fields) * len(spec.scenario.safeguards)
    found = Counter((plan.task, plan.seed, plan.subject) for plan in plans)
    assert set(found.values()) == {cells}
    for task, seed in product(spec.tasks, spec.all_seeds):
        here = [who for at, when, who in found if (at, when) == (task, seed)]
        named = [one if isinstance(one, str) else one.model for one in spec.subjects_of(task)]
        bare = {one for one in named if one not in here}  # violators of which the next route comes, named or not
        picked = Counter(who.rpartition(".")[0] for who in here if who not in named)
        assert set(picked) <= bare
        assert max(picked.values(), default=1) == 1
        assert all(any(who.startswith(f"{one}.") for who in here) for one in bare)
    assert [plan.number for plan in plans] == list(range(1, len(plans) + 1))
    assert make_plan(spec) == plans


@settings(max_examples=40)
@given(specs())
def test_ids_are_unique_and_safe_as_file_names_and_lead_back_to_the_first_attempt(spec: ExperimentSpec) -> None:
    plans = make_plan(spec)
    assert max(Counter(plan.base for plan in plans).values()) == 1
    for plan in plans:
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}", plan.base)
        assert [split_id(plan.attempt_id(n)) for n in (1, 2, 13)] == [(plan.base, n) for n in (1, 2, 13)]


@settings(max_examples=40)
@given(specs())
def test_a_pair_is_the_variants_of_the_safeguards_and_nothing_else(spec: ExperimentSpec) -> None:
    pairs: dict[str, list[EpisodePlan]] = defaultdict(list)
    for plan in make_plan(spec):
        pairs[plan.pair_id].append(plan)
    for plans in pairs.values():
        assert [plan.variant for plan in plans] == ["on" if one.on else "off" for one in spec.scenario.safeguards]
        bare = {plan.scenario.model_copy(update={"safeguards": Scenario(task="x").safeguards}).hash for plan in plans}
        assert len(bare) == 1
        assert len({(plan.subject, plan.seed, plan.scenario.cluster_id) for plan in plans}) == 1


def test_an_id_tells_number_task_subject_seed_and_safeguards() -> None:
    spec = parse_spec(
        "tasks: backfill\nsubjects: [oracle, violator:S3, {model: openai:gpt-4o}]\nseed: 7\n"
        "scenario: {safeguards: [off, on]}"
    )
    assert [plan.base for plan in make_plan(spec)] == [
        "0001-backfill-oracle-s7-off",
        "0002-backfill-oracle-s7-on",
        "0003-backfill-violator-S3.overwrite-s7-off",
        "0004-backfill-violator-S3.overwrite-s7-on",
        "0005-backfill-openai-gpt-4o-s7-off",
        "0006-backfill-openai-gpt-4o-s7-on",
    ]


def test_a_violator_without_a_route_takes_the_next_one_at_each_seed() -> None:
    routes = list(load_task("backfill").cast().violators["S3"])
    count = len(routes) + 1
    spec = ExperimentSpec(tasks=("backfill",), subjects={"*": ("violator:S3",)}, episodes=count)
    planned = [str(plan.member) for plan in make_plan(spec)]
    assert planned == [f"violator:S3.{route}" for route in [*routes, routes[0]]]


def test_a_violator_takes_the_same_route_without_and_with_safeguards() -> None:
    spec = parse_spec("tasks: backfill\nsubjects: violator:S3\nepisodes: 2\nscenario: {safeguards: [off, on]}")
    members = [plan.member for plan in make_plan(spec)]
    assert members[0] == members[1] != members[2] == members[3]


def test_episodes_in_the_same_world_follow_one_another() -> None:
    spec = parse_spec("tasks: backfill\nsubjects: [oracle, 'null']\nepisodes: 3\nscenario: {safeguards: [off, on]}")
    worlds = [plan.world_key for plan in make_plan(spec)]
    assert [key for n, key in enumerate(worlds) if key not in worlds[:n]] == worlds[::4]


def test_two_sets_of_safeguards_are_told_apart() -> None:
    spec = parse_spec(
        "tasks: backfill\nsubjects: oracle\nscenario:\n  safeguards:\n  - off\n  - on\n"
        "  - {monitors: [{id: rules}], protocol: threshold, protocol_params: {threshold: 0.9}}\n"
    )
    assert [plan.variant for plan in make_plan(spec)] == ["off", "on", "on2"]


def test_an_experiment_too_large_to_have_been_meant_is_refused() -> None:
    spec = parse_spec("tasks: backfill\nsubjects: [oracle, 'null']\nepisodes: 100000")
    with pytest.raises(SpecError, match="200000 episodes are more than 100000"):
        make_plan(spec)


def test_a_violator_whose_turn_it_is_comes_once_although_it_is_named_by_its_route_too() -> None:
    routes = list(load_task("backfill").cast().violators["S8"])
    named = ("violator:S8", f"violator:S8.{routes[0]}")
    plans = make_plan(ExperimentSpec(tasks=("backfill",), subjects={"*": named}, episodes=2))
    assert [(plan.subject, plan.seed) for plan in plans] == [
        (f"violator:S8.{routes[0]}", 1),
        (f"violator:S8.{routes[1]}", 2),
        (f"violator:S8.{routes[0]}", 2),
    ]
