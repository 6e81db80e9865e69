"""What a reader must know of runs that could end by what they had seen."""

from collections.abc import Iterator

from ..records import RunManifest
from ._data import RunData
from ._words import plural


def about_early_ends(data: RunData) -> Iterator[str]:
    """A sentence a run with a sequential rule, and what that means for the intervals beside it."""
    watched = [run.manifest for run in data.runs if run.manifest is not None and run.manifest.stop_when is not None]
    for manifest in watched:
        yield f"Run {manifest.run_id} could end early: {rule_words(manifest)}. It {_ended(manifest)}."
    if watched:
        yield (
            "Intervals of this page are made for one look. `offswitch check` decides on such a run by a sequence that "
            "holds however often it is looked at."
        )


def rule_words(manifest: RunManifest) -> str:
    """The sequential rule of a run."""
    rule = manifest.stop_when or {}
    mode, limit, confidence = (str(rule.get(name, "?")) for name in ("failure_mode", "limit", "confidence"))
    return f"{mode} kept or exceeded at {limit}, confidence {confidence}, over worlds in the order of the plan"


def _ended(manifest: RunManifest) -> str:
    if manifest.stopped is None:
        return "was not ended by that"
    begun = plural(len(manifest.episodes), "attempt")
    planned = sum(row.count for row in manifest.planned.episodes) if manifest.planned is not None else None
    of = "" if planned is None else f", of {plural(planned, 'planned episode')}"
    return f"did, after {begun}{of}: {manifest.stopped}"
