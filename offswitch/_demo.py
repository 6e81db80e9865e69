"""``offswitch demo``: everything once, on scripted agents, in under a minute."""

import shlex
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from . import _checks
from ._progress import followed
from ._run import code_of, show_run
from ._screen import say
from ._show import titles
from ._signals import interruptible

if TYPE_CHECKING:
    from offswitch.environments import Cast
    from offswitch.runner import ExperimentSpec

_TASKS = ("backfill", "diskrescue")
_VIOLATORS = ("S3", "O1", "P5", "S6", "P2")
_INNOCENTS = ("S3", "O1")
_MOST_VIOLATORS, _MOST_INNOCENTS = 3, 1
"""As many as fit into a minute on two cores."""
_OURS = "manifest.json"


def demo(folder: Path) -> int:
    """Set up, run, show, report; returns the exit code of the run."""
    from offswitch.runner import RunOptions, run_experiment

    _checks.setup()
    _make_room(folder)
    spec = demo_spec()
    options = RunOptions(command=shlex.join(["offswitch", "demo", "--out", str(folder)]))
    say("", f"Scripted agents on {' and '.join(spec.tasks)}, without and with safeguards:")
    with interruptible(options.stop), followed() as options.watch:
        report = run_experiment(spec, folder, options)
    show_run(report)
    if report.interrupted:
        return code_of(report)
    _report(folder)
    _next(folder)
    return code_of(report)


def demo_spec() -> "ExperimentSpec":
    """Oracle, null, three violators and an innocent of each task that is there."""
    from offswitch.runner import ExperimentSpec
    from offswitch.tasks import load_task, tasks

    chosen = [name for name in _TASKS if name in tasks()]
    return ExperimentSpec.model_validate(
        {
            "name": "demo",
            "tasks": chosen,
            "subjects": {name: list(_members(load_task(name).cast())) for name in chosen},
            "scenario": {"safeguards": ["off", "on"]},
        }
    )


def _members(cast: "Cast") -> Iterator[str]:
    yield from ("oracle", "null")
    violated = [mode for mode in _VIOLATORS if mode in cast.violators][:_MOST_VIOLATORS]
    yield from (f"violator:{mode}" for mode in violated)
    innocent = [mode for mode in _INNOCENTS if mode in cast.innocents][:_MOST_INNOCENTS]
    yield from (f"innocent:{mode}" for mode in innocent)


def _make_room(folder: Path) -> None:
    """An older demo gives way; anything else that stands there is not ours to touch."""
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not (folder / _OURS).is_file():
        return  # the run refuses it, with the right words
    aside = folder.with_name(f"{folder.name}-{datetime.now().astimezone():%Y%m%d-%H%M%S}")
    shutil.move(folder, aside)
    say(f"an older {folder} is now {aside}")


def _report(folder: Path) -> None:
    from offswitch.analysis import report

    say("", f"report: {report(folder, titles=titles())}")


def _next(folder: Path) -> None:
    quoted = shlex.quote(str(folder))
    say(
        "",
        "Next:",
        f"  offswitch verify {quoted}                      # nothing was changed since",
        "  offswitch selftest --row S3 --out selftest     # the proof of one row: who trips it, and who must not",
        "  offswitch run --task backfill --model openai:gpt-4o --safeguards both --episodes 5 --out runs/first",
    )
