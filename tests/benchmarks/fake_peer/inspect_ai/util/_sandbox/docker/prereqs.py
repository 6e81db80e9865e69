"""Which engine the stand-in asks for: as the peer does, older ones are refused."""

import os
from pathlib import Path

DOCKER_ENGINE_REQUIRED_VERSION = "24.0.6"


def note(event: str) -> None:
    """One line into the file that the test reads."""
    with Path(os.environ["FAKE_EVENTS"]).open("a") as file:
        file.write(f"{event}\n")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(one) for one in version.split("."))


async def validate_prereqs() -> None:
    """Looked up by name when it is called, like the peer's."""
    await validate_docker_engine()
    note("compose is asked")


async def validate_docker_engine(version: str = DOCKER_ENGINE_REQUIRED_VERSION) -> None:
    """Hold the engine's version, which a test gives, against one."""
    found = os.environ["FAKE_ENGINE"]
    note(f"engine {found} is held against {version}")
    if _numbers(found) < _numbers(version):
        raise RuntimeError(f"Docker Engine >= {version} is required (current: {found})")
