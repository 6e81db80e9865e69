"""Episodes that a run set out to do and never began: rows of missing data, so that they cannot vanish."""

from collections.abc import Iterable, Iterator
from typing import Any

from ..records import EpisodeKey
from ._data import RunInfo
from ._rows import Row, identity

NEVER_BEGUN = "never begun: the run was broken off before it"
_TOLD = ("run_id", "subject_kind", "subject", "scaffold", "scenario_hash", "seed")


def never_begun(runs: Iterable[RunInfo], begun: Iterable[Row]) -> Iterator[Row]:
    """A row for every planned episode of which no attempt was recorded. An older run does not say what it planned.

    A run that its sequential rule ended has none: its other episodes were not due any more.
    """
    there = {tuple(_word(row.get(name)) for name in _TOLD) for row in begun}
    for run in runs:
        manifest = run.manifest
        if manifest is None or manifest.planned is None or manifest.stopped is not None:
            continue
        for key in manifest.planned.keys(manifest.run_id):
            row = _row(key, str(run.paths.root))
            if tuple(_word(row[name]) for name in _TOLD) not in there:
                yield row


def _row(key: EpisodeKey, run: str) -> Row:
    return identity(key) | {
        "run": run,
        "mechanisms": tuple(spec.id for spec in key.scenario.mechanisms or ()),
        "valid": False,
        "invalid_reason": NEVER_BEGUN,
        "begun": False,
        "sealed": False,
        "records": 0,
    }


def _word(value: Any) -> str:
    return str(value)
