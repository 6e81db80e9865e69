"""Commands that would get what a population lacks. Each one is a line that a shell takes as it stands."""

import shlex
from collections.abc import Sequence

from ...records import SubjectKind
from ._answers import Who
from ._model import Population
from ._words import Guards

TASK = "TASK"
LIST_TASKS = "offswitch list tasks"
_MOST_EPISODES = 100_000


def hint(wanted: Population, who: Who, episodes: int, **factors: str) -> str:
    """``offswitch run`` for a population. `TASK` stands for the tasks of the runs where the rule names none."""
    words = ["offswitch", "run"]
    for task in wanted.tasks or (TASK,):
        words += ["--task", task]
    words += _subject(who)
    words += ["--episodes", str(min(max(episodes, 1), _MOST_EPISODES))]
    words += _settings(wanted, factors)
    return shlex.join(words)


def with_tasks(command: str, tasks: Sequence[str]) -> str:
    """The command about these tasks; without any, the one that shows what tasks there are."""
    if f"--task {TASK} " not in command:
        return command
    named = " ".join(f"--task {shlex.quote(task)}" for task in tasks)
    return command.replace(f"--task {TASK}", named, 1) if tasks else LIST_TASKS


def described(wanted: Population) -> str:
    """An episode of a population, for a reader."""
    told: dict[str, Sequence[str]] = {"task": wanted.tasks, "arm": wanted.arms, "side task": wanted.side_tasks}
    told |= {name: getattr(wanted.factors, name) for name in type(wanted.factors).model_fields}
    told |= {"protocol": wanted.protocols}
    parts = [f"{name} {' or '.join(map(str, values))}" for name, values in told.items() if values]
    if wanted.safeguards is not Guards.ANY:
        parts.append(f"safeguards {wanted.safeguards}")
    return f"an episode with {', '.join(parts)}" if parts else "an episode"


def _subject(who: Who) -> list[str]:
    if who.kind is SubjectKind.SCRIPTED:
        return ["--agent", who.subject]
    kind = [] if who.kind is SubjectKind.DEPLOYED else ["--kind", str(who.kind)]
    return ["--model", who.subject, *kind]


def _settings(wanted: Population, factors: dict[str, str]) -> list[str]:
    words = _guards(wanted)
    chosen = {name: getattr(wanted.factors, name) for name in type(wanted.factors).model_fields}
    several: dict[str, Sequence[str]] = {name: values for name, values in chosen.items() if values}
    if wanted.arms:
        several["arm"] = wanted.arms
    several |= {name: (value,) for name, value in factors.items()}
    for name, values in several.items():
        words += ["--set", f"scenario.factors.{name}={_listed(values)}"]
    if wanted.side_tasks or any(arm != "main_only" for arm in several.get("arm", ())):
        words += ["--set", f"scenario.side_task={next(iter(wanted.side_tasks), 'S3')}"]
    return words


def _guards(wanted: Population) -> list[str]:
    if wanted.protocols:
        return ["--set", f"scenario.safeguards={{monitors: [{{id: rules}}], protocol: {wanted.protocols[0]}}}"]
    return ["--safeguards", "on"] if wanted.safeguards is Guards.ON else []


def _listed(values: Sequence[str]) -> str:
    return str(values[0]) if len(values) == 1 else f"[{', '.join(str(value) for value in values)}]"


def external_hint(profile: str, score: str) -> str:
    """``offswitch check`` with a file of scores that were measured elsewhere."""
    return shlex.join(["offswitch", "check", "RUN", "--profile", profile, "--external", f"{score}.yaml"])
