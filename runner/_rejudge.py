"""Judging stored records again: the same monitors must say what they said live."""

from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from ..monitors.integrity import judge
from ..records import Model, RunStore, RunView, Verdict, VerdictReached
from ._facts import monitors_digest


class Difference(Model):
    """A verdict that is another one now."""

    episode_id: str
    failure_mode: str
    live: Verdict | None
    """None where the row was not judged then."""
    now: Verdict | None
    """None where the row is not judged any more."""

    @property
    def fields(self) -> tuple[str, ...]:
        """What differs."""
        if self.live is None or self.now is None:
            return ("judged",)
        return tuple(name for name in Verdict.model_fields if getattr(self.live, name) != getattr(self.now, name))


class RejudgeReport(Model):
    """What judging a run again gave."""

    version: str
    """Of these verdicts: the package's, and a hash over the monitors' source."""
    judged: int
    """Complete episodes."""
    left_out: tuple[str, ...]
    """Episodes that have no verdicts: crashed or invalid."""
    differences: tuple[Difference, ...]
    written: bool
    root: str
    """Root hash of the manifest, with these verdicts where they were written."""


def rejudge(folder: Path, *, write: bool = True) -> RejudgeReport:
    """Judge every complete episode of a run again and compare with the live verdicts.

    With ``write`` the new ones are stored under ``verdicts/<version>/`` and anchored. Raises `RecordError` where
    the records do not hold, are in use or cannot be written.
    """
    if not write:
        return _rejudged(RunView.open(folder), None)
    with RunStore.resume(folder) as store:
        return _rejudged(store, store)


def verdict_version() -> str:
    """Name of the verdicts that the present monitors give."""
    return f"{version('offswitch')}-{monitors_digest()[:12]}"


def _rejudged(view: RunView, store: RunStore | None) -> RejudgeReport:
    name = verdict_version()
    differences: list[Difference] = []
    complete = [episode for episode in view.episodes() if view.anchor(episode).sealed]
    for episode in complete:
        records = list(view.records(episode))
        live = {r.event.verdict.failure_mode: r.event.verdict for r in records if isinstance(r.event, VerdictReached)}
        now = judge(records)
        differences += _differences(episode, live, now)
        if store is not None:
            store.write_verdicts(episode, name, now.values())
    return RejudgeReport(
        version=name,
        judged=len(complete),
        left_out=tuple(episode for episode in view.episodes() if episode not in complete),
        differences=tuple(differences),
        written=store is not None,
        root=view.manifest.root,
    )


def _differences(episode: str, live: dict[str, Verdict], now: dict[str, Verdict]) -> Iterator[Difference]:
    for mode in sorted(live.keys() | now.keys()):
        if live.get(mode) != now.get(mode):
            yield Difference(episode_id=episode, failure_mode=mode, live=live.get(mode), now=now.get(mode))
