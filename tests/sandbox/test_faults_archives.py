"""Row I5 of the fault matrix (docs/design/security.md §4.2): archives and packed files that somebody hostile made.

Who opens any at all stands in test_danger.py; here is what meets those who do.
"""

import gzip
import io
import os
import tarfile
import time
import tracemalloc
from collections.abc import Callable, Generator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import offswitch.sandbox._tarball as archive
from offswitch.environments import unpacked
from offswitch.sandbox import ImageError
from offswitch.sandbox._packages import STATUS

pytestmark = pytest.mark.faults
BLOCK = 512
PLENTY = 16 << 20


def member(name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, **fields: object) -> bytes:
    """One member with its header, as bytes."""
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, len(data)
    for field, value in fields.items():
        setattr(info, field, value)
    return info.tobuf(tarfile.GNU_FORMAT) + data + b"\0" * (-len(data) % BLOCK)


def patched(header: bytes, at: int, field: bytes) -> bytes:
    """A header with other bytes in one field, and the sum that belongs to them."""
    raw = bytearray(header[:BLOCK])
    raw[at : at + len(field)] = field
    raw[148:156] = b" " * 8
    raw[148:156] = f"{sum(raw):06o}\0 ".encode()
    return bytes(raw) + header[BLOCK:]


def negative(size: int) -> bytes:
    """A size below nothing, in the binary form."""
    return b"\xff" + (size % (1 << 88)).to_bytes(11, "big")


def pax(**records: str) -> bytes:
    """An extended header."""
    lines = b""
    for key, value in records.items():
        body = f" {key}={value}\n".encode()
        length = len(body) + len(str(len(body) + len(str(len(body)))))
        lines += f"{length}".encode() + body
    return member("./PaxHeaders/x", lines, tarfile.XHDTYPE)


END = b"\0" * (2 * BLOCK)
STATUS_MEMBER = member(STATUS, b"Package: a\n")
HOSTILE: dict[str, bytes] = {
    "a name with dots": member("../../etc/cron.d/x", b"x") + END,
    "dots in the middle": member("var/../../etc/x", b"x") + END,
    "an absolute name": member("/etc/passwd", b"x") + END,
    "an absolute name by an extended header": pax(path="/etc/passwd") + member("x", b"x") + END,
    "a name with dots by an extended header": pax(path="../x") + member("x", b"x") + END,
    "a name that comes twice": STATUS_MEMBER + member(f"./{STATUS}", b"Package: b\n") + END,
    "a size below nothing": patched(member("x"), 124, negative(-512)) + END,
    "a size that leads back": patched(member("x"), 124, negative(-1024)) + member("y") + END,
    "a size below nothing by an extended header": pax(size="-1024") + member("x") + END,
    "a header of a gigabyte": patched(member("././@LongLink", b"x", b"L"), 124, b"10000000000\0") + END,
    "an extended header of a gigabyte": patched(member("x", b"x", b"x"), 124, b"10000000000\0") + END,
    "extended headers without end": pax(comment="x") * 3000 + END,
    "long names without end": member("././@LongLink", b"x", b"L") * 3000 + END,
    "a map of holes without end": pax(**{"GNU.sparse.map": ",".join(["0"] * 5001), "GNU.sparse.size": "1"}) + END,
    "a map that cannot be read": pax(**{"GNU.sparse.major": "1", "GNU.sparse.minor": "0"})
    + member("x", b"9" * 512)
    + END,
    "numbers that are none": patched(member("x"), 124, b"zzzzzzzzzzz\0") + END,
    "compressed": gzip.compress(STATUS_MEMBER + END),
    "cut off": STATUS_MEMBER[:700],
    "no archive": b"#!/bin/sh\n" * 200,
    "nothing": b"",
}


def read_through(path: Path) -> dict[str, bytes]:
    """What our readers take of an archive: each name, and the content of the one file that they want."""
    with archive.opened(path) as opened:
        return {name: opened.content(one, PLENTY) if name == STATUS else b"" for name, one in opened.members()}


@pytest.fixture
def frugal() -> Generator[None]:
    """Little memory and little time, whatever is claimed."""
    tracemalloc.start()
    started = time.monotonic()
    yield
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 64 << 20
    assert time.monotonic() - started < 20


def test_i5_a_sound_archive_is_read(tmp_path: Path) -> None:
    """Row I5, the positive control: folders may come again, links are names, holes and extended headers are fine."""
    path = tmp_path / "x.tar"
    parts = [member("./", kind=tarfile.DIRTYPE), member("./var", kind=tarfile.DIRTYPE), STATUS_MEMBER]
    parts += [member("var", kind=tarfile.DIRTYPE), member("link", kind=tarfile.SYMTYPE, linkname="/etc/passwd")]
    parts += [pax(mtime="1.5") + member("late"), member("pipe", kind=tarfile.FIFOTYPE), member("n" * 90), END]
    path.write_bytes(b"".join(parts))
    assert read_through(path)[STATUS] == b"Package: a\n"
    assert set(read_through(path)) == {".", "var", STATUS, "link", "late", "pipe", "n" * 90}


