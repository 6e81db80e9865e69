"""The bytes between the harness and PID 1: frames inside the engine's multiplexed attach stream."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256
from typing import Any

_FRAME = struct.Struct("<IBI")
_ENGINE = struct.Struct(">BxxxI")
_ENTRY = struct.Struct("<BIIIQ")
_STREAM = struct.Struct("<Q32sI")


class Request(IntEnum):
    """What the harness asks of PID 1."""

    HELLO = 1
    RUN = 2
    SHELL = 3
    READ = 4
    WRITE = 5
    INSTALL = 6
    SIGNAL = 7
    RENEW = 8
    RELAY_ANSWER = 9
    END_SESSION = 10
    PING = 11
    REMOVE = 12
    SHORT_CUT = 13
    PEEK = 14


class Reply(IntEnum):
    """What PID 1 says."""

    READY = 101
    RESULT = 102
    RELAY = 103
    ERROR = 104
    PONG = 105
    ACT = 106


class Outcome(IntEnum):
    """How a command ended."""

    EXITED = 0
    SIGNALED = 1
    TIMED_OUT = 2
    NOT_STARTED = 3
    SESSION_ENDED = 4
    STARTED = 5


@dataclass(frozen=True)
class Frame:
    """One message of PID 1."""

    type: int
    id: int
    payload: bytes


def frame(kind: IntEnum, number: int, payload: bytes = b"") -> bytes:
    """The bytes of a request."""
    return _FRAME.pack(5 + len(payload), kind, number) + payload


class Frames:
    """Takes a stream of frames apart."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """Add received bytes and return the frames that are complete now."""
        self._bytes += data
        found: list[Frame] = []
        while len(self._bytes) >= 9:
            size, kind, number = _FRAME.unpack_from(self._bytes)
            if len(self._bytes) < 4 + size:
                break
            with memoryview(self._bytes) as whole:  # a slice of the bytes themselves would be one copy more
                found.append(Frame(kind, number, bytes(whole[9 : 4 + size])))
            del self._bytes[: 4 + size]
        return found


class Demultiplexer:
    """Takes the attach stream apart: the engine's stream headers outside, our frames inside.

    Standard error carries only what the launcher says when it cannot start; it is kept for the error message.
    """

    def __init__(self) -> None:
        self._raw = bytearray()
        self._frames = Frames()
        self.stderr = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """Add received bytes and return the frames that are complete now."""
        self._raw += data
        found: list[Frame] = []
        while len(self._raw) >= 8:
            stream, size = _ENGINE.unpack_from(self._raw)
            if len(self._raw) < 8 + size:
                break
            content = bytes(self._raw[8 : 8 + size])
            if stream == 2:
                self.stderr += content
            else:
                found += self._frames.feed(content)
            del self._raw[: 8 + size]
        return found


def text(value: str | bytes) -> bytes:
    """A length-prefixed text or block of bytes.

    A text that no program could be given, with a NUL or a lone surrogate in it, is a `ValueError`.
    """
    raw = encoded(value) if isinstance(value, str) else value
    return struct.pack("<I", len(raw)) + raw


def encoded(value: str) -> bytes:
    """The bytes of a text that ends at its first NUL once it is in the container, so that it must have none."""
    try:
        raw = value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"the text is not Unicode: {error.reason} at character {error.start}") from None
    if b"\0" in raw:
        raise ValueError(f"the text has a NUL at byte {raw.index(0)}: no program can be given that")
    return raw


def texts(values: Sequence[str | bytes]) -> bytes:
    """A counted list of texts."""
    return struct.pack("<I", len(values)) + b"".join(text(value) for value in values)


def u32(*values: int) -> bytes:
    """Unsigned 32-bit numbers."""
    return struct.pack(f"<{len(values)}I", *values)


def u64(value: int) -> bytes:
    """An unsigned 64-bit number."""
    return struct.pack("<Q", value)


def entry(kind: int, mode: int, uid: int, gid: int, mtime_ns: int, path: str, data: bytes) -> bytes:
    """One entry of an install request. Bytes of a path that are no text stand as `os.fsdecode` gives them."""
    raw = path.encode("utf-8", "surrogateescape")
    if b"\0" in raw:
        raise ValueError(f"a path has a NUL at byte {raw.index(0)}: no file can be called that")
    return _ENTRY.pack(kind, mode, uid, gid, mtime_ns) + text(raw) + text(data)


def piece_of(offset: int, size: int, data: bytes) -> bytes:
    """The data of a ``piece`` entry: these bytes from ``offset`` on, in a file of ``size`` bytes."""
    return u64(offset) + u64(size) + data


@dataclass(frozen=True)
class Stream:
    """Output as it was kept: head and tail, true size and digest of all of it."""

    head: bytes | memoryview
    tail: bytes | memoryview
    total: int
    sha256: str

    @property
    def truncated(self) -> bool:
        return self.total > len(self.head) + len(self.tail)

    @property
    def data(self) -> bytes:
        """What was kept, with one line that says what is missing."""
        missing = self.total - len(self.head) - len(self.tail)
        note = f"\n… {missing} bytes not kept …\n".encode() if self.truncated else b""
        return b"".join((self.head, note, self.tail))


EMPTY = Stream(b"", b"", 0, sha256(b"").hexdigest())


class Reader:
    """Reads a reply's payload from front to back."""

    def __init__(self, payload: bytes) -> None:
        self._payload = memoryview(payload)
        self._at = 0

    @property
    def left(self) -> int:
        """Bytes that are not read yet."""
        return len(self._payload) - self._at

    def raw(self, size: int) -> bytes:
        return bytes(self._view(size))

    def _view(self, size: int) -> memoryview:
        taken = self._payload[self._at : self._at + size]
        if len(taken) != size:
            raise ValueError(f"reply ends {size - len(taken)} bytes early")
        self._at += size
        return taken

    def fields(self, layout: struct.Struct) -> tuple[Any, ...]:
        """Several numbers at once."""
        return layout.unpack(self._view(layout.size))

    def u8(self) -> int:
        return self.raw(1)[0]

    def u32(self) -> int:
        return int.from_bytes(self.raw(4), "little")

    def u64(self) -> int:
        return int.from_bytes(self.raw(8), "little")

    def rest(self) -> bytes:
        return self.raw(len(self._payload) - self._at)

    def stream(self) -> Stream:
        total, digest, head_size = self.fields(_STREAM)
        head = self._view(head_size)
        return Stream(head, self._view(self.u32()), total, digest.hex())
