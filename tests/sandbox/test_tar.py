"""The members of a tar stream are told as they were written, or the stream is refused: nothing is half believed."""

import io
import tarfile
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offswitch.sandbox._tar import BLOCK, BadTar, Member, TarReader

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=80)
PATHS = st.lists(NAMES, min_size=1, max_size=6).map("/".join)
TYPES = (tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE)
FORMATS = (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT)


class Ended(Exception):
    """The stream has no more bytes."""


def reader(data: bytes) -> TarReader:
    stream = io.BytesIO(data)

    def read(size: int) -> bytes:
        piece = stream.read(size)
        if len(piece) < size:
            raise Ended
        return piece

    return TarReader(read)


def every(data: bytes) -> Iterator[tuple[Member, bytes]]:
    source = reader(data)
    for member in source:
        yield member, b"".join(source.content())


@st.composite
def infos(draw: st.DrawFn) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(draw(PATHS))
    info.type = draw(st.sampled_from(TYPES))
    content = draw(st.binary(max_size=2000)) if info.type == tarfile.REGTYPE else b""
    info.size = len(content)
    info.mode = draw(st.integers(0, 0o7777))
    info.uid, info.gid = draw(st.integers(0, 2**31)), draw(st.integers(0, 2**31))
    info.mtime = draw(st.integers(0, 2**40))
    if info.type in (tarfile.SYMTYPE, tarfile.LNKTYPE):
        info.linkname = draw(PATHS)
    return info, content


def packed(members: list[tuple[tarfile.TarInfo, bytes]], form: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def one(kind: bytes = tarfile.REGTYPE, content: bytes = b"", pax: dict[str, str] | None = None) -> bytes:
    info = tarfile.TarInfo("work/f")
    info.type, info.size, info.pax_headers = kind, len(content), pax or {}
    return packed([(info, content)])


@settings(max_examples=150, deadline=None)
@given(st.lists(infos(), max_size=6), st.sampled_from(FORMATS))
def test_what_was_written_is_what_is_told(members: list[tuple[tarfile.TarInfo, bytes]], form: int) -> None:
    found = list(every(packed(members, form)))
    assert [content for _, content in found] == [content for _, content in members]
    for (told, _), (info, _) in zip(found, members, strict=True):
        assert told.name == info.name.encode()
        assert (told.mode, told.uid, told.gid, told.size) == (info.mode, info.uid, info.gid, info.size)
        assert told.mtime_ns == int(info.mtime) * 10**9
        assert told.target == info.linkname.encode()
        assert {"file": tarfile.REGTYPE, "name": tarfile.LNKTYPE, "link": tarfile.SYMTYPE, "dir": tarfile.DIRTYPE}.get(
            told.kind, info.type
        ) == info.type


@settings(max_examples=60, deadline=None)
@given(st.lists(infos(), min_size=1, max_size=3), st.data())
def test_a_stream_that_is_cut_anywhere_is_never_taken_for_whole(
    members: list[tuple[tarfile.TarInfo, bytes]], data: st.DataObject
) -> None:
    whole = packed(members)
    mark = len(whole.rstrip(b"\0")) // BLOCK * BLOCK
    cut = data.draw(st.integers(0, mark + BLOCK - 1))
    with pytest.raises((BadTar, Ended)):
        list(every(whole[:cut]))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, BLOCK - 1), st.integers(1, 255))
def test_a_header_with_any_byte_changed_is_refused_or_told_as_it_stands(at: int, bits: int) -> None:
    """A flipped byte breaks the sum over the header, wherever it is."""
    data = bytearray(one(content=b"x" * 10))
    data[at] ^= bits
    with pytest.raises((BadTar, Ended)):
        list(every(bytes(data)))


def test_content_that_nobody_read_is_skipped() -> None:
    data = packed([(named("a", 5000), b"a" * 5000), (named("b", 3), b"bbb")])
    source = reader(data)
    assert [member.name for member in source] == [b"a", b"b"]


def named(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = size
    return info


def test_names_that_are_no_text_keep_every_byte() -> None:
    name = "work/" + b"\xff\xfe\n".decode("utf-8", "surrogateescape")
    info = tarfile.TarInfo(name)
    assert [member.name for member, _ in every(packed([(info, b"")], tarfile.GNU_FORMAT))] == [b"work/\xff\xfe\n"]


def resummed(data: bytes) -> bytes:
    """The first header with a check sum that is right."""
    head = bytearray(data[:BLOCK])
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head) + data[BLOCK:]


@pytest.mark.parametrize(
    ("what", "data"),
    [
        ("a link with content", one(kind=tarfile.SYMTYPE, content=b"x" * 600)),
        ("a further name with content", one(kind=tarfile.LNKTYPE, content=b"x" * 600)),
        ("a file stored without its holes", one(pax={"GNU.sparse.major": "1"})),
        ("a size that is negative", resummed(one()[:124] + b"-0000000001\0" + one()[136:])),
        ("a size beyond all disks", resummed(one()[:124] + b"\xff" * 12 + one()[136:])),
        ("a size in words", one(pax={"size": "ten"})),
        ("a name with a NUL", one(pax={"path": "work/a\0b"})),
        ("an unknown kind", resummed(one()[:156] + b"S" + one()[157:])),
        ("global headers", resummed(one()[:156] + b"g" + one()[157:])),
        ("a header of no format", resummed(one()[:257] + b"other" + one()[262:])),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(what: str, data: bytes) -> None:
    with pytest.raises(BadTar):
        list(every(data))


def test_an_extended_header_as_large_as_memory_is_not_taken_in() -> None:
    head = bytearray(resummed(one()[:156] + b"x" + one()[157:])[:BLOCK])
    head[124:136] = b"77777777777\0"
    with pytest.raises(BadTar, match="header of the kind"):
        list(every(resummed(bytes(head) + bytes(BLOCK))))
