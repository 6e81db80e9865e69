"""What the kernel reported is enough: a watch that looks only there knows what one that looks everywhere finds."""

import contextlib
import mmap
import os
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from offswitch.sandbox._files import FOLLOWED, FileWatch
from offswitch.sandbox._mappings import _asked, _read, mapped_for_writing  # pyright: ignore[reportPrivateUsage] - both ways are compared
from offswitch.sandbox._writes import WriteWatch

pytestmark = pytest.mark.docker

NAMES = st.sampled_from(["a", "b", "c", "a/a", "a/b", "b/a", "c/a", "a/a/a", "a/b/c", "a/a/b", "ä ö", "b\\x41"])
BYTES = st.binary(min_size=1, max_size=20)


class Place:
    """A file system of its own, as a place of a container is, watched by the kernel's reports."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp())
        subprocess.run(["/bin/mount", "-t", "tmpfs", "place", self.path], check=True)
        self.following = self.watch(hears=True)
        assert self.following.hears_writes

    def watch(self, *, hears: bool) -> FileWatch:
        root = {"/work": os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)}
        return FileWatch(root, WriteWatch.open(root) if hears else None)

    def close(self) -> None:
        self.following.close()
        subprocess.run(["/bin/umount", self.path], check=True)
        self.path.rmdir()


@pytest.fixture
def place() -> Generator[Place]:
    with contextlib.closing(Place()) as made:
        yield made


class Deeds(RuleBasedStateMachine):
    """Anything that can be done to files, in any order, with a look after any number of deeds."""

    def __init__(self) -> None:
        super().__init__()
        self.place = Place()
        self.known: dict[str, object] = {}

    def teardown(self) -> None:
        self.place.close()

    @initialize()
    def first_look(self) -> None:
        self.known = {one.path: one.after.repeatable() for one in self.place.following.scan().changes if one.after}

    def at(self, name: str) -> Path:
        return self.place.path / name

    @rule(name=NAMES, data=BYTES)
    def write(self, name: str, data: bytes) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK  # there may be a pipe that nobody reads
        with contextlib.suppress(OSError), os.fdopen(os.open(self.at(name), flags), "wb") as file:
            file.write(data)

    @rule(name=NAMES, data=BYTES)
    def store_through_a_mapping(self, name: str, data: bytes) -> None:
        with (
            contextlib.suppress(OSError, ValueError),
            os.fdopen(os.open(self.at(name), os.O_RDWR | os.O_NONBLOCK), "r+b") as file,
            mmap.mmap(file.fileno(), 0) as mapped,
        ):
            stored = data[: len(mapped)]
            mapped[: len(stored)] = stored

    @rule(name=NAMES)
    def make_a_folder(self, name: str) -> None:
        with contextlib.suppress(OSError):
            self.at(name).mkdir()

    @rule(name=NAMES, other=NAMES)
    def move(self, name: str, other: str) -> None:
        with contextlib.suppress(OSError):
            self.at(name).rename(self.at(other))

    @rule(name=NAMES, other=NAMES)
    def link(self, name: str, other: str) -> None:
        with contextlib.suppress(OSError):
            self.at(other).hardlink_to(self.at(name))

    @rule(name=NAMES, other=NAMES)
    def point(self, name: str, other: str) -> None:
        with contextlib.suppress(OSError):
            self.at(name).symlink_to(other)

    @rule(name=NAMES)
    def remove(self, name: str) -> None:
        with contextlib.suppress(OSError):
            self.at(name).unlink()

    @rule(name=NAMES)
    def remove_all_of(self, name: str) -> None:
        if not self.at(name).is_fifo():  # it would wait for somebody who writes
            shutil.rmtree(self.at(name), ignore_errors=True)

    @rule(name=NAMES, mode=st.sampled_from([0o600, 0o644, 0o755, 0o4755]))
    def change_the_mode(self, name: str, mode: int) -> None:
        with contextlib.suppress(OSError):
            self.at(name).chmod(mode)

    @rule(name=NAMES, size=st.integers(0, 30))
    def cut(self, name: str, size: int) -> None:
        with contextlib.suppress(OSError):
            os.truncate(self.at(name), size)

    @rule(name=NAMES)
    def forge_the_times(self, name: str) -> None:
        with contextlib.suppress(OSError):
            os.utime(self.at(name), ns=(0, 0), follow_symlinks=False)

    @rule(name=NAMES)
    def make_a_pipe(self, name: str) -> None:
        with contextlib.suppress(OSError):
            os.mkfifo(self.at(name))

    @rule()
    def swap_two_folders_by_a_third(self) -> None:
        with contextlib.suppress(OSError):
            self.at("a").rename(self.at("z"))
        with contextlib.suppress(OSError):
            self.at("b").rename(self.at("a"))
        with contextlib.suppress(OSError):
            self.at("z").rename(self.at("b"))

    @rule()
    def look(self) -> None:
        found = self.place.following.scan()
        for change in found.changes:
            state = change.before.repeatable() if change.before else None
            assert self.known.get(change.path) == state, "what it says stood there is what it said last"
            if change.after:
                self.known[change.path] = change.after.repeatable()
            else:
                del self.known[change.path]
        everywhere = self.place.watch(hears=False)
        with contextlib.closing(everywhere):
            expected = everywhere.scan()
            assert self.place.following.manifest() == everywhere.manifest()
            assert (found.digest, found.entries) == (expected.digest, expected.entries)
            assert self.known == {change.path: change.after.repeatable() for change in expected.changes if change.after}
        assert self.place.following.scan().changes == (), "nothing is found twice"


TestDeeds = pytest.mark.docker(Deeds.TestCase)
TestDeeds.settings = settings(
    max_examples=60,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def test_more_reports_than_can_be_followed_lead_to_a_look_everywhere(place: Place) -> None:
    place.following.scan()
    for number in range(FOLLOWED * 2):
        (place.path / str(number)).write_text("x")
    assert len(place.following.scan().changes) == FOLLOWED * 2


def test_a_folder_that_came_with_its_content_is_known_with_it(place: Place) -> None:
    place.following.scan()
    (place.path / "new/deep/er").mkdir(parents=True)
    (place.path / "new/deep/er/file").write_text("x")
    (place.path / "new").rename(place.path / "other")
    paths = [change.path for change in place.following.scan().changes]
    assert paths == ["/work/other", "/work/other/deep", "/work/other/deep/er", "/work/other/deep/er/file"]


def test_another_name_of_a_file_shows_the_write_under_both(place: Place) -> None:
    (place.path / "one").write_text("x")
    (place.path / "two").hardlink_to(place.path / "one")
    place.following.scan()
    (place.path / "two").write_text("y")
    assert [change.path for change in place.following.scan().changes] == ["/work/one", "/work/two"]


def test_both_ways_to_learn_of_a_mapping_agree(tmp_path: Path) -> None:
    kept, read_only = tmp_path / "kept", tmp_path / "read_only"
    for path in (kept, read_only):
        path.write_bytes(b"x" * 10_000)
    with (
        kept.open("r+b") as file,
        read_only.open("rb") as other,
        mmap.mmap(file.fileno(), 0),
        mmap.mmap(other.fileno(), 0, access=mmap.ACCESS_READ),
        Path("/proc/self/maps").open("rb") as maps,
    ):
        found = mapped_for_writing(os.getpid())
        assert _read(maps.fileno()) == found
        with contextlib.suppress(OSError):  # kernels before 6.11 cannot be asked
            assert _asked(maps.fileno()) == found
        inodes = {inode for _, inode in found}
        assert kept.stat().st_ino in inodes
        assert read_only.stat().st_ino not in inodes
    assert kept.stat().st_ino not in {inode for _, inode in mapped_for_writing(os.getpid())}
