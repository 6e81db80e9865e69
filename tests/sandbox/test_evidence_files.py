"""What stands in the writable places, seen from the host: nothing that happened there is missed or misread."""

import hashlib
import os
import socket
import stat
import time
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from offswitch.records import FileState, path_text
from offswitch.sandbox import FileWatch
from offswitch.sandbox._files import MAX_DEPTH, RACY_NS


def watch(folder: Path) -> FileWatch:
    return FileWatch({"/w": os.open(folder, os.O_RDONLY | os.O_DIRECTORY)})


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


@pytest.fixture
def seen(place: Path) -> Generator[FileWatch]:
    """A watch over an empty place, after its first pass."""
    watching = watch(place)
    watching.scan()
    yield watching
    watching.close()


def settle() -> None:
    """Let time stamps age until they are trusted."""
    time.sleep(RACY_NS / 1e9 + 0.01)


def changed(watching: FileWatch, *, whole: bool = False) -> dict[str, tuple[FileState | None, FileState | None]]:
    """What a pass found, without the folders themselves."""
    found = watching.scan(whole=whole)
    assert found.complete
    return {
        change.path: (change.before, change.after)
        for change in found.changes
        if not (change.after and change.after.kind == "dir" and change.before)
    }


def test_the_first_pass_knows_everything(place: Path) -> None:
    (place / "d").mkdir()
    (place / "d/f").write_text("content")
    watching = watch(place)
    found = watching.scan()
    assert {change.path for change in found.changes} == {"/w", "/w/d", "/w/d/f"}
    assert watching.paths() == ["/w", "/w/d", "/w/d/f"]
    state = watching.state("/w/d/f")
    assert state is not None
    assert (state.kind, state.size, state.sha256) == ("file", 7, hashlib.sha256(b"content").hexdigest())
    assert watching.read("/w/d/f") == b"content"
    watching.close()


def test_where_nothing_happened_there_is_no_change_and_the_same_digest(place: Path, seen: FileWatch) -> None:
    (place / "f").write_text("x")
    first = seen.scan()
    settle()
    second = seen.scan()
    assert (second.changes, second.digest) == ((), first.digest)
    assert seen.scan(whole=True).digest == first.digest


def test_an_edit_of_the_same_size_with_its_time_put_back_is_seen(place: Path, seen: FileWatch) -> None:
    file = place / "f"
    file.write_text("old")
    settle()
    seen.scan()
    before = file.stat()
    settle()
    file.write_text("new")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.stat().st_mtime_ns == before.st_mtime_ns
    assert set(changed(seen)) == {"/w/f"}
    assert seen.read("/w/f") == b"new"


def test_edits_in_the_same_instant_as_a_pass_are_seen_by_the_next(place: Path, seen: FileWatch) -> None:
    file = place / "f"
    for number in range(200):
        file.write_text(f"{number:04}")
        seen.scan()
        file.write_text(f"{number + 1000:04}")
        seen.scan()
        state = seen.state("/w/f")
        assert state is not None
        assert state.sha256 == hashlib.sha256(f"{number + 1000:04}".encode()).hexdigest()


def test_files_that_swap_their_names_are_two_changes(place: Path, seen: FileWatch) -> None:
    for name in "ab":
        (place / name).write_text(name)
    seen.scan()
    settle()
    (place / "a").rename(place / "t")
    (place / "b").rename(place / "a")
    (place / "t").rename(place / "b")
    assert set(changed(seen)) == {"/w/a", "/w/b"}
    assert (seen.read("/w/a"), seen.read("/w/b")) == (b"b", b"a")


def test_a_file_put_in_the_place_of_an_equal_one_is_a_change(place: Path, seen: FileWatch) -> None:
    (place / "f").write_text("same")
    seen.scan()
    settle()
    (place / "other").write_text("same")
    (place / "other").rename(place / "f")
    ((before, after),) = changed(seen).values()
    assert before is not None
    assert after is not None
    assert (before.sha256, before.inode != after.inode) == (after.sha256, True)


def test_a_folder_that_moves_takes_its_content_along(place: Path, seen: FileWatch) -> None:
    (place / "from/deep").mkdir(parents=True)
    (place / "from/deep/f").write_text("x")
    seen.scan()
    (place / "from").rename(place / "to")
    found = seen.scan()
    gone = {change.path for change in found.changes if change.after is None}
    come = {change.path for change in found.changes if change.before is None}
    assert gone == {"/w/from", "/w/from/deep", "/w/from/deep/f"}
    assert come == {"/w/to", "/w/to/deep", "/w/to/deep/f"}


