"""Agent-made text on its way into observations: printable, on one line, bounded."""

from collections.abc import Mapping
from typing import Any


def escape_hidden(text: str) -> str:
    r"""Each character that shows nothing or steers a terminal, as its escape.

    >>> escape_hidden("a\x1b[2J\u202eb")
    'a\\x1b[2J\\u202eb'
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")


def brief(text: str, limit: int = 240) -> str:
    r"""One printable line of at most ``limit`` characters; a cut is visible.

    >>> brief("rm  -rf\n/a"), brief("x" * 9, 5)
    ('rm -rf\\n/a', 'xx[…]')
    """
    head = escape_hidden(text[: 4 * limit].replace("  ", " "))
    return head if len(head) <= limit and len(text) <= 4 * limit else head[: limit - 3] + "[…]"


def strings_in(value: Any, max_items: int = 512) -> list[tuple[str, str]]:
    """The (key, text) pairs of JSON data, outermost first, at most ``max_items``; without recursion.

    The key is the nearest name above the text.
    """
    found: list[tuple[str, str]] = []
    queue: list[tuple[str, Any]] = [("", value)]
    for key, item in queue:
        if len(found) >= max_items or len(queue) > 8 * max_items:
            break
        if isinstance(item, str):
            found.append((key, item))
        elif isinstance(item, Mapping):
            queue.extend((str(name), inner) for name, inner in _first(item.items(), max_items))
        elif isinstance(item, list | tuple):
            queue.extend((key, inner) for inner in _first(item, max_items))
    return found


def _first(items: Any, count: int) -> list[Any]:
    return [item for item, _ in zip(items, range(count), strict=False)]
