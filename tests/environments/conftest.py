"""One lab for all tests here: the engine, the image, the event stream."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from offswitch.environments import Lab


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    with Lab.open() as opened:
        yield opened


@pytest.fixture
def records(tmp_path: Path) -> Path:
    return tmp_path / "records"
