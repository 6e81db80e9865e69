"""Files by the engine's archives: hostile trees are bounded, recorded as what they are, and a gap has a name."""

import io
import tarfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field, replace
from hashlib import sha256

import pytest

from offswitch.records import FileState
from offswitch.sandbox._archive import Bounds, Cut
from offswitch.sandbox._archive_files import ArchiveFiles, Stream

TOP = "places"
Tree = dict[str, tarfile.TarInfo | bytes | str]
"""Path below its place → a header, the content of a file, or ``->`` and where a link points."""


@dataclass
class Bytes:
    """A stream that breaks off where its bytes end, or where a bound is passed."""

    data: io.BytesIO
    most: int

    def read(self, size: int) -> bytes:
        if self.data.tell() + size > self.most:
            raise Cut(f"more than {self.most} bytes")
        piece = self.data.read(size)
        if len(piece) < size:
            raise Cut("the engine broke off")
        return piece


@dataclass
class Engine:
    """Answers with archives of trees, as an engine would of a shelf."""

    trees: dict[str, Tree]
    top: str = f"/{TOP}"
    asked: list[str] = field(default_factory=list[str])
    dead: str = ""
    spoil: bytes = b""
    """What stands where the end mark of a whole archive should."""

    @property
    def places(self) -> Sequence[str]:
        return sorted(self.trees)

    def fault(self) -> str:
        return self.dead

    @contextmanager
    def open(self, path: str, bounds: Bounds) -> Generator[Stream]:
        self.asked.append(path)
        wanted = {place: tree for place, tree in self.trees.items() if f"{self.top}{place}".startswith(path)}
        start = path.rpartition("/")[0]
        data = packed({f"{self.top}{place}"[len(start) + 1 :]: tree for place, tree in wanted.items()})
        if path == self.top and self.spoil:
            data = data.rstrip(b"\0") + self.spoil
        yield Bytes(io.BytesIO(data), bounds.total_bytes)


def packed(places: dict[str, Tree]) -> bytes:
    out = io.BytesIO()
    made: set[str] = set()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for base, tree in sorted(places.items()):
            parts = base.split("/")
            for depth in range(1, len(parts) + 1):
                folder = "/".join(parts[:depth])
                if folder not in made:
                    made.add(folder)
                    archive.addfile(header(folder, tarfile.DIRTYPE))
            for path, what in tree.items():
                add(archive, f"{base}/{path}", what)
    return out.getvalue()


def add(archive: tarfile.TarFile, name: str, what: tarfile.TarInfo | bytes | str) -> None:
    if isinstance(what, bytes):
        archive.addfile(header(name, size=len(what)), io.BytesIO(what))
    elif isinstance(what, str):
        archive.addfile(header(name, tarfile.SYMTYPE, target=what))
    else:
        told = copy(what)
        told.name = what.name or name
        archive.addfile(told)  # a size that it tells is not what follows


