"""One byte form for equal JSON data, so that equal things have equal hashes."""

import json
from typing import Any


def canonical_json(value: Any) -> bytes:
    """Encode JSON data as UTF-8 with sorted keys and no spaces.

    NaN and infinities are refused (`ValueError`): they are not JSON. Lone surrogates, which hostile text can
    hold, are written as ``\\udXXX`` escapes.

    >>> canonical_json({"b": 1, "a": "é"})
    b'{"a":"\\xc3\\xa9","b":1}'
    """
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
