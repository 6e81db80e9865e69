"""What a ``.gz`` file holds, read piece by piece: the agent made it, and a few bytes of it can stand for gigabytes."""

import hashlib
import re
import zlib
from collections.abc import Iterator
from typing import Any

UNPACKED_BYTES = 64 << 20
"""A file that holds more than this is not unpacked."""
MEMBERS = 1000
"""A file of more parts than this is not unpacked: each one costs time, and twenty bytes make one."""
_INPUT_BYTES, _OUTPUT_BYTES = 64 << 10, 1 << 20
_GZIP = 16 + zlib.MAX_WBITS
_NOT_PADDING = re.compile(rb"[^\0]")


def unpacked(content: bytes, most: int = UNPACKED_BYTES) -> tuple[dict[str, Any] | None, str | None]:
    """``sha256`` and ``size`` of what a ``.gz`` file holds, or why it cannot be told; at most ``most`` bytes."""
    digest, size = hashlib.sha256(), 0
    try:
        for block in _blocks(content):
            digest.update(block)
            size += len(block)
            if size > most:
                return None, f"more than {most} bytes"
    except (zlib.error, ValueError) as error:
        return None, str(error)[:300]
    return {"sha256": digest.hexdigest(), "size": size}, None


def _blocks(content: bytes) -> Iterator[bytes]:
    """Plain data of all parts, which follow one another with nothing but zeros in between. Raises `ValueError`."""
    at = members = 0
    while at < len(content):
        members += 1
        if members > MEMBERS:
            raise ValueError(f"more than {MEMBERS} parts")
        reader = zlib.decompressobj(_GZIP)
        # The header may be as long as the file: C skips it, where the gzip module takes it byte by byte.
        while not reader.eof:
            piece = reader.unconsumed_tail or content[at : at + _INPUT_BYTES]
            at += 0 if reader.unconsumed_tail else len(piece)
            if not piece:
                raise ValueError("it ends in the middle")
            yield reader.decompress(piece, _OUTPUT_BYTES)
        found = _NOT_PADDING.search(content, at - len(reader.unused_data))
        at = found.start() if found else len(content)