def header(name: str = "", kind: bytes = tarfile.REGTYPE, *, size: int = 0, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname, info.mode = kind, size, target, 0o755 if kind == tarfile.DIRTYPE else 0o644
    return info


def seen(tree: Tree, bounds: Bounds | None = None) -> tuple[Engine, ArchiveFiles]:
    engine = Engine({"/home/agent": {"kept": b"kept"}, "/work": tree})
    return engine, ArchiveFiles(engine, bounds)


def state(files: ArchiveFiles, path: str) -> FileState:
    found = files.state(path)
    assert found is not None, f"{path} was not seen"
    return found


def test_a_pass_sees_every_kind_of_thing_as_what_it_is() -> None:
    _, files = seen(
        {
            "d": header(kind=tarfile.DIRTYPE),
            "d/f": b"content",
            "g": header(kind=tarfile.LNKTYPE, target=f"{TOP}/work/d/f"),
            "l": "/etc/shadow",
            "m": "../../..",
            "p": header(kind=tarfile.FIFOTYPE),
            "z": header(kind=tarfile.CHRTYPE),
        }
    )
    found = files.scan()
    assert found.complete
    kinds = {path: state(files, path).kind for path in files.paths() if path.startswith("/work")}
    assert kinds == {
        "/work": "dir",
        "/work/d": "dir",
        "/work/d/f": "file",
        "/work/g": "file",
        "/work/l": "link",
        "/work/m": "link",
        "/work/p": "fifo",
        "/work/z": "char",
    }
    assert state(files, "/work/g").sha256 == state(files, "/work/d/f").sha256 == sha256(b"content").hexdigest()
    assert [state(files, path).target for path in ("/work/l", "/work/m")] == ["/etc/shadow", "../../.."]
    assert "/home" not in files.paths(), "a folder of the shelf is no place of the agent"


def test_what_changed_between_two_passes_is_told_and_all_else_is_not() -> None:
    engine, files = seen({"a": b"one", "b": b"same", "c": b"goes"})
    first = files.scan()
    again = files.scan()
    assert (again.changes, again.touched, again.digest) == ((), (), first.digest)
    engine.trees["/work"] = {"a": b"two", "b": b"same", "n": b"new"}
    found = {change.path: (change.before is None, change.after is None) for change in files.scan().changes}
    assert found == {"/work/a": (False, False), "/work/c": (False, True), "/work/n": (True, False)}


def test_a_file_is_read_by_its_own_name_and_through_no_link() -> None:
    _, files = seen(
        {
            "d": "/home/agent",
            "f": b"content",
            "g": header(kind=tarfile.LNKTYPE, target=f"{TOP}/work/f"),
            "h": "/work/f",
        }
    )
    engine_of_one = files.read("/work/f")
    assert engine_of_one == b"content"
    assert files.read("/work/f", 3) == b"con"
    absent = [files.read(path) for path in ("/work/h", "/work/d/kept", "/work", "/work/../work/f", "/etc/shadow")]
    assert absent == [None] * 5


def test_a_terabyte_is_recorded_with_its_size_and_costs_nothing_and_blinds_its_own_place_only() -> None:
    huge = header(size=1 << 40)
    engine, files = seen({"a": b"before", "huge": huge})
    found = files.scan()
    assert not found.complete
    assert [one.partition(":")[0] for one in found.unread] == ["/work"]
    assert "1099511627776 bytes" in found.unread[0]
    assert (state(files, "/work/huge").size, state(files, "/work/huge").sha256) == (1 << 40, None)
    assert state(files, "/home/agent/kept").sha256 == sha256(b"kept").hexdigest()
    assert engine.asked[0] == f"/{TOP}"
    engine.asked.clear()
    files.scan()
    assert f"/{TOP}" not in engine.asked, "a place that spoils the archive of all is read for itself from then on"


def test_nothing_counts_as_gone_because_it_could_not_be_read() -> None:
    engine, files = seen({"a": b"a", "z": b"z"})
    files.scan()
    engine.trees["/work"] = {"a": b"a", "m": header(size=1 << 40), "z": b"z"}
    found = files.scan()
    assert [change.path for change in found.changes] == ["/work/m"]
    assert state(files, "/work/z").sha256 == sha256(b"z").hexdigest()
    engine.trees["/work"] = {"a": b"a"}
    assert [change.path for change in files.scan().changes] == ["/work/m", "/work/z"]


def test_a_shelf_that_has_ended_is_a_loss_of_every_place_and_no_removal() -> None:
    engine, files = seen({"a": b"a"})
    digest = files.scan().digest
    engine.dead = "the shelf has ended"
    found = files.scan()
    assert (found.complete, found.changes, found.digest) == (False, (), digest)
    assert found.unread == ("/home/agent: the shelf has ended", "/work: the shelf has ended")
    assert files.read("/work/a") is None


def test_a_place_that_no_archive_shows_is_a_loss_by_its_name() -> None:
    engine, _files = seen({})

    class Blind(Engine):
        @property
        def places(self) -> Sequence[str]:
            return ["/home/agent", "/run", "/work"]

    found = ArchiveFiles(Blind(engine.trees)).scan()
    assert (found.complete, len(found.unread)) == (False, 1)
    assert found.unread[0].startswith("/run: ")


def test_more_files_than_any_place_of_ours_holds_are_read_and_a_change_among_them_is_found() -> None:
    tree: Tree = {f"{number:06}": b"" for number in range(20_000)}
    engine, files = seen(tree)
    assert (found := files.scan()).complete
    assert found.entries > 20_000
    engine.trees["/work"]["010000"] = b"x"
    assert [change.path for change in files.scan().changes] == ["/work/010000"]


MANY = replace(Bounds(), entries=50)


@pytest.mark.parametrize(
    ("what", "tree", "why"),
    [
        ("climbs", {"x": header("places/work/../../etc/passwd")}, "leads elsewhere"),
        ("absolute", {"x": header("/etc/passwd")}, "leads elsewhere"),
        ("another place's", {"x": header("other/f")}, "leads elsewhere"),
        ("dot", {"x": header("places/work/./f")}, "leads elsewhere"),
        ("twice", {"x": header("places/work/f"), "y": header("places/work/f")}, "comes twice"),
        ("below a file", {"f": b"", "f/g": b""}, "stands in no folder"),
        ("below a link", {"l": "/etc", "l/passwd": b""}, "stands in no folder"),
        ("a further name of nothing", {"n": header(kind=tarfile.LNKTYPE, target="places/work/none")}, "nothing"),
        ("a further name outside", {"n": header(kind=tarfile.LNKTYPE, target="/etc/shadow")}, "nothing"),
        ("too many", {f"{number:05}": b"" for number in range(100)}, "entries"),
        ("too deep", {"/".join(["d"] * depth): header(kind=tarfile.DIRTYPE) for depth in range(1, 200)}, "deep"),
    ],
)
def test_a_tree_that_is_none_is_a_loss_of_its_place_with_the_reason(what: str, tree: Tree, why: str) -> None:
    bounds = MANY if what == "too many" else None
    engine = Engine({"/work": tree})
    found = ArchiveFiles(engine, bounds).scan()
    assert not found.complete
    assert found.unread[0].startswith("/work: ")
    assert why in found.unread[0] or "leads elsewhere" in found.unread[0]
    assert "/etc/passwd" not in str(found.changes)


def test_an_archive_that_is_spoiled_once_is_asked_for_again_place_by_place() -> None:
    engine, files = seen({"a": b"a"})
    engine.spoil = b"no end mark" * 100
    found = files.scan()
    assert found.complete
    assert engine.asked == [f"/{TOP}", f"/{TOP}/home/agent", f"/{TOP}/work"]


def test_a_large_file_has_the_digest_of_its_data_without_holes() -> None:
    """The form that the reader on the host gives: position and bytes of each piece of data."""
    size = 9 << 20
    content = bytearray(size)
    content[5 << 20 : (5 << 20) + 4096] = b"d" * 4096
    _, files = seen({"large": bytes(content)})
    assert files.scan().complete
    wanted = sha256(f"extents of {size} bytes".encode())
    wanted.update((5 << 20).to_bytes(8, "little") + content[5 << 20 : 6 << 20])
    assert state(files, "/work/large").sha256 == wanted.hexdigest()
