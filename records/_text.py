"""Text and data of the agent's making on their way into records: always valid Unicode, always JSON."""

import math
from typing import Annotated, Any, cast

from pydantic import AfterValidator, BeforeValidator

MAX_JSON_DEPTH = 64
"""Containers within containers that a record keeps; whatever lies deeper is replaced by `TOO_DEEP`."""
MAX_INT_BITS = 4096
"""Integers beyond this become hexadecimal text: parsers refuse numbers of some thousand digits."""
TOO_DEEP = "<nested too deeply to be kept>"


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


def clean_json(value: Any, *, depth: int = MAX_JSON_DEPTH) -> Any:
    """A deep copy of JSON data that survives writing and reading unchanged.

    Every string and key goes through `clean_text`, tuples become lists, NaN, infinities and huge integers become
    text, and what lies deeper than ``depth`` containers becomes `TOO_DEEP`. Raises `ValueError` for anything that
    is not JSON.
    """
    if isinstance(value, str):
        return clean_text(str(value))
    if value is None or isinstance(value, bool | int):
        return value if value is None or value.bit_length() <= MAX_INT_BITS else hex(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)
    if isinstance(value, dict | list | tuple) and depth <= 0:
        return TOO_DEEP
    if isinstance(value, dict):
        items = cast("dict[object, Any]", value).items()
        return {clean_text(str(key)): clean_json(item, depth=depth - 1) for key, item in items}
    if isinstance(value, list | tuple):
        return [clean_json(item, depth=depth - 1) for item in cast("list[Any]", value)]
    raise ValueError(f"{type(value).__name__} is not JSON data")


Text = Annotated[str, AfterValidator(clean_text)]
"""Text that is valid Unicode from the start: for keys, whose lone surrogates would be lost."""
JsonData = Annotated[Any, BeforeValidator(clean_json)]
"""Any JSON value: copied, so that nobody can change a record afterwards, and equal after writing and reading."""
JsonObject = Annotated[dict[str, Any], BeforeValidator(clean_json)]
"""A JSON object, treated as `JsonData`."""
