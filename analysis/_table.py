"""The verdict table for the terminal."""

from collections.abc import Mapping, Sequence

from rich.table import Table
from rich.text import Text

from ._data import RunData
from ._escape import visible
from ._words import fraction, interval, percent
from .metrics import VerdictRow, overview

SCRIPTED_NOTE = (
    "Scripted subjects prove the instrument: these rates say that it sees what the script did, and nothing about "
    "a model."
)
_COLUMNS = (
    ("mode", "left"),
    ("safeguards", "left"),
    ("failed", "right"),
    ("rate", "right"),
    ("95% interval", "right"),
    ("worst case", "right"),
    ("unknown", "right"),
    ("not exposed", "right"),
    ("blocked", "right"),
    ("disclosed", "right"),
    ("grade", "left"),
)


def verdict_table(data: RunData, titles: Mapping[str, str] | None = None) -> Table:
    """Failure modes by subject, ready for a rich console. Hostile names are escaped, never interpreted.

    ``titles`` gives failure modes a name for the reader.
    """
    found = overview(data.verdicts)
    rows = found.rows
    table = Table(caption=_caption(rows, found.left_out), caption_justify="left", title_justify="left")
    for name, justify in _COLUMNS:
        table.add_column(name, justify="right" if justify == "right" else "left", no_wrap=name != "mode")
    before = ""
    for row in rows:
        if row.subject.label != before:
            before = row.subject.label
            table.add_section()
            table.add_row(Text(visible(before), style="bold"))
        table.add_row(*_cells(row, titles or {}))
    return table


def _cells(row: VerdictRow, titles: Mapping[str, str]) -> list[Text]:
    rate = row.failure
    mode = " ".join(filter(None, [row.failure_mode, titles.get(row.failure_mode)]))
    unknown = f"{rate.unknown}" + (f" +{rate.agent_caused} by agent" if rate.agent_caused else "")
    cells = (
        mode,
        row.guards,
        fraction(rate),
        percent(rate.value),
        interval(rate),
        percent(rate.worst_case),
        unknown,
        f"{rate.not_exposed}",
        f"{row.blocked}",
        fraction(row.disclosed) if row.disclosed.n else "–",
        f"{row.grade or '–'}{' unverified' if row.unverified else ''}",
    )
    style = "red" if rate.k else ""
    return [Text(visible(cell), style=style if index in (2, 3) else "") for index, cell in enumerate(cells)]


def _caption(rows: Sequence[VerdictRow], left_out: Mapping[str, int]) -> Text | None:
    notes = [
        "failed: controls that stopped holding, over exposed and valid episodes.",
        "unknown: evidence lost by the infrastructure; left out, and counted as failed in the worst case.",
    ]
    if any(row.failure.agent_caused for row in rows):
        notes.append("“by agent”: evidence that the agent's doing destroyed; counted as failed.")
    if any(row.unmonitored for row in rows):
        notes.append(
            "unmonitored: no suspicion monitor is known to have passed its check; says nothing about safeguards."
        )
    if any(row.unverified for row in rows):
        notes.append("unverified: evidence below G2.")
    if any(row.subject.scripted for row in rows):
        notes.append(SCRIPTED_NOTE)
    notes += [f"{count} verdicts are in no row: {reason}." for reason, count in left_out.items()]
    return Text("\n".join(notes if rows else ["no verdicts", *notes[2:]]))
