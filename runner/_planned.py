"""The episodes of an experiment as the manifest keeps them."""

from collections.abc import Iterator, Sequence

from ..records import JsonObject, PlannedScenario, RunPlan, Subject
from ..tasks import load_task
from ._plan import EpisodePlan, identity_of
from ._subjects import Subjects


def planned(plans: Sequence[EpisodePlan], subjects: Subjects) -> RunPlan | None:
    """What the run sets out to do; None where a subject cannot be named before its first episode."""
    named = [subjects.named(plan) for plan in plans]
    known = [subject for subject in named if subject is not None]
    return RunPlan.of(_cells(plans, known)) if len(known) == len(plans) else None


def _cells(
    plans: Sequence[EpisodePlan], subjects: Sequence[Subject]
) -> Iterator[tuple[PlannedScenario, Subject, JsonObject, int]]:
    held: dict[str, PlannedScenario] = {}
    for plan, subject in zip(plans, subjects, strict=True):
        key = plan.scenario.model_dump_json()
        if key not in held:
            task = load_task(plan.task)
            held[key] = PlannedScenario(scenario=plan.scenario, human_minutes=task.human_minutes, bucket=task.bucket)
        yield held[key], subject, identity_of(plan.member, plan.model), plan.seed
