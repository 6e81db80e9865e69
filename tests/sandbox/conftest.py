"""What the tests of real containers share: one engine, one image, one binary, and containers that never stay."""

import time
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from offswitch.sandbox import (
    ROOTFUL,
    SEALED,
    DockerSandbox,
    Engine,
    EventHub,
    build_supervisor,
    connect,
    ensure_image,
)
from offswitch.sandbox._warden import Warden

from .yard import Harness, Starter, Within, Yard


@pytest.fixture(scope="session")
def engine() -> Generator[Engine]:
    """The engine of this machine."""
    with connect() as engine:
        yield engine


@pytest.fixture(scope="session")
def image(engine: Engine) -> str:
    """Digest of the base image."""
    return ensure_image(engine).digest


@pytest.fixture(scope="session")
def supervisor() -> Path:
    """The static binary."""
    return build_supervisor().path


@pytest.fixture
def yard(engine: Engine, image: str, supervisor: Path, tmp_path: Path) -> Generator[Yard]:
    """Containers of one test."""
    yard = Yard(engine, image, supervisor, tmp_path)
    yield yard
    yard.close()


@pytest.fixture(scope="module")
def shared_yard(
    engine: Engine, image: str, supervisor: Path, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Yard]:
    """Containers that the tests of one file share."""
    yard = Yard(engine, image, supervisor, tmp_path_factory.mktemp("shared"))
    yield yard
    yard.close()


@pytest.fixture(scope="module")
def sealed(shared_yard: Yard) -> DockerSandbox:
    """A sealed container for tests that leave it as it was."""
    return shared_yard.start(SEALED)


@pytest.fixture(scope="module")
def rootful(shared_yard: Yard) -> DockerSandbox:
    """A rootful container for tests that leave it as it was."""
    return shared_yard.start(ROOTFUL)


@pytest.fixture(scope="module", params=["sealed", "rootful"])
def either(request: pytest.FixtureRequest) -> DockerSandbox:
    """Both profiles, one after the other."""
    found: DockerSandbox = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def own_watchdog(monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """A watchdog for the containers of one test, on each engine, which may harm it. To be used before the yard.

    Without it, what other tests of the same process keep alive, such as a holder of a network, has the same one.
    """
    made: dict[str, Warden] = {}
    monkeypatch.setattr("offswitch.sandbox._warden._wardens", made)
    yield
    for one in made.values():
        one.close()


@pytest.fixture
def harness(yard: Yard) -> Generator[Starter]:
    """Runs a script in a process of its own with ``spec``, ``say`` and ``open_engine`` at hand."""
    made: list[Harness] = []

    def run(script: str, endpoint: str = "", **env: str) -> Harness:
        made.append(Harness.run(yard, script, endpoint, env))
        return made[-1]

    yield run
    for one in made:
        one.close()


@pytest.fixture
def hub(yard: Yard) -> Generator[EventHub]:
    """Hears what the engine tells of containers."""
    hub = EventHub(yard.engine)
    assert hub.wait_live()
    yield hub
    hub.close()


@pytest.fixture
def eventually() -> Within:
    """Waits until something holds, and fails where it does not in time."""

    def wait(condition: Callable[[], object], within_s: float = 5.0) -> None:
        end = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < end, f"not within {within_s} s"
            time.sleep(0.01)

    return wait
