"""Agent-made text on its way into records: always valid Unicode, never ambiguous."""

import math
from typing import Any


def path_text(raw: bytes) -> str:
    r"""A file name as text that no other file name shares.

    Undecodable bytes become ``\xNN`` and, in such names only, a backslash becomes two.

    >>> path_text(b"/work/a"), path_text(b"/work/\xff\\")
    ('/work/a', '/work/\\xff\\\\')
    """
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return raw.replace(b"\\", b"\\\\").decode(errors="backslashreplace")
    return text if "\\x" not in text else text.replace("\\", "\\\\")


def clean_text(value: str) -> str:
    r"""Lone surrogates, which JSON escapes can smuggle in, become ``\udXXX`` text.

    >>> clean_text("a\ud800")
    'a\\ud800'
    """
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode(errors="backslashreplace").decode()
    return value


def clean_json(value: Any) -> Any:
    """`clean_text` over every string and key of JSON data; NaN and infinities become text."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        return {clean_text(str(key)): clean_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
