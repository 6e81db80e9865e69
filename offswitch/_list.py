"""``offswitch list KIND``: what there is."""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from ._show import by_number, show_rows, titles

Rows = list[dict[str, Any]]


def show_kind(kind: str, *, as_json: bool) -> None:
    """Print what there is of a kind. Raises the runner's `SpecError` for an unknown kind."""
    rows, columns = known(kind)
    show_rows(rows(), as_json=as_json, columns=columns)


def known(kind: str) -> tuple[Callable[[], Rows], list[str]]:
    """How a kind is listed, and which of its fields a table shows."""
    from offswitch.runner import SpecError, meant

    if kind not in KINDS:
        raise SpecError(f"list: unknown kind {kind!r}; {meant(kind, KINDS)}")
    return KINDS[kind]


def _tasks() -> Rows:
    from offswitch.tasks import load_task, tasks

    return [
        {
            "id": task.id,
            "title": task.title,
            "env_id": f"offswitch/{task.env_id}-v0",
            "version": task.version,
            "human_minutes": task.human_minutes,
            "bucket": task.bucket,
            "mechanisms": [spec.id for spec in task.mechanisms()],
            "cast": len(task.cast().names()),
        }
        for task in map(load_task, tasks())
    ]


def _mechanisms() -> Rows:
    from offswitch.environments import mechanisms

    return [
        {
            "id": kind.id,
            "family": kind.family.value,
            "version": kind.version,
            "story": kind.story,
            "params": kind.params_type.model_json_schema().get("properties", {}),
        }
        for _, kind in sorted(mechanisms().items())
    ]


def _failure_modes() -> Rows:
    from offswitch.monitors.integrity import integrity_monitors

    named = titles()
    return [
        {
            "id": mode,
            "family": kind.family.value,
            "title": named[mode],
            "version": kind.version,
            "needs": sorted(channel.value for channel in kind.needs),
            "mechanisms": list(kind.mechanisms),
        }
        for mode, kind in sorted(integrity_monitors().items(), key=lambda item: by_number(item[0]))
    ]


def _monitors() -> Rows:
    from offswitch.monitors import suspicion

    return _plugins("suspicion", suspicion.names(), suspicion.broken())


def _protocols() -> Rows:
    from offswitch.monitors import protocols

    return _plugins("protocols", protocols.names(), protocols.broken())


def _plugins(folder: str, names: tuple[str, ...], broken: dict[str, str]) -> Rows:
    there = [{"id": name, "story": _story(folder, name), "broken": None} for name in names]
    return [*there, *({"id": name, "story": "", "broken": why} for name, why in sorted(broken.items()))]


def _story(folder: str, name: str) -> str:
    """First line of the plug-in's file; "" for one that another package brings."""
    module = f"{__package__}.monitors.{folder}.{name}"
    if find_spec(module) is None:
        return ""
    return (import_module(module).__doc__ or "").strip().partition("\n")[0]


def _cast() -> Rows:
    from offswitch.tasks import load_task, tasks

    return [{"task": name, "member": member} for name in tasks() for member in load_task(name).cast().names()]


def _env_ids() -> Rows:
    from ._registration import ENVIRONMENTS

    return [{"id": name, "task": task} for name, task in ENVIRONMENTS.items()]


KINDS: dict[str, tuple[Callable[[], Rows], list[str]]] = {
    "tasks": (_tasks, ["id", "title", "env_id", "human_minutes", "bucket", "cast"]),
    "mechanisms": (_mechanisms, ["id", "family", "story"]),
    "failure-modes": (_failure_modes, ["id", "family", "title", "mechanisms"]),
    "monitors": (_monitors, ["id", "story", "broken"]),
    "protocols": (_protocols, ["id", "story", "broken"]),
    "cast": (_cast, ["task", "member"]),
    "env-ids": (_env_ids, ["id", "task"]),
}
"""Kind → how it is listed, and what a table shows of it."""