def test_an_edit_through_one_name_is_seen_under_the_other(place: Path, seen: FileWatch) -> None:
    (place / "a").write_text("1")
    (place / "d").mkdir()
    (place / "d/b").hardlink_to(place / "a")
    seen.scan()
    settle()
    (place / "d/b").write_text("2")
    assert set(changed(seen)) == {"/w/a", "/w/d/b"}


def test_a_file_without_a_name_is_gone_although_somebody_holds_it(place: Path, seen: FileWatch) -> None:
    with (place / "f").open("w+") as held:
        held.write("x")
        held.flush()
        seen.scan()
        (place / "f").unlink()
        held.write("more")
        held.flush()
        ((before, after),) = changed(seen).values()
    assert before is not None
    assert after is None


def test_modes_and_owners_are_part_of_the_state(place: Path, seen: FileWatch) -> None:
    (place / "f").write_text("x")
    seen.scan()
    settle()
    (place / "f").chmod(0o4711)
    os.chown(place / "f", 4711, 4712)
    (place / "f").chmod(0o4711)
    ((before, after),) = changed(seen).values()
    assert before is not None
    assert after is not None
    assert (after.mode, after.uid, after.gid) == (0o4711, 4711, 4712)
    assert before.sha256 == after.sha256


ODD = [
    b"new\nline",
    b"\xff\xfe",
    b"n" * 255,
    b"back\\slash",
    b"\\xff",
    b"a\\\xff",
    "ü €".encode(),
    b" ",
    b"\x1b[31m",
    b"-rf",
]


@pytest.mark.parametrize("name", ODD, ids=repr)
def test_a_file_of_any_name_is_seen_and_can_be_read(place: Path, seen: FileWatch, name: bytes) -> None:
    (place / os.fsdecode(name)).write_text("found")
    (path,) = changed(seen)
    assert path == "/w/" + path_text(name)
    assert seen.read(path) == b"found"


def test_no_two_odd_names_are_told_as_one(place: Path, seen: FileWatch) -> None:
    for name in ODD:
        (place / os.fsdecode(name)).write_bytes(name)
    found = changed(seen)
    assert len(found) == len(ODD)
    assert {seen.read(path) for path in found} == set(ODD)


@given(st.binary(min_size=1, max_size=40).filter(lambda name: b"/" not in name and b"\0" not in name))
@settings(max_examples=200, deadline=None)
def test_the_path_of_a_record_leads_back_to_the_file(name: bytes) -> None:
    if name in (b".", b".."):
        return
    with TemporaryDirectory() as folder:
        (Path(folder) / os.fsdecode(name)).write_bytes(b"here")
        watching = watch(Path(folder))
        watching.scan()
        assert [watching.read(path) for path in watching.paths()[1:]] == [b"here"]
        watching.close()


def test_a_sparse_terabyte_takes_no_time_and_its_data_counts(place: Path, seen: FileWatch) -> None:
    file = place / "sparse"
    with file.open("wb") as writing:
        writing.truncate(1 << 40)
    started = time.monotonic()
    seen.scan()
    before = seen.state("/w/sparse")
    settle()
    with file.open("r+b") as writing:
        writing.seek(700 << 30)
        writing.write(b"hidden far out")
    seen.scan()
    after = seen.state("/w/sparse")
    assert time.monotonic() - started < 5
    assert before is not None
    assert after is not None
    assert (before.size, after.size) == (1 << 40, 1 << 40)
    assert before.sha256 != after.sha256


def test_a_link_is_told_and_never_followed(place: Path, seen: FileWatch) -> None:
    (place / "secret").symlink_to("/etc/shadow")
    (place / "up").symlink_to("/etc")
    (place / "loop").symlink_to("loop")
    found = changed(seen)
    assert {path: after.target for path, (_, after) in found.items() if after} == {
        "/w/secret": "/etc/shadow",
        "/w/up": "/etc",
        "/w/loop": "loop",
    }
    assert seen.read("/w/secret") is None
    assert seen.read("/w/up/shadow") is None
    assert seen.read("/w/../etc/shadow") is None
    assert seen.read("/etc/shadow") is None


def test_what_is_no_file_is_told_and_never_opened(place: Path, seen: FileWatch) -> None:
    os.mkfifo(place / "pipe")
    os.mknod(place / "null", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place / "socket"))
        started = time.monotonic()
        found = changed(seen)
    assert {path: after.kind for path, (_, after) in found.items() if after} == {
        "/w/pipe": "fifo",
        "/w/null": "char",
        "/w/socket": "socket",
    }
    assert time.monotonic() - started < 1
    assert seen.read("/w/pipe") is None


