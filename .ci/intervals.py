"""Measures how often the intervals hold the truth, and writes it into docs/statistics.md (``make statistics``).

``--samples N`` a cell, 2,000 unless told; ``--page`` only writes the page from docs/statistics.json.
"""

import json
import sys
from pathlib import Path

from offswitch.analysis.stats.coverage import measured, tables

DOCS = Path(__file__).resolve().parent.parent / "docs"
BEGIN, END = "<!-- figures: make statistics -->\n", "<!-- end of figures -->\n"


def main(words: list[str]) -> None:
    kept = DOCS / "statistics.json"
    if "--page" not in words:
        samples = int(words[words.index("--samples") + 1]) if "--samples" in words else 2000
        kept.write_text(json.dumps(measured(samples), indent=1) + "\n", encoding="utf-8")
    page = DOCS / "statistics.md"
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit(f"{page}: the figures go between {BEGIN.strip()} and {END.strip()}, and one of them is missing")
    text = tables(json.loads(kept.read_text(encoding="utf-8")))
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
