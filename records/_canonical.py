"""One byte form for equal JSON data, so that equal things have equal hashes."""

import hashlib
import json
from typing import Any

from ._text import clean_json


def json_text(value: Any) -> str:
    """Sorted keys and no spaces. NaN and infinities are refused (`ValueError`): they are not JSON."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


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
