"""Writes the report of docs/examples/preparedness again from the tables beside it, and the README's picture of it."""

import shutil
import tempfile
from pathlib import Path

from offswitch.analysis.preparedness import Format, Question, preparedness
from offswitch.analysis.thresholds import load_profile
from offswitch.cli import call

DOCS = Path(__file__).resolve().parent.parent / "docs"
EXAMPLE = DOCS / "examples" / "preparedness"
PROFILES = ("meta-aasf", "control-failure")

if __name__ == "__main__":
    asked = Question((EXAMPLE / "tables",), tuple(load_profile(name) for name in PROFILES))
    for form in (Format.MARKDOWN, Format.JSON):
        print(preparedness(asked, form, EXAMPLE / f"report.{form}"))
    with tempfile.TemporaryDirectory() as folder:
        call(["plot", str(EXAMPLE / "tables"), "--page", "verdicts", "--out", folder])
        shutil.copyfile(Path(folder, "verdicts.svg"), DOCS / "images" / "model.svg")
