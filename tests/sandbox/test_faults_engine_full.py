"""Row G7 of the fault matrix (docs/design/security.md §4.2): an engine without room, files or addresses.

A private engine whose data lie on a small file system in memory, and which has addresses for one network.
"""

import itertools
from collections.abc import Callable, Generator
from contextlib import suppress
from pathlib import Path

import pytest

from offswitch.sandbox import EngineFault, PeerNetwork, SandboxError, connect
from offswitch.sandbox._lease import labels

from .private_engine import PrivateEngine, private_engine
from .yard import Yard

pytestmark = [pytest.mark.docker, pytest.mark.timeout(180)]
ROOM = "size=420m,nr_inodes=30000"
ONE_NETWORK = "--default-address-pool=base=198.18.0.0/29,size=29"


@pytest.fixture(scope="module")
def small() -> Generator[PrivateEngine]:
    with private_engine(ONE_NETWORK, memory=ROOM) as engine:
        yield engine


@pytest.fixture
def spare(own_watchdog: None, small: PrivateEngine, image: str, supervisor: Path, tmp_path: Path) -> Generator[Yard]:
    with connect(small.endpoint) as engine:
        yard = Yard(engine, image, supervisor, tmp_path)
        yield yard
        yard.close()


def take_the_room(data: Path) -> Callable[[], None]:
    """Leave not a byte; returns what gives it back."""
    fill = data / "fill"
    with fill.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(1 << 20)):
            pass
    return fill.unlink


def take_the_files(data: Path) -> Callable[[], None]:
    """Leave room for bytes and for no further file; returns what gives it back."""
    folder = data / "files"
    folder.mkdir()
    with pytest.raises(OSError, match="No space left"):
        _make_files(folder)

    def give_back() -> None:
        for one in folder.iterdir():
            one.unlink()
        folder.rmdir()

    return give_back


def _make_files(folder: Path) -> None:
    for number in itertools.count():
        (folder / str(number)).touch()


@pytest.mark.parametrize("take", [take_the_room, take_the_files])
def test_g7_an_engine_without_room_is_told_as_such_and_lets_go_of_what_it_has(
    small: PrivateEngine, spare: Yard, take: Callable[[Path], Callable[[], None]]
) -> None:
    standing = spare.start()
    give_back = take(small.data)
    try:
        with pytest.raises(SandboxError, match="no space left on device") as error:
            spare.start()
        assert error.value.remedy
        assert standing.exec("echo served", session="main").stdout == b"served\n"
        assert standing.kill().empty
        standing.close()
        assert spare.present() == []
    finally:
        give_back()
    with spare.start() as next_one:
        assert next_one.exec(["/bin/true"]).ok


def test_g7_an_engine_without_addresses_is_told_as_such_and_has_them_again_when_one_network_goes(
    spare: Yard,
) -> None:
    ours = labels(spare.run, "episode", "network")
    with PeerNetwork.create(spare.engine, ours), pytest.raises(EngineFault, match="address pool"):
        PeerNetwork.create(spare.engine, ours)
    with PeerNetwork.create(spare.engine, ours):
        assert len(of_run(spare)) == 1
    assert of_run(spare) == []


def of_run(yard: Yard) -> list[str]:
    """Networks of this test."""
    found = yard.engine.api.networks(filters={"label": f"offswitch.run={yard.run}"})
    return [str(one["Name"]) for one in found]
