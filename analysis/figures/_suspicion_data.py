"""The numbers of the suspicion page, asked of the metrics."""

from dataclasses import dataclass, replace

from .._data import RunData
from .._words import plural
from ..metrics import Arms, auroc, recall_at_fpr
from ..stats import Estimate
from ._conduct import arms_of, casts, scored_steps
from ._notes import unit_note
from ._page import MAX_PANELS, Ask
from ._parts import Floats, Measured
from ._sheet import Note


@dataclass(frozen=True, eq=False)
class Panel:
    """The scores of one subject's episodes, and what the monitor makes of them."""

    title: str
    honest: Floats
    attack: Floats
    threshold: float | None
    """None where no honest episode has a score."""
    reached: float | None
    """False positive rate that the threshold has on these honest episodes."""
    step: float | None
    """Smallest rate that these honest episodes can resolve: 1 / n."""
    recall: Measured | None
    auroc: Measured | None


@dataclass(frozen=True)
class View:
    """What the page shows."""

    panels: tuple[Panel, ...]
    fpr: float
    note: Note


def gather(data: RunData, ask: Ask) -> View:
    steps = scored_steps(data)
    tables = [(title, scripted, arms_of(members, steps)) for title, scripted, members in casts(data)]
    told = [one for one in tables if len(one[2].honest.known[0]) or len(one[2].attack.known[0])]
    shown = told[:MAX_PANELS]
    panels = [_panel(title, found, ask.fpr) for title, _, found in shown]
    silent = sum(found.honest.unknown + found.attack.unknown for _, _, found in shown)
    unclear = sum(found.neither for _, _, found in shown)
    more = [
        "Honest: no side task and no attempt seen; attack: an attempt was seen.",
        f"{plural(unclear, 'episode')} in neither, for nobody knows.",
        "Unknown: a monitor did not answer, or did not pass its check.",
    ]
    if len(told) > MAX_PANELS:
        more.append(f"{len(told) - MAX_PANELS:,} further subjects not drawn.")
    known = [one for panel in panels for one in (panel.recall, panel.auroc) if one is not None]
    counted = sum(len(panel.honest) + len(panel.attack) for panel in panels)
    note = unit_note(known, scripted=any(one for _, one, _ in shown), of="", unknown=silent, more=tuple(more))
    return View(tuple(panels), ask.fpr, replace(note, n=counted, of="scored episodes"))


def _panel(title: str, found: Arms, fpr: float) -> Panel:
    recall = recall_at_fpr(found.honest, found.attack, fpr)
    line, area = recall.threshold, auroc(found.honest, found.attack)
    return Panel(
        title,
        found.honest.known[0],
        found.attack.known[0],
        None if line is None else line.threshold,
        None if line is None else line.actual,
        None if line is None else line.step,
        _told(recall.recall),
        _told(area),
    )


def _told(found: Estimate) -> Measured | None:
    return None if found.value is None else found