@pytest.mark.parametrize("name", HOSTILE)
def test_i5_a_hostile_archive_is_refused_within_bounds(name: str, tmp_path: Path, frugal: None) -> None:
    """Row I5: by an error of ours, with nothing unpacked anywhere."""
    folder = tmp_path / "here"
    folder.mkdir()
    path = folder / "x.tar"
    path.write_bytes(HOSTILE[name])
    with pytest.raises(ImageError):
        read_through(path)
    assert [one.name for one in folder.iterdir()] == ["x.tar"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE])
def test_i5_what_is_no_file_has_no_content(kind: bytes, tmp_path: Path) -> None:
    """Row I5: a link in the place of the list of packages is not followed, within the archive or out of it."""
    path = tmp_path / "x.tar"
    path.write_bytes(member("secret", b"secret") + member(STATUS, kind=kind, linkname="secret") + END)
    with pytest.raises(ImageError, match="no regular file"):
        read_through(path)


def test_i5_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frugal: None) -> None:
    """Row I5: members, the file itself, and the content of one."""
    path = tmp_path / "x.tar"
    path.write_bytes(b"".join(member(f"f{number}") for number in range(50)) + END)
    assert len(read_through(path)) == 50
    monkeypatch.setattr(archive, "MOST_MEMBERS", 49)
    with pytest.raises(ImageError, match="more than 49 members"):
        read_through(path)
    monkeypatch.undo()
    path.write_bytes(member(STATUS, b"x" * (PLENTY + 1)) + END)
    with pytest.raises(ImageError, match="at most"):
        read_through(path)
    os.truncate(path, archive.MOST_BYTES + 1)
    with pytest.raises(ImageError, match="larger than"):
        read_through(path)


@given(st.lists(st.sampled_from([*HOSTILE.values(), STATUS_MEMBER, END]), max_size=3), st.data())
@settings(max_examples=150)
def test_i5_no_archive_ends_otherwise_than_by_a_refusal(
    tmp_path_factory: pytest.TempPathFactory, parts: list[bytes], data: st.DataObject
) -> None:
    """Row I5: hostile parts run together, with bytes changed anywhere."""
    content = bytearray(b"".join(parts)[: 64 << 10])
    for _ in range(data.draw(st.integers(0, 4)) if content else 0):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("any") / "x.tar"
    path.write_bytes(content)
    started = time.monotonic()
    with suppress(ImageError):
        assert all(".." not in name.split("/") and not name.startswith("/") for name in read_through(path))
    assert time.monotonic() - started < 5


def bomb() -> bytes:
    """A few hundred kilobytes that stand for more than may be unpacked."""
    return gzip.compress(b"\0" * (80 << 20), compresslevel=1)


EMPTY = gzip.compress(b"", mtime=0)
PACKED: dict[str, Callable[[], bytes]] = {
    "a bomb": bomb,
    "a name of 64 MiB": lambda: b"\x1f\x8b\x08\x08" + b"\0" * 6 + b"n" * (64 << 20),
    "a comment of 64 MiB": lambda: b"\x1f\x8b\x08\x10" + b"\0" * 6 + b"n" * (64 << 20),
    "three million empty parts": lambda: EMPTY * ((64 << 20) // len(EMPTY)),
    "an extra field that is cut off": lambda: b"\x1f\x8b\x08\x04" + b"\0" * 6 + b"\xff\xff",
    "a wrong sum": lambda: gzip.compress(b"x" * 1000)[:-8] + b"\0" * 8,
    "a part that is none": lambda: gzip.compress(b"x") + b"rest",
    "cut off": lambda: gzip.compress(os.urandom(1000))[:500],
    "a preset dictionary": lambda: b"\x78\xbb\0\0\0\0",
}


@pytest.mark.parametrize("name", PACKED)
def test_i5_a_hostile_packed_file_is_not_unpacked_to_the_end(name: str) -> None:
    """Row I5: an agent puts a file of 64 MiB there at every step: none costs more than a moment."""
    content = PACKED[name]()
    started = time.monotonic()
    value, error = unpacked(content)
    assert time.monotonic() - started < 3
    assert value is None
    assert error


@given(st.lists(st.binary(max_size=300), max_size=4), st.integers(0, 2000))
def test_i5_a_sound_packed_file_is_what_gzip_says(parts: list[bytes], padding: int) -> None:
    """Row I5, the positive control: several parts, and zeros behind them."""
    content = b"".join(gzip.compress(part) for part in parts) + b"\0" * (padding if parts else 0)
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as packed:
        plain = packed.read()
    value, error = unpacked(content)
    assert error is None
    assert value is not None
    assert value["size"] == len(plain)
    assert unpacked(content, len(plain)) == (value, None)
    assert not plain or unpacked(content, len(plain) - 1)[0] is None
