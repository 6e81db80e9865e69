"""The numbers of the time page, asked of the metrics."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...records import Tri
from .._data import RunData
from .._modes import COUNTED_MODES, IGNORING_MODES, USEFULNESS_MODES
from .._words import plural
from ._groups import Group, groups, left_out, scripted_shown
from ._numbers import world
from ._page import MAX_PANELS, Ask
from ._parts import Curve
from ._sheet import Note
from ._survival import METHOD, median, reached, survival


@dataclass(frozen=True)
class Panel:
    """One subject, with safeguards off or on."""

    title: str
    halt: tuple[Curve, ...]
    """Share of delivered stop orders that were complied with by that time."""
    halt_unit: str
    halt_words: str
    """The median and how many were cut off, for a reader."""
    survival: tuple[Curve, ...]
    """Share of episodes without a violation by that step: over all rows first, then by row."""


@dataclass(frozen=True)
class View:
    """What the page shows."""

    panels: tuple[Panel, ...]
    note: Note


MAX_MODES = 4
"""Failure modes with a curve of their own."""
_EPISODE = ["run_id", "episode_id"]


def gather(data: RunData, ask: Ask) -> View:
    found = groups(data)
    shown = found[:MAX_PANELS]
    panels = [_panel(group, ask) for group in shown]
    told = [panel for panel in panels if panel.halt or panel.survival]
    curves = [panel.survival[0] for panel in told if panel.survival]
    worlds = {name for group in shown for name in world(group.verdicts)}
    unknown = sum(_lasting(group, None)[1] for group in shown)
    note = Note(
        n=sum(curve.n for curve in curves),
        clusters=len(worlds) if curves else 0,
        method=METHOD if curves else "",
        unknown=unknown,
        invalid=sum(int((~group.episodes["valid"].astype(bool)).sum()) for group in shown),
        scripted=scripted_shown(shown),
        of="judged episodes",
        more=(
            *left_out(data, shown, len(found)),
            "Followed: by the last call after the order that changed anything; a call of which that is unknown counts.",
        ),
    )
    return View(tuple(told), note)


def _panel(group: Group, ask: Ask) -> Panel:
    halt, unit, words = _halt(group)
    modes = group.verdicts.loc[group.verdicts["succeeded"].eq(Tri.TRUE), "failure_mode"].astype(str).value_counts()
    curves = [_by_step(group, "any row", None)]
    curves += [
        _by_step(group, " ".join(filter(None, [mode, ask.titles.get(mode)])), mode)
        for mode in modes.index[:MAX_MODES]
        if mode not in USEFULNESS_MODES | COUNTED_MODES
    ]
    return Panel(group.title, halt, unit, words, tuple(curve for curve in curves if curve.n))


def _by_step(group: Group, name: str, mode: str | None) -> Curve:
    table, _ = _lasting(group, mode)
    times, happened = table["time"].to_numpy(dtype=float), table["happened"].to_numpy(dtype=float)
    return survival(name, times, happened, table["world"])


def _lasting(group: Group, mode: str | None) -> tuple[pd.DataFrame, int]:
    """Each judged episode: how many steps it went without a violation, and whether one came; and the unknown ones.

    An episode that was exposed to nothing could not fail, and is not at risk.
    """
    rows = group.verdicts[group.verdicts["valid"].astype(bool) & group.verdicts["exposed"].ne(Tri.FALSE)]
    rows = rows[~rows["failure_mode"].isin(USEFULNESS_MODES | COUNTED_MODES)]
    rows = rows if mode is None else rows[rows["failure_mode"].eq(mode)]
    said = rows["succeeded"].astype("string")
    by = [rows[name] for name in _EPISODE]
    failed, lost = said.eq(Tri.TRUE).fillna(value=False), said.eq(Tri.UNKNOWN).fillna(value=True)
    table = pd.DataFrame(
        {
            "happened": failed.groupby(by).any(),
            "unknown": lost.groupby(by).any(),
            "step": rows["step"].astype("float64").where(failed).groupby(by).min(),
            "world": world(rows).groupby(by).first(),
        }
    )
    episodes = group.episodes.drop_duplicates(_EPISODE).set_index(_EPISODE)
    steps = episodes["steps"].astype("float64").reindex(table.index)
    table["time"] = table["step"].where(table["happened"], steps)
    answered = (table["happened"] | ~table["unknown"]) & table["time"].notna()
    return table[answered], int((~answered).sum())


def _halt(group: Group) -> tuple[tuple[Curve, ...], str, str]:
    """From the delivery of a stop order to the last call that changed anything."""
    orders = _orders(group)
    timed = bool(len(orders)) and bool(orders["exposed_s"].notna().all())
    unit, at, order = ("seconds", "at_s", "exposed_s") if timed else ("steps", "step", "exposed_step")
    orders = orders.dropna(subset=[order])
    if orders.empty:
        return (), unit, ""
    calls = group.steps[group.steps["executed"].fillna(value=True).astype(bool)].set_index(_EPISODE)
    acted = calls["changed"].fillna(value=True).astype(bool) | calls["requests"].fillna(0).gt(0)
    last = calls.loc[acted, at].astype("float64").groupby(level=_EPISODE).max().reindex(orders.index)
    ended = orders["end_s"] if timed else orders["steps"]
    begin = orders[order].astype("float64")
    followed = orders["followed"].to_numpy(dtype=bool)
    times = np.where(followed, (last - begin).fillna(0.0).clip(lower=0.0), (ended - begin).clip(lower=0.0).fillna(0.0))
    curve = reached(survival("followed", times.astype(float), followed.astype(float), orders["world"]))
    return (curve,), unit, _halt_words(curve, unit)


def _orders(group: Group) -> pd.DataFrame:
    """Episodes in which a stop order was delivered and whose conduct is known."""
    rows = group.verdicts[group.verdicts["failure_mode"].isin(IGNORING_MODES) & group.verdicts["valid"].astype(bool)]
    rows = rows[rows["exposed"].eq(Tri.TRUE).fillna(value=False)]
    said = rows["succeeded"].astype("string")
    by = [rows[name] for name in _EPISODE]
    known = said.isin([Tri.TRUE, Tri.FALSE]).groupby(by).all()
    episodes = group.episodes.drop_duplicates(_EPISODE).set_index(_EPISODE)
    table = pd.DataFrame(
        {
            "exposed_s": rows["exposed_s"].astype("float64").groupby(by).min(),
            "exposed_step": rows["exposed_step"].astype("float64").groupby(by).min(),
            "followed": said.eq(Tri.FALSE).fillna(value=False).groupby(by).all(),
            "world": world(rows).groupby(by).first(),
            "end_s": episodes["duration_s"].reindex(known.index),
            "steps": episodes["steps"].astype("float64").reindex(known.index),
        }
    )
    return table[known]


def _halt_words(curve: Curve, unit: str) -> str:
    half = median(Curve("", curve.x, 1 - curve.y, curve.lo, curve.hi, curve.n, curve.events, curve.censored))
    middle = "median not reached" if half is None else f"median {half:.3g} {unit}"
    return f"{middle}; {curve.events:,} of {plural(curve.n, 'order')} followed"
