"""The report in each of its forms, and as a file."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Any

from ...records import RunPaths
from .._errors import NumberError
from .._escape import visible
from .._written import replace_page
from ._assemble import Question, assemble
from ._build import Build
from ._document import Document
from ._html import to_html
from ._markdown import to_markdown
from ._measures import Context
from ._numbers import recompute
from ._pdf import to_pdf


class Format(StrEnum):
    """How the report is written."""

    HTML = "html"
    MARKDOWN = "md"
    PDF = "pdf"
    JSON = "json"


def preparedness(asked: Question, form: Format = Format.HTML, out: Path | None = None) -> Path:
    """Write the Safety & Preparedness report and return its path, by default ``preparedness.FORM`` in the first run.

    A run that was changed is reported in a page that says so first and determines nothing. Raises as `load` and
    `check` do, and `PageError` where the report cannot be written or, as a PDF, not be printed.
    """
    made, build = assemble(asked)
    target = out or RunPaths(Path(asked.runs[0])).root / f"preparedness.{form}"
    replace_page(target, rendered(made, build, form))
    return target


def trace(asked: Question, number: str) -> dict[str, Any]:
    """The entry of one number of the report that this question gives, and what comes out when it is recomputed.

    Raises `NumberError` for an id that the report does not hold.
    """
    made, build = assemble(asked)
    for entry in as_data(made, build)["numbers"]:
        if entry["id"] == number:
            ledger = build.earlier if entry["run"] == "earlier" and build.earlier else build.ledger
            found = recompute(entry, ledger.data, context=Context(build.ledger.context.scores, profiles=asked.profiles))
            return {**entry, "recomputed": found}
    known = [one.id for one in made.measurements]
    span = f"{known[0]} to {known[-1]}" if known else "none"
    raise NumberError(
        f"report --number {visible(number[:40])}: the report holds {span}; give the same runs and profiles"
    )


def rendered(made: Document, build: Build, form: Format) -> bytes:
    """The report in one form."""
    if form is Format.PDF:
        return to_pdf(to_html(made))
    if form is Format.JSON:
        return (json.dumps(as_data(made, build), indent=1, ensure_ascii=True, default=str) + "\n").encode()
    text = to_html(made) if form is Format.HTML else to_markdown(made)
    return text.encode(errors="backslashreplace")


def as_data(made: Document, build: Build) -> dict[str, Any]:
    """Every number with the measure, the filters and the episodes that it comes from."""
    numbers = [
        {"run": "earlier" if of is build.earlier else "this", **one.as_dict(of.rows)}
        for of in (build.ledger, build.earlier)
        if of is not None
        for one in of.printed
    ]
    return {
        "title": made.title,
        "record": build.state,
        "decisions": [report.as_dict() for report in build.decisions],
        "numbers": numbers,
    }
