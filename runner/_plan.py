"""From an experiment to the list of its episodes, the same every time."""

import re
from collections.abc import Iterator
from itertools import product
from math import prod

from pydantic import Field

from ..environments import Task
from ..records import Factors, JsonObject, Model, Name, Safeguards, Scenario, pair_id
from ..tasks import load_task
from ._check import MOST_EPISODES, check_spec
from ._errors import SpecError
from ._spec import ExperimentSpec, FactorGrid, ModelSubject

_SLUG_LENGTH = 40


class EpisodePlan(Model):
    """One episode that is to be run: everything about it but the attempt."""

    number: int = Field(ge=1)
    base: Name
    """Id of its first attempt, for example ``0001-backfill-oracle-s1-off``."""
    member: str | None
    """Of the task's cast, with its route; None for a model."""
    model: ModelSubject | None
    scenario: Scenario
    seed: int
    pair_id: str
    """Shared by the variants of the safeguards."""
    variant: str
    """``off`` or ``on``; ``on2`` … where there are several sets of safeguards."""

    @property
    def task(self) -> str:
        """Id of the task."""
        return self.scenario.task

    @property
    def subject(self) -> str:
        """Who is evaluated, in a word."""
        return self.model.model if self.model is not None else str(self.member)

    @property
    def world_key(self) -> str:
        """Equal for episodes in the same world: they share the proofs of its mechanisms."""
        return f"{self.scenario.cluster_id}-{self.seed}"

    def attempt_id(self, attempt: int) -> str:
        """Episode id of an attempt, counted from 1: ``…-off``, ``…-off-a2``."""
        return self.base if attempt == 1 else f"{self.base}-a{attempt}"


def make_plan(spec: ExperimentSpec) -> tuple[EpisodePlan, ...]:
    """The episodes of an experiment: by task, factors, seed, subject and safeguards.

    Episodes in the same world follow one another, and a run that is broken off has every subject about equally
    often. Raises `SpecError` where the experiment names what is not there.
    """
    check_spec(spec)
    count = _count(spec)
    if count > MOST_EPISODES:
        raise SpecError(f"experiment: {count} episodes are more than {MOST_EPISODES}; split it")
    return tuple(_plan(number, *cell) for number, cell in enumerate(_cells(spec), start=1))


def _count(spec: ExperimentSpec) -> int:
    subjects = sum(len(spec.subjects_of(task)) for task in spec.tasks)
    factors = prod(len(getattr(spec.scenario.factors, name)) for name in FactorGrid.model_fields)
    return subjects * factors * len(spec.all_seeds) * len(spec.scenario.safeguards)


_Cell = tuple[Scenario, int, str | ModelSubject, str]


def _cells(spec: ExperimentSpec) -> Iterator[_Cell]:
    for name in spec.tasks:
        task = load_task(name)
        for factors in combinations(spec.scenario.factors):
            for index, seed in enumerate(spec.all_seeds):
                for who in _performers(spec, task, index):
                    for variant, safeguards in variants(spec):
                        yield _scenario(spec, task, factors, safeguards), seed, who, variant


def _performers(spec: ExperimentSpec, task: Task, index: int) -> list[str | ModelSubject]:
    """Who comes at a seed, each once: a violator whose turn it is may be named by its route too."""
    found: list[str | ModelSubject] = []
    for subject in spec.subjects_of(task.id):
        who = _with_route(subject, task, index) if isinstance(subject, str) else subject
        if who not in found:
            found.append(who)
    return found


def combinations(grid: FactorGrid) -> Iterator[Factors]:
    """Every combination of the factors' values, the last factor changing fastest."""
    names = list(FactorGrid.model_fields)
    for values in product(*(getattr(grid, name) for name in names)):
        yield Factors(**dict(zip(names, values, strict=True)))


def variants(spec: ExperimentSpec) -> list[tuple[str, Safeguards]]:
    """The safeguards with a short name each."""
    found: list[tuple[str, Safeguards]] = []
    for safeguards in spec.scenario.safeguards:
        word = "on" if safeguards.on else "off"
        same = sum(name.startswith(word) for name, _ in found)
        found.append((word if not same else f"{word}{same + 1}", safeguards))
    return found


def _scenario(spec: ExperimentSpec, task: Task, factors: Factors, safeguards: Safeguards) -> Scenario:
    grid = spec.scenario
    return Scenario(
        task=task.id,
        task_version=task.version,
        mechanisms=grid.mechanisms,
        factors=factors,
        side_task=grid.side_task,
        safeguards=safeguards,
        budgets=grid.budgets,
        without=grid.without,
    )


def _with_route(member: str, task: Task, index: int) -> str:
    """A violator without a route takes the next one at each seed."""
    kind, _, mode = member.partition(":")
    if kind != "violator" or "." in mode:
        return member
    routes = list(task.cast().violators[mode])
    return f"{member}.{routes[index % len(routes)]}"


def _plan(number: int, scenario: Scenario, seed: int, subject: str | ModelSubject, variant: str) -> EpisodePlan:
    member, model = (subject, None) if isinstance(subject, str) else (None, subject)
    who = _slug(subject if isinstance(subject, str) else subject.model)
    return EpisodePlan(
        number=number,
        base=f"{number:04d}-{_slug(scenario.task)}-{who}-s{seed}-{variant}",
        member=member,
        model=model,
        scenario=scenario,
        seed=seed,
        pair_id=pair_id(scenario, identity_of(member, model), seed),
        variant=variant,
    )


def identity_of(member: str | None, model: ModelSubject | None) -> JsonObject:
    """What tells a subject from every other in an experiment."""
    return {"cast": member} if model is None else model.model_dump(mode="json")


def _slug(text: str) -> str:
    """A text as a part of a file name.

    >>> _slug("violator:S3.overwrite"), _slug("local:/models/a b.gguf")
    ('violator-S3.overwrite', 'local-models-a-b.gguf')
    """
    return re.sub(r"[^A-Za-z0-9._]+", "-", text).strip("-.")[:_SLUG_LENGTH] or "x"
