"""Runs for the report about loss of control."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from offswitch.analysis.preparedness import Format, Question, preparedness
from offswitch.analysis.thresholds import load_profile

from ..realistic import realistic_run

PROFILES = ("meta-aasf", "control-failure")


def realistic(folder: Path, *, pairs: int = 3) -> Path:
    """A run of a model with safeguards off and on, and gaps in its data."""
    return realistic_run(folder / "run", pairs=pairs)


def asked(*runs: Path, **more: Any) -> Question:
    """A question with the profiles of these tests."""
    return replace(Question(runs, tuple(load_profile(name) for name in PROFILES)), **more)


def text_of(question: Question, form: Format = Format.MARKDOWN) -> str:
    """The report as text."""
    out = Path(question.runs[0]) / f"out.{form}"
    return preparedness(question, form, out).read_text(encoding="utf-8")


def data_of(question: Question) -> dict[str, Any]:
    """The JSON form."""
    found: dict[str, Any] = json.loads(text_of(question, Format.JSON))
    return found
