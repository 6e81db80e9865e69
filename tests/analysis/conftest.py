"""Fixtures of the analysis tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .synthetic import RunBuilder


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunBuilder]:
    """An empty run to fill."""
    with RunBuilder(tmp_path / "run") as builder:
        yield builder
