"""Runs that are written once."""

import pytest

from offswitch.analysis import RunData, load

from ..synthetic import RunBuilder
from .runs import cast_run, drawn_run


@pytest.fixture(scope="session")
def many(tmp_path_factory: pytest.TempPathFactory) -> RunData:
    """A run with everything in it."""
    return load(drawn_run(tmp_path_factory.mktemp("many") / "run", seeds=4))


@pytest.fixture(scope="session")
def cast(tmp_path_factory: pytest.TempPathFactory) -> RunData:
    """A run of scripts."""
    return load(cast_run(tmp_path_factory.mktemp("cast") / "run"))


@pytest.fixture(scope="session")
def none(tmp_path_factory: pytest.TempPathFactory) -> RunData:
    """A run without an episode."""
    with RunBuilder(tmp_path_factory.mktemp("none") / "run") as run:
        pass
    return load(run.root)
