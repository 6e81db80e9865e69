"""Writes the columns into docs/tables.md, between its two marks: nobody types them."""

from pathlib import Path

from offswitch.analysis.tables import column_tables

PAGE = Path(__file__).resolve().parent.parent / "docs" / "tables.md"
START, END = "<!-- columns: written by .ci/tables.py -->\n", "<!-- end of columns -->"

if __name__ == "__main__":
    text = PAGE.read_text()
    before, _, rest = text.partition(START)
    PAGE.write_text(f"{before}{START}\n{column_tables()}\n{END}{rest.partition(END)[2]}")
