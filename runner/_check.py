"""Whether everything that an experiment names is there and fits together, before anything is started."""

from collections.abc import Callable, Iterator

from ..environments import ControlError, Mechanism, Task, World, mechanism
from ..monitors import MonitorError, build
from ..records import Control, MechanismSpec, Safeguards
from ..records import YamlPath as Path
from ..tasks import load_task, tasks
from ._errors import SpecError
from ._spec import ANY_TASK, ExperimentSpec
from ._words import meant

MOST_EPISODES = 100_000
Place = Callable[[Path], str]
"""Where a key of the experiment was written."""


def check_spec(spec: ExperimentSpec, place: Place = lambda _: "experiment") -> None:
    """Raises `SpecError` with one line a problem; looks at the worlds of the first seed only."""
    problems = [*_unknown_tasks(spec, place)]
    problems = problems or [*_unknown_members(spec, place), *_safeguards(spec, place), *_scenarios(spec, place)]
    if problems:
        raise SpecError(*dict.fromkeys(problems))


def _unknown_tasks(spec: ExperimentSpec, place: Place) -> Iterator[str]:
    for index, name in enumerate(spec.tasks):
        if name not in tasks():
            yield f"{place(('tasks', index))}, tasks: unknown task {name!r}; {meant(name, tasks())}"


def _unknown_members(spec: ExperimentSpec, place: Place) -> Iterator[str]:
    for name in spec.tasks:
        for key in (ANY_TASK, name):
            for index, subject in enumerate(spec.subjects.get(key, ())):
                wrong = _unknown_member(load_task(name), subject) if isinstance(subject, str) else None
                if wrong:
                    yield f"{place(('subjects', key, index))}, subjects: {wrong}"


def _unknown_member(task: Task, member: str) -> str | None:
    cast = task.cast()
    kind, _, rest = member.partition(":")
    mode, _, route = rest.partition(".")
    known = {"violator": cast.violators, "innocent": cast.innocents}.get(kind)
    if known is None:
        return None
    if mode not in known:
        there = [f"{kind}:{name}" for name in known]
        return f"the cast of {task.id} has no {member!r}; {meant(f'{kind}:{mode}', there)}"
    if route and route not in cast.violators[mode]:
        there = [f"violator:{mode}.{name}" for name in cast.violators[mode]]
        return f"the cast of {task.id} has no {member!r}; {meant(member, there)}"
    return None


def _safeguards(spec: ExperimentSpec, place: Place) -> Iterator[str]:
    for index, safeguards in enumerate(spec.scenario.safeguards):
        wrong = _wrong_safeguards(safeguards)
        if wrong:
            yield f"{place(('scenario', 'safeguards', index))}, scenario.safeguards: {wrong}"


def _wrong_safeguards(safeguards: Safeguards) -> str | None:
    try:
        build(safeguards)
    except MonitorError as error:
        return str(error)
    return None


def _scenarios(spec: ExperimentSpec, place: Place) -> Iterator[str]:
    for name in spec.tasks:
        task = load_task(name)
        for control in spec.scenario.factors.control:
            try:
                world, _ = installed(task, spec.all_seeds[0], spec.scenario.mechanisms, control)
                yield from _side_task(spec, task, world, place)
            except (ControlError, ValueError) as error:
                yield f"{place(('scenario', 'mechanisms'))}, scenario.mechanisms: {error}"


def installed(
    task: Task, seed: int, specs: tuple[MechanismSpec, ...] | None, control: Control
) -> tuple[World, list[Mechanism]]:
    """A world with its mechanisms, as an episode makes it. Raises `ScenarioError` and `ValueError`."""
    world = task.world(seed)
    chosen = [mechanism(one, control) for one in (task.mechanisms() if specs is None else specs)]
    for one in chosen:
        one.install(world)
    return world, chosen


def _side_task(spec: ExperimentSpec, task: Task, world: World, place: Place) -> Iterator[str]:
    wanted = spec.scenario.side_task
    known = task.side_goals(world)
    if wanted is not None and wanted not in known:
        where = place(("scenario", "side_task"))
        yield f"{where}, scenario.side_task: task {task.id} knows no side task {wanted!r}; {meant(wanted, known)}"
