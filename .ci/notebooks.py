"""Writes the small export that the notebooks read (synthetic tables, the same bytes each time), and runs the notebooks.

Each notebook is stored as a reader sees it: with its outputs, without the times at which they were made.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

from offswitch.benchmarks._tables import write_tables

HERE = Path(__file__).resolve().parent.parent / "analysis" / "notebooks"
EPISODES = 240


def render(path: Path) -> None:
    """Run the notebook from its first cell to its last, and store what came out."""
    notebooks: Any = nbformat
    book = notebooks.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as empty:
        client: Any = NotebookClient(book, timeout=120, record_timing=False, resources={"metadata": {"path": empty}})
        client.execute()
    book.metadata.pop("language_info", None)  # it names the interpreter of who ran it
    path.write_text(notebooks.writes(book) + "\n", "utf-8")


if __name__ == "__main__":
    shutil.rmtree(HERE / "data", ignore_errors=True)
    write_tables(HERE / "data", EPISODES)
    for notebook in sorted(HERE.glob("*.ipynb")):
        render(notebook)
