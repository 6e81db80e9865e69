"""Real runs on the engine of this machine, and what two records of the same script may differ in."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from offswitch.records import Record, RunView
from offswitch.runner import ExperimentSpec, RunOptions, RunReport, parse_spec, run_experiment
from offswitch.sandbox import connect

Containers = Callable[[str], list[str]]
BARE = "scenario: {mechanisms: []}\n"
"""Without mechanisms there is nothing to prove: an episode takes a second."""


def spec_of(subjects: str, more: str = "") -> ExperimentSpec:
    return parse_spec(f"tasks: backfill\nsubjects: {subjects}\n{more}")


def run(folder: Path, subjects: str, more: str = "", **options: Any) -> RunReport:
    return run_experiment(spec_of(subjects, more), folder, RunOptions(command="offswitch run x.yaml", **options))


def containers_of(run_id: str) -> list[str]:
    """Names of the containers that a run has left."""
    with connect() as engine:
        found: list[dict[str, Any]] = engine.api.containers(all=True, filters={"label": f"offswitch.run={run_id}"})
    return [str(one["Names"][0]) for one in found]


def repeatable(view: RunView, episode: str) -> list[str]:
    """An episode's records without what may vary, one JSON text each; names of run and episode are replaced."""
    names = {view.manifest.run_id: "RUN", episode: "EPISODE"}
    return [_text(record, names) for record in view.records(episode)]


def _text(record: Record, names: dict[str, str]) -> str:
    text = json.dumps(record.event.repeatable(), sort_keys=True, default=str)
    for name, stands_for in names.items():
        text = text.replace(name, stands_for)
    return text
