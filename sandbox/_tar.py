"""The members of a tar stream, one after another and never unpacked: every name and number in it is the agent's.

Read are the forms that engines write: POSIX with extended headers (pax), and GNU's long names. Whatever could be read
in more than one way is refused, and with it the rest of the stream.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

BLOCK = 512
_MOST_EXTENDED = 1 << 20
"""Bytes of an extended header: names have at most 4 KiB, and an attribute 64 KiB."""
_PIECE = 1 << 18
_MOST_NUMBER = 1 << 63

Kind = Literal["file", "name", "link", "char", "block", "dir", "fifo"]
"""``name``: a further name of an earlier file, which is the target."""
_KINDS: dict[bytes, Kind] = {
    b"0": "file",
    b"\0": "file",
    b"1": "name",
    b"2": "link",
    b"3": "char",
    b"4": "block",
    b"5": "dir",
    b"6": "fifo",
}


class BadTar(Exception):
    """The stream is cut short, or is none that an engine makes."""


@dataclass(frozen=True)
class Member:
    """One entry as its headers tell; nothing in it is checked against any other."""

    name: bytes
    kind: Kind
    mode: int
    uid: int
    gid: int
    size: int
    """Bytes of content that follow; 0 for all but files."""
    mtime_ns: int
    target: bytes
    """Where a link points, or the name that a further name is for."""


class TarReader:
    """Takes a stream apart. The content of a member is to be read before the next one; what is left is skipped."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        """``read`` returns exactly as many bytes as it is asked for, and raises where the stream has fewer."""
        self._read = read
        self._left = 0
        self._padding = 0

    def __iter__(self) -> Iterator[Member]:
        """Every member up to the end mark. Raises `BadTar`, and what ``read`` raises."""
        while (found := self._next()) is not None:
            yield found

    def content(self) -> Iterator[bytes]:
        """What is left of the content of the member that came last, in pieces."""
        while self._left:
            piece = self._read(min(self._left, _PIECE))
            self._left -= len(piece)
            yield piece
        self._read(self._padding)
        self._padding = 0

    def _next(self) -> Member | None:
        extended: dict[bytes, bytes] = {}
        while True:
            for _ in self.content():
                pass
            header = self._read(BLOCK)
            if header == bytes(BLOCK):
                if self._read(BLOCK) != bytes(BLOCK):
                    raise BadTar("the end mark is only half there")
                return None
            size, flag = _checked_size(header), header[156:157]
            if flag in _KINDS:
                return self._member(header, extended, size)
            self._add(extended, flag, size)

    def _add(self, extended: dict[bytes, bytes], flag: bytes, size: int) -> None:
        if flag not in (b"x", b"L", b"K") or size > _MOST_EXTENDED:
            raise BadTar(f"a header of the kind {flag!r} with {size} bytes")
        self._expect(size)
        body = b"".join(self.content())
        added = _records(body) if flag == b"x" else {b"path" if flag == b"L" else b"linkpath": _ended(body)}
        if extended.keys() & added.keys():
            raise BadTar("a member has the same field twice")
        extended.update(added)

    def _member(self, header: bytes, extended: dict[bytes, bytes], size: int) -> Member:
        if any(key.startswith(b"GNU.sparse") for key in extended):
            raise BadTar("a member is stored without its holes")
        kind = _KINDS[header[156:157]]
        size = _decimal(extended[b"size"]) if b"size" in extended else size
        if size and kind != "file":
            raise BadTar(f"a {kind} with {size} bytes of content")
        self._expect(size)
        name = extended.get(b"path", _name(header))
        return Member(
            name=name.removesuffix(b"/") if kind == "dir" else name,
            kind=kind,
            mode=_number(header[100:108]) & 0o7777,
            uid=_decimal(extended[b"uid"]) if b"uid" in extended else _number(header[108:116]),
            gid=_decimal(extended[b"gid"]) if b"gid" in extended else _number(header[116:124]),
            size=size,
            mtime_ns=_nanoseconds(extended[b"mtime"]) if b"mtime" in extended else _number(header[136:148]) * 10**9,
            target=extended.get(b"linkpath", _ended(header[157:257])),
        )

    def _expect(self, size: int) -> None:
        self._left, self._padding = size, -size % BLOCK


def _checked_size(header: bytes) -> int:
    """The size that a header tells, once its check sum and its mark are right."""
    told = _number(header[148:156])
    if told != sum(header[:148]) + 8 * 0x20 + sum(header[156:]):
        raise BadTar("the check sum of a header is wrong")
    if header[257:262] != b"ustar":
        raise BadTar("a header without its mark")
    return _number(header[124:136])


def _name(header: bytes) -> bytes:
    name, prefix = _ended(header[:100]), _ended(header[345:500])
    is_posix = header[257:265] == b"ustar\x0000"
    return prefix + b"/" + name if prefix and is_posix else name


def _ended(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _number(field: bytes) -> int:
    """A number in octal digits, or in GNU's way in binary."""
    if field[0] & 0x80:
        value = int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
    else:
        digits = field.strip(b" \0")
        if not all(0x30 <= digit < 0x38 for digit in digits):
            raise BadTar(f"{field!r} is no number")
        value = int(digits or b"0", 8)
    if value >= _MOST_NUMBER:
        raise BadTar(f"{field!r} is too large a number")
    return value


def _decimal(field: bytes) -> int:
    if not field.isdigit() or len(field) > 18:
        raise BadTar(f"{field[:40]!r} is no number")
    return int(field)


def _nanoseconds(field: bytes) -> int:
    """Seconds with a fraction, possibly before 1970."""
    whole, _, fraction = field.removeprefix(b"-").partition(b".")
    value = _decimal(whole) * 10**9 + (_decimal(fraction[:9].ljust(9, b"0")) if fraction else 0)
    return -value if field.startswith(b"-") else value


def _records(body: bytes) -> dict[bytes, bytes]:
    """The records of an extended header: length, blank, key, equals sign, value, line feed."""
    found: dict[bytes, bytes] = {}
    while body:
        length = _decimal(body.partition(b" ")[0][:8])
        record, body = body[:length], body[length:]
        key, equals, value = record.partition(b" ")[2].partition(b"=")
        if len(record) != length or not equals or not key or not value.endswith(b"\n") or key in found:
            raise BadTar("an extended header cannot be read")
        if key in (b"path", b"linkpath") and b"\0" in value:
            raise BadTar("a name with a NUL")
        found[key] = value[:-1]
    return found