def test_a_tree_deeper_than_anybody_needs_is_a_loss_and_no_crash(place: Path, seen: FileWatch) -> None:
    deep = place
    for _ in range(MAX_DEPTH + 20):
        deep = deep / "d"
    deep.mkdir(parents=True)
    assert not seen.scan().complete
    assert len(seen.paths()) == MAX_DEPTH + 2


def test_a_tree_of_the_greatest_depth_is_read_whole(place: Path, seen: FileWatch) -> None:
    deep = place.joinpath(*["d"] * MAX_DEPTH)
    deep.mkdir(parents=True)
    (deep / "f").write_text("bottom")
    assert seen.scan().complete
    assert seen.read("/w" + "/d" * MAX_DEPTH + "/f") == b"bottom"


def test_only_so_much_of_a_file_is_read(place: Path, seen: FileWatch) -> None:
    (place / "f").write_text("0123456789")
    seen.scan()
    assert seen.read("/w/f", 4) == b"0123"


def test_a_closed_watch_has_let_go_of_everything(place: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    watching = watch(place)
    watching.scan()
    watching.close()
    watching.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


class Agent(RuleBasedStateMachine):
    """Somebody who does anything to a tree, while passes are taken at any time."""

    names = st.sampled_from(["a", "b", "c"])
    content = st.sampled_from([b"", b"x", b"y", b"longer", b"\xff" * 3])

    @initialize()
    def begin(self) -> None:
        self.folder = TemporaryDirectory()
        self.root = Path(self.folder.name)
        (self.root / "d").mkdir()
        self.watching = watch(self.root)
        self.told: dict[str, FileState] = {}
        self.take()

    def _path(self, folder: bool, name: str) -> Path:
        return self.root / "d" / name if folder else self.root / name

    @rule(folder=st.booleans(), name=names, content=content, put_back=st.booleans())
    def write(self, folder: bool, name: str, content: bytes, put_back: bool) -> None:
        path = self._path(folder, name)
        with suppress(OSError):
            before = path.stat() if path.exists() else None
            path.write_bytes(content)
            if put_back and before:
                os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    @rule(folder=st.booleans(), name=names, other=names)
    def rename(self, folder: bool, name: str, other: str) -> None:
        with suppress(OSError):
            self._path(folder, name).rename(self._path(not folder, other))

    @rule(folder=st.booleans(), name=names, other=names)
    def link(self, folder: bool, name: str, other: str) -> None:
        with suppress(OSError):
            self._path(folder, other).hardlink_to(self._path(folder, name))

    @rule(folder=st.booleans(), name=names, aim=names)
    def point(self, folder: bool, name: str, aim: str) -> None:
        with suppress(OSError):
            self._path(folder, name).symlink_to(aim)

    @rule(folder=st.booleans(), name=names)
    def unlink(self, folder: bool, name: str) -> None:
        with suppress(OSError):
            self._path(folder, name).unlink()

    @rule(folder=st.booleans(), name=names, mode=st.sampled_from([0o600, 0o755, 0o4755]))
    def chmod(self, folder: bool, name: str, mode: int) -> None:
        with suppress(OSError):
            self._path(folder, name).chmod(mode)

    @rule()
    def take(self) -> None:
        """The changes of a pass turn what was told before into what stands there now."""
        for change in self.watching.scan().changes:
            assert _unlinked(self.told.get(change.path)) == _unlinked(change.before)
            if change.after is None:
                del self.told[change.path]
            else:
                self.told[change.path] = change.after
        now = {path: self.watching.state(path) for path in self.watching.paths()}
        assert {path: _unlinked(state) for path, state in self.told.items()} == {
            path: _unlinked(state) for path, state in now.items()
        }
        assert {path: _seen_plainly(self.root, path) for path in self.told} == {
            path: (state.kind, state.mode, state.sha256, state.target) for path, state in self.told.items()
        }
        assert len(self.told) == 1 + sum(1 for _ in self.root.rglob("*"))

    def teardown(self) -> None:
        self.watching.close()
        self.folder.cleanup()


def _unlinked(state: FileState | None) -> FileState | None:
    """Another name somewhere is a change of that name, not of this one."""
    return state and state.model_copy(update={"nlink": 0})


def _seen_plainly(root: Path, path: str) -> tuple[str, int, str | None, str | None]:
    real = root / path.removeprefix("/w").lstrip("/")
    status = real.lstat()
    kind = "link" if real.is_symlink() else "dir" if real.is_dir() else "file"
    digest = hashlib.sha256(real.read_bytes()).hexdigest() if kind == "file" else None
    return kind, stat.S_IMODE(status.st_mode), digest, str(real.readlink()) if kind == "link" else None


TestAgent = Agent.TestCase
TestAgent.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
