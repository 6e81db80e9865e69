"""``offswitch report --kind preparedness``: the report about loss of control, and the trace of its numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ._exits import FINDING, OK
from ._screen import say
from ._show import show_json

if TYPE_CHECKING:
    from offswitch.analysis.preparedness import Question


@dataclass(frozen=True)
class Asked:
    """The flags of the command."""

    runs: Sequence[Path]
    form: str
    out: Path | None
    profiles: Sequence[str]
    external: Sequence[Path]
    against: Path | None
    number: str | None
    verdicts: str


def report(asked: Asked, kind: str) -> int:
    """Write the report, or trace a number of it."""
    from offswitch.analysis.preparedness import Format, preparedness

    _refuse(asked, kind)
    question = _question(asked)
    if asked.number is not None:
        return _trace(question, asked.number)
    say(str(preparedness(question, Format(asked.form), asked.out)))
    return OK


def _refuse(asked: Asked, kind: str) -> None:
    """Flags that do not go together."""
    forms = ("html", "md", "pdf", "json")
    if kind not in ("run", "preparedness"):
        raise typer.BadParameter(f"--kind {kind!r}: there are run and preparedness")
    if kind == "run":
        raise typer.BadParameter(
            "the report of a run is HTML and takes only --out and --verdicts; for the rest give --kind preparedness"
        )
    if asked.form not in forms:
        raise typer.BadParameter(f"--format {asked.form!r}: there are {', '.join(forms)}")


def _question(asked: Asked) -> "Question":
    from offswitch.analysis.preparedness import Question
    from offswitch.analysis.thresholds import external_scores, load_profile

    return Question(
        runs=tuple(asked.runs),
        profiles=tuple(load_profile(name) for name in asked.profiles),
        scores=tuple(score for path in asked.external for score in external_scores(path)),
        against=asked.against,
        verdicts=asked.verdicts,
    )


def _trace(question: "Question", number: str) -> int:
    """Show where a number comes from; a finding where it does not come out again."""
    from offswitch.analysis.preparedness import trace

    found = trace(question, number)
    show_json(found)
    return OK if found["recomputed"] == {name: one["value"] for name, one in found["fields"].items()} else FINDING
