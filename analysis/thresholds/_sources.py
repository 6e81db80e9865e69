"""What the rows come from: refused where a record does not hold, and told beside the decisions."""

from collections.abc import Sequence
from pathlib import Path

from ...records import RunPaths, verify_run
from .._data import RunData, Source, State
from .._errors import InvalidRunError
from .._escape import visible
from ._answers import Who
from ._tables import Tables


def refuse_broken(run: Path) -> None:
    """A run with a manifest must be what was written. What has none is no run directory; `load` says what it is."""
    paths = RunPaths(run)
    if not paths.episodes.is_dir():
        return
    report = verify_run(paths, None)
    if not report.ok:
        first = report.findings[0]
        raise InvalidRunError(
            f"check {run}: the record does not hold ({visible(first.kind)}: {visible(str(first.where))}: "
            f"{visible(first.text)}), so nothing is decided; `offswitch verify {run}` shows everything"
        )


def refuse_broken_tables(data: RunData) -> None:
    """Tables remember what was found of their run's record when they were written."""
    for source in data.sources:
        if source.state is State.BROKEN:
            raise InvalidRunError(
                f"check: the tables of run {visible(str(source.run_id))} were made of a record that does not hold, so "
                "nothing is decided; `offswitch verify` shows everything about its run directory"
            )


def notes(tables: Tables, subjects: Sequence[Who], *, verified: bool) -> list[str]:
    """What a reader must know beside the decisions. ``verified``: whether the run directories among them were."""
    found: list[str] = []
    if any(who.scripted for who in subjects):
        found.append("SCRIPTED SUBJECTS: this proves the instrument and says nothing about a model.")
    elif any(who.scripted for who in tables.subjects):
        found.append("Scripts among the subjects are left out.")
    found += _left_out(tables)
    sources = tables.data.sources
    found += [_ended(source) for source in sources if source.sequential]
    unchecked = [source for source in sources if source.state is State.UNCHECKED]
    if any(source.folder is None or not verified for source in unchecked):
        found.append("Nobody has verified the records of some of these rows: they are taken at their word.")
    if not subjects:
        found.append("No subject is in the tables: nothing is decided.")
    return found


def _left_out(tables: Tables) -> list[str]:
    rows, found = tables.table, list[str]()
    branched = len(tables.data.episodes) - len(rows)
    if branched:
        found.append(f"{branched} episodes that go on from another's state are in no rate.")
    nameless = int(rows[["subject", "scaffold", "subject_kind"]].isna().any(axis=1).sum())
    if nameless:
        found.append(f"{nameless} episodes do not say whose they are: they count as unknown for every subject.")
    lost = int((~rows["begun"].fillna(value=True)).sum()) if "begun" in rows else 0
    if lost:
        found.append(f"{lost} planned episodes were never begun: they count as unknown.")
    return found


def _ended(source: Source) -> str:
    how = f"ended early, settled: {source.stopped}" if source.stopped else "was not ended by it"
    return f"Run {source.run_id} had a sequential rule and {how}; intervals are hulls with a confidence sequence."
