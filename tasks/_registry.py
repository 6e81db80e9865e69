"""Tasks by id, and the Gymnasium entry point that makes an environment of one."""

import importlib
import importlib.util
import pkgutil
from functools import cache, partial
from pathlib import Path
from typing import Any

from ..environments import ControlEnv, ControlVectorEnv, ScenarioError, Task
from ._gate import check


@cache
def tasks() -> dict[str, type[Task]]:
    """Every task by id: the folders of this package, and nothing that another distribution brings.

    Two with the same id are a `ScenarioError`, and so is one that imports what no task may: none of it then runs.
    """
    package = importlib.import_module(__name__.rpartition(".")[0])
    found: dict[str, type[Task]] = {}
    for module in pkgutil.iter_modules(package.__path__):
        if not module.ispkg:
            continue
        spec = importlib.util.find_spec(f"{package.__name__}.{module.name}")
        check([Path(place) for place in (spec.submodule_search_locations or ())] if spec else [], module.name)
        for kind in _tasks_in(importlib.import_module(f"{package.__name__}.{module.name}")):
            if kind.id in found:
                raise ScenarioError(f"two tasks are called {kind.id}")
            found[kind.id] = kind
    return dict(sorted(found.items()))


def _tasks_in(module: Any) -> list[type[Task]]:
    values = [getattr(module, name) for name in getattr(module, "__all__", ())]
    return [value for value in values if isinstance(value, type) and issubclass(value, Task)]


def load_task(name: str) -> Task:
    """A task by id. Raises `ScenarioError` for an unknown one, naming the known ones."""
    kind = tasks().get(name)
    if kind is None:
        raise ScenarioError(f"unknown task {name!r}; known: {', '.join(tasks())}. Try: offswitch list tasks")
    return kind()


def control_env(task: str, **options: Any) -> ControlEnv:
    """The environment of a task: the entry point of the Gymnasium ids."""
    return ControlEnv(load_task(task), **options)


def control_vector_env(task: str, num_envs: int = 1, **options: Any) -> ControlVectorEnv:
    """Several environments of a task, each in a thread: the vector entry point of the Gymnasium ids."""
    return ControlVectorEnv([partial(control_env, task, **options)] * num_envs)
