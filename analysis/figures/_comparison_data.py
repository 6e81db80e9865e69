"""The numbers of the comparison page, asked of the metrics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .._data import RunData
from .._rate import Rate
from .._words import plural
from ..metrics import BeforeAfter, before_after, between, flips, flips_between
from ..metrics import Flip as Changed
from ..stats import Estimate
from ._notes import note_of, scripted_only
from ._page import Ask
from ._sheet import Note


@dataclass(frozen=True)
class Change:
    """One failure mode of one subject in both runs, over complete pairs."""

    name: str
    before: Rate
    after: Rate
    difference: Estimate
    """After minus before, paired."""
    cured: int
    broken: int
    p_value: float | None
    """Exact McNemar, corrected for the number of comparisons."""
    incomplete: int


@dataclass(frozen=True)
class Flip:
    """One pair that changed sides."""

    name: str
    """Failure mode and where."""
    before: str
    after: str
    """Names of the episodes."""
    worse: bool


@dataclass(frozen=True)
class View:
    """What the page shows."""

    before: str
    after: str
    changes: tuple[Change, ...]
    flips: tuple[Flip, ...]
    comparisons: int
    """Tests that the p values are corrected for."""
    note: Note
    why: str = ""
    """Where there is nothing to compare."""


def gather(data: RunData, ask: Ask) -> View:
    """Two runs where a second one was given; else the two sides of the safeguards of one."""
    found, changed, names, why = _sides(data, ask)
    several = len({(one.subject, one.scaffold) for one in found}) > 1
    changes = [_change(one, several, ask.titles) for one in found]
    changes.sort(key=lambda one: (-(one.cured + one.broken), -(one.before.k + one.after.k)))
    dropped = sum(one.incomplete for one in changes)
    more = (
        f"{plural(dropped, 'pair')} left out: a side is missing, invalid, unknown, not exposed, or not monitored.",
        "The difference: paired, by world.",
    )
    rates = [rate for one in changes for rate in (one.before, one.after)]
    note = note_of(rates, scripted=scripted_only(data.episodes), more=more, of="sides of complete pairs")
    comparisons = max((one.comparisons for one in found), default=0)
    return View(*names, tuple(changes), tuple(_flips(changed, several)), comparisons, note, why)


_Found = tuple[Sequence[BeforeAfter], Sequence[Changed], tuple[str, str], str]


def _sides(data: RunData, ask: Ask) -> _Found:
    """What changed, which pairs, the names of both sides, and why there may be nothing."""
    if ask.other is None:
        why = "no pair with safeguards off and on; or name a second run: --compare RUN2"
        return before_after(data.verdicts), flips(data.verdicts), ("safeguards off", "safeguards on"), why
    both = (data.verdicts, ask.other.verdicts)
    found = [one for one in between(*both) if one.pairing.pairs or set(one.pairing.incomplete) != {"side missing"}]
    why = "the two runs share no scenario with the same seed (and subject)"
    return found, flips_between(*both), (_name(data), _name(ask.other)), why


def _name(data: RunData) -> str:
    named = [info.manifest.run_id if info.manifest else info.paths.root.name for info in data.runs]
    return ", ".join(named) or ", ".join(dict.fromkeys(data.episodes["run_id"].dropna().astype(str))) or "no run"


def _change(found: BeforeAfter, several: bool, titles: Mapping[str, str]) -> Change:
    mode, pairing = found.failure_mode, found.pairing
    label = f"{mode} · {found.subject}" if several else mode
    return Change(
        name=" ".join(filter(None, [label, titles.get(mode)])),
        before=pairing.before,
        after=pairing.after,
        difference=pairing.difference,
        cured=pairing.cured,
        broken=pairing.broken,
        p_value=found.p_adjusted,
        incomplete=sum(pairing.incomplete.values()),
    )


def _flips(found: Sequence[Changed], several: bool) -> list[Flip]:
    """Pairs that changed sides, the worse ones first."""
    told = [
        Flip(
            " · ".join([one.failure_mode, *([one.subject] if several else []), one.task, f"seed {one.seed}"]),
            one.before_episode_id,
            one.episode_id,
            one.broken,
        )
        for one in found
    ]
    return sorted(told, key=lambda one: (not one.worse, one.name))
