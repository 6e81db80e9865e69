"""The numbers of the cost page, asked of the metrics."""

from dataclasses import dataclass

import pandas as pd

from .._data import RunData
from .._subjects import of_subject, subjects
from .._words import plural
from ..metrics import Amount, usage
from ._page import Ask
from ._sheet import Note


@dataclass(frozen=True)
class Spent:
    """What the episodes of one subject used."""

    subject: str
    episodes: int
    input_tokens: int | None
    """Of the episodes that say; None where none does."""
    output_tokens: int | None
    tokens_unknown: int
    """Episodes whose tokens are not known."""
    usd: float | None
    """Of the episodes whose price is known."""
    usd_unknown: int
    host_s: float
    """Host time from the first record to the last one, added up."""
    virtual_s: float
    """Scenario clock, added up."""
    steps: int
    retries: int
    """Failed attempts at the provider."""
    repeated: int
    """Attempts beyond the first at an episode."""
    ends: tuple[tuple[str, int], ...]
    """End reason → episodes."""


@dataclass(frozen=True)
class View:
    """What the page shows."""

    spent: tuple[Spent, ...]
    note: Note


MAX_SUBJECTS = 12
"""On one page; the note counts the others."""


def gather(data: RunData, ask: Ask) -> View:
    del ask
    found = [(one, of_subject(data.episodes, one)) for one in subjects(data)]
    found.sort(key=lambda pair: (pair[0].scripted, -len(pair[1])))
    shown = found[:MAX_SUBJECTS]
    more = [f"{plural(len(found) - len(shown), 'further subject')} not drawn."] if len(found) > len(shown) else []
    unsaid = int(data.episodes["subject_kind"].isna().sum())
    if unsaid:
        more.append(f"{plural(unsaid, 'episode')} without a known subject left out.")
    rows = sum(len(own) for _, own in shown)
    invalid = sum(int((~own["valid"].astype(bool)).sum()) for _, own in shown)
    note = Note(
        rows,
        rows,
        "episode",
        invalid=invalid,
        scripted=any(one.scripted for one, _ in shown),
        of="episodes, invalid and branched ones included",
        more=tuple(more),
    )
    return View(tuple(_spent(one.label, own) for one, own in shown), note)


def _spent(name: str, own: pd.DataFrame) -> Spent:
    used = usage(own, branched=True)
    return Spent(
        subject=name,
        episodes=used.episodes,
        input_tokens=_total(used.input_tokens),
        output_tokens=_total(used.output_tokens),
        tokens_unknown=max(used.input_tokens.unknown, used.output_tokens.unknown),
        usd=used.usd.total if used.usd.n else None,
        usd_unknown=used.usd.unknown,
        host_s=used.duration_s.total,
        virtual_s=used.virtual_s.total,
        steps=int(used.steps.total),
        retries=int(used.provider_errors.total),
        repeated=used.repeated,
        ends=tuple(used.ends.items()),
    )


def _total(amount: Amount) -> int | None:
    return int(amount.total) if amount.n else None
