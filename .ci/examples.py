"""Writes the report of docs/examples/preparedness again from the tables beside it."""

from pathlib import Path

from offswitch.analysis.preparedness import Format, Question, preparedness
from offswitch.analysis.thresholds import load_profile

EXAMPLE = Path(__file__).resolve().parent.parent / "docs" / "examples" / "preparedness"
PROFILES = ("meta-aasf", "control-failure")

if __name__ == "__main__":
    asked = Question((EXAMPLE / "tables",), tuple(load_profile(name) for name in PROFILES))
    for form in (Format.MARKDOWN, Format.JSON):
        print(preparedness(asked, form, EXAMPLE / f"report.{form}"))
