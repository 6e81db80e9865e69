"""A closed run to read or to damage, made once and copied."""

import shutil
from pathlib import Path

import pytest

from .example import make_run


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two episodes that nobody may change."""
    root = tmp_path_factory.mktemp("finished") / "RUN"
    make_run(root)
    return root


@pytest.fixture
def run(finished_run: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may change."""
    return Path(shutil.copytree(finished_run, tmp_path / "RUN"))
