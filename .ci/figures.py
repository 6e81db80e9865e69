"""Draws docs/images/figures/ anew, from a synthetic run whose every episode is known."""

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from offswitch.analysis import load  # noqa: E402 - the path comes first
from offswitch.analysis.figures import PAGES, Ask, draw  # noqa: E402 - the path comes first
from tests.analysis.figures.runs import TITLES, drawn_run  # noqa: E402 - the path comes first

FOLDER = ROOT / "docs" / "images" / "figures"
EPISODE = "ep-0012"
"""One that the safeguards watched, with a failure."""

with tempfile.TemporaryDirectory() as folder:
    first = load(drawn_run(Path(folder, "first"), run_id="first"))
    second = load(drawn_run(Path(folder, "second"), run_id="second", luck=2, ease=0.4))
    for name in PAGES:
        asked = Ask(titles=TITLES, other=second if name == "comparison" else None, episode=EPISODE)
        draw(first, name, FOLDER / f"{name}.svg", ask=asked)
