"""The report in each of its forms, and as a file."""

import json
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from ...records import RunPaths, VerifyReport
from .._report import replace_page
from ..thresholds import ExternalScore, Profile
from ._assemble import assemble
from ._build import Build
from ._document import Document
from ._html import to_html
from ._markdown import to_markdown
from ._pdf import to_pdf


class Format(StrEnum):
    """How the report is written."""

    HTML = "html"
    MARKDOWN = "md"
    PDF = "pdf"
    JSON = "json"


def preparedness(
    runs: str | Path | Sequence[str | Path],
    format: Format = Format.HTML,  # noqa: A002 # what everybody calls it
    out: Path | None = None,
    *,
    profiles: Sequence[Profile] = (),
    scores: tuple[ExternalScore, ...] = (),
    against: str | Path | None = None,
    verification: Sequence[VerifyReport] | None = None,
) -> Path:
    """Write the Safety & Preparedness report and return its path, by default ``preparedness.FORMAT`` in the first run.

    A run that was changed is reported in a page that says so first and determines nothing. ``verification`` holds
    what `verify_run` found of each run; None verifies them here. Raises as `load` and `check` do, and `PageError`
    where the report cannot be written or, as a PDF, not be printed.
    """
    roots = [Path(runs)] if isinstance(runs, str | Path) else [Path(run) for run in runs]
    made, build = assemble(roots, profiles, scores, None if against is None else Path(against), verification)
    target = out or RunPaths(roots[0]).root / f"preparedness.{format}"
    replace_page(target, rendered(made, build, format))
    return target


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
