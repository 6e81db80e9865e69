"""The numbers of the comparison page, asked of the metrics."""

from dataclasses import dataclass

import pandas as pd

from .._data import RunData
from .._outcomes import COUNTED, Outcome, outcomes
from .._rate import Rate, tally
from .._words import plural
from ..stats import holm, mcnemar
from ._groups import from_the_beginning
from ._notes import note_of, scripted_only
from ._numbers import paired_difference, world
from ._page import Ask
from ._parts import Measured
from ._sheet import Note


@dataclass(frozen=True)
class Change:
    """One failure mode of one subject in both runs, over complete pairs."""

    name: str
    before: Rate
    after: Rate
    difference: Measured | None
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
    before, after, keys, names, why = _sides(data, ask)
    paired = _paired(before, after, keys)
    compared = paired[paired["answered"]]
    p_values = holm([mcnemar(*_flips_of(rows)) for _, rows in compared.groupby("label", sort=False)])
    modes = list(dict.fromkeys(compared["label"]))
    tests = dict(zip(modes, p_values, strict=True))
    changes = [_change(str(label), rows, tests.get(label), ask) for label, rows in paired.groupby("label", sort=False)]
    changes.sort(key=lambda one: (-(one.cured + one.broken), -(one.before.k + one.after.k)))
    dropped = int((~paired["answered"]).sum())
    more = (
        f"{plural(dropped, 'pair')} left out: a side is invalid, unknown, not exposed, or not proven to be monitored.",
        "The difference: paired, by world.",
    )
    rates = [rate for one in changes for rate in (one.before, one.after)]
    note = note_of(rates, scripted=scripted_only(data.episodes), more=more, of="sides of complete pairs")
    return View(*names, tuple(changes), tuple(_flips(compared)), len(modes), note, why)


def _sides(data: RunData, ask: Ask) -> tuple[pd.DataFrame, pd.DataFrame, list[str], tuple[str, str], str]:
    """Rows before and after, what makes a pair, their names, and why there may be none."""
    own = from_the_beginning(data.verdicts)
    if ask.other is None:
        on = own["safeguards"].astype("boolean")
        keys = ["subject", "scaffold", "cluster_id", "pair_id", "seed"]
        off, watched = own[on.eq(False).fillna(value=False)], own[on.eq(True).fillna(value=False)]
        names = ("safeguards off", "safeguards on")
        return off, watched, keys, names, "no pair with safeguards off and on; or name a second run: --compare RUN2"
    other = from_the_beginning(ask.other.verdicts)
    keys = ["scenario_hash", "seed"]
    if not _one_subject(own) or not _one_subject(other):
        keys = ["subject", "scaffold", "subject_kind", *keys]
    names = (_name(data), _name(ask.other))
    return own, other, keys, names, "the two runs share no scenario with the same seed (and subject)"


def _one_subject(rows: pd.DataFrame) -> bool:
    return len(rows[["subject", "scaffold", "subject_kind"]].astype("string").drop_duplicates()) <= 1


def _name(data: RunData) -> str:
    named = [info.manifest.run_id if info.manifest else info.paths.root.name for info in data.runs]
    return ", ".join(named) or ", ".join(dict.fromkeys(data.episodes["run_id"].dropna().astype(str))) or "no run"


def _paired(before: pd.DataFrame, after: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """One row a pair that has both sides in some form; ``answered`` where each side has one answer that counts."""
    by = [*keys, "failure_mode"]
    sides = [_answers(rows, by) for rows in (before, after)]
    both = sides[0].merge(sides[1], on=by, suffixes=("_before", "_after"))
    both["answered"] = both["said_before"].notna() & both["said_after"].notna()
    several = both["who_before"].astype("string").nunique() > 1
    mode = both["failure_mode"].astype("string")
    both["label"] = mode + " · " + both["who_before"].astype("string") if several else mode
    return both


def _answers(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """The answer of each key: missing unless exactly one valid row speaks, and speaks for a watched episode."""
    said = pd.Series([str(one) if one in COUNTED else None for one in outcomes(rows, "succeeded")], index=rows.index)
    blind = rows["safeguards"].eq(True).fillna(value=False) & ~rows["monitored"].eq(True).fillna(value=False)
    table = rows[[*by, "valid", "episode_id", "cluster_id", "task"]].assign(
        said=said.where(~blind), who=rows["subject"], world=world(rows), seed_words=rows["seed"].astype("string")
    )
    table = table.loc[:, ~table.columns.duplicated()]
    for name in by:
        table[name] = table[name].astype("string").fillna("?")
    valid = table["valid"].astype(bool)
    alone = valid & (valid.groupby([table[name] for name in by], observed=True).transform("sum") == 1)
    ordered = table.assign(said=table["said"].where(alone)).sort_values("valid", ascending=False, kind="stable")
    return ordered.drop_duplicates(by)


def _flips_of(rows: pd.DataFrame) -> tuple[int, int]:
    """Pairs that were cured, and pairs that were broken."""
    failed = [rows[f"said_{side}"].ne(Outcome.NO) for side in ("before", "after")]
    return int((failed[0] & ~failed[1]).sum()), int((~failed[0] & failed[1]).sum())


def _change(label: str, rows: pd.DataFrame, p_value: float | None, ask: Ask) -> Change:
    complete = rows[rows["answered"]]
    sides = [
        tally([Outcome(one) for one in complete[f"said_{side}"]], list(complete[f"world_{side}"]))
        for side in ("before", "after")
    ]
    cured, broken = _flips_of(complete) if len(complete) else (0, 0)
    mode = str(rows["failure_mode"].iloc[0])
    return Change(
        name=" ".join(filter(None, [label, ask.titles.get(mode)])),
        before=sides[0],
        after=sides[1],
        difference=_difference(complete),
        cured=cured,
        broken=broken,
        p_value=p_value,
        incomplete=len(rows) - len(complete),
    )


def _difference(complete: pd.DataFrame) -> Measured | None:
    if complete.empty:
        return None
    failed = [complete[f"said_{side}"].ne(Outcome.NO).to_numpy(dtype=float) for side in ("before", "after")]
    return paired_difference(failed[1] - failed[0], list(complete["world_before"]))


def _flips(compared: pd.DataFrame) -> list[Flip]:
    """Pairs that changed sides, the worse ones first."""
    before, after = (compared[f"said_{side}"].ne(Outcome.NO) for side in ("before", "after"))
    rows = compared.assign(worse=after)[before != after]
    rows = rows.sort_values(["worse", "label"], ascending=[False, True], kind="stable")
    columns = ("label", "task_before", "seed_words_before", "episode_id_before", "episode_id_after", "worse")
    return [
        Flip(f"{label} · {task} · seed {seed}", str(one), str(two), bool(worse))
        for label, task, seed, one, two, worse in zip(*(rows[name] for name in columns), strict=True)
    ]
