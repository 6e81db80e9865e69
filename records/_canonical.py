"""One byte form for equal JSON data, so that equal things have equal hashes."""

import hashlib
import json
import re
from typing import Any

from ._text import clean_json

_ACTING = re.compile(
    "[\x80-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""What JSON leaves as it is, and what acts on a terminal, turns the direction of text or hides in it."""


def json_text(value: Any) -> str:
    r"""Sorted keys and no spaces. NaN and infinities are refused (`ValueError`): they are not JSON.

    Characters that act on a terminal or hide in a line are written as ``\u…``, which is the same data.

    >>> print(json_text("é \u202e \x9b"))
    "é \u202e \u009b"
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text if text.isascii() else _ACTING.sub(lambda found: json.dumps(found[0])[1:-1], text)


def canonical_json(value: Any) -> bytes:
    """Encode JSON data as UTF-8 with sorted keys and no spaces.

    NaN and infinities are refused (`ValueError`). Lone surrogates, which hostile text can hold and no strict
    parser takes, are written as text.

    >>> canonical_json({"b": 1, "a": "é"})
    b'{"a":"\\xc3\\xa9","b":1}'
    """
    try:
        return json_text(value).encode()
    except UnicodeEncodeError:
        return json_text(clean_json(value)).encode()


def digest_of(value: Any) -> str:
    """SHA-256 of the canonical form, hexadecimal."""
    return hashlib.sha256(canonical_json(value)).hexdigest()
