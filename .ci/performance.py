"""Writes the tables and the chart of docs/performance.md from docs/performance.json (``make performance``)."""

import json
import sys
from pathlib import Path

from offswitch.benchmarks import chart, markdown

DOCS = Path(__file__).resolve().parent.parent / "docs"
BEGIN, END = "<!-- figures: make performance -->\n", "<!-- end of figures -->\n"


def main() -> None:
    data = json.loads((DOCS / "performance.json").read_text(encoding="utf-8"))
    page = DOCS / "performance.md"
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit(f"{page}: the figures go between {BEGIN.strip()} and {END.strip()}, and one of them is missing")
    page.write_text(f"{before}{BEGIN}\n{markdown(data)}\n{END}{after}", encoding="utf-8")
    (DOCS / "images" / "performance.svg").write_bytes(chart(data))
    print(f"{page.name}: {len(data['figures'])} figures")


if __name__ == "__main__":
    main()
