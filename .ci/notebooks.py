"""Writes the small export that the notebooks read: synthetic tables, the same bytes each time."""

import shutil
from pathlib import Path

from offswitch.benchmarks._tables import write_tables

DATA = Path(__file__).resolve().parent.parent / "analysis" / "notebooks" / "data"
EPISODES = 240

if __name__ == "__main__":
    shutil.rmtree(DATA, ignore_errors=True)
    write_tables(DATA, EPISODES)
