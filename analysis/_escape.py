"""Hostile text on its way to a reader: what would act on a terminal or hide from an eye becomes visible.

HTML needs its own escaping on top (jinja2 does it); this is about the characters themselves.
"""

import unicodedata

_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_INVISIBLE = frozenset(
    {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0}
    | set(range(0x180B, 0x1810))
    | set(range(0xFE00, 0xFE10))
    | set(range(0xE0100, 0xE01F0))
)
"""Letters and marks that show nothing, beside the categories above."""


class _Table(dict[int, str]):
    """Translation table that decides each character once."""

    def __init__(self, kept: str) -> None:
        super().__init__({ord(character): character for character in kept})

    def __missing__(self, code: int) -> str:
        text = chr(code)
        hidden = code in _INVISIBLE or unicodedata.category(text) in _HIDDEN_CATEGORIES
        self[code] = code_escape(code) if hidden else text
        return self[code]


def code_escape(code: int) -> str:
    r"""A character as Python would write its code.

    >>> code_escape(0x1B), code_escape(0x202E), code_escape(0xE0041)
    ('\\x1b', '\\u202e', '\\U000e0041')
    """
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


_ONE_LINE = _Table("")
_LINES = _Table("\n\t")


def visible(text: str) -> str:
    r"""One line: control, bidirectional, zero-width, private and unassigned characters become ``\x…`` escapes.

    >>> visible("safe\x1b[2J\u202etxt\n")
    'safe\\x1b[2J\\u202etxt\\x0a'
    """
    return text.translate(_ONE_LINE)


def visible_lines(text: str) -> str:
    r"""As `visible`, but line feeds and tabs stay what they are.

    >>> visible_lines("a\nb\r")
    'a\nb\\x0d'
    """
    return text.translate(_LINES)


def shorten(text: str, limit: int) -> str:
    """At most about ``limit`` characters: the beginning, the true size, the end.

    >>> shorten("x" * 1000, 20)
    'xxxxxxxxxxxxxxx … (980 of 1,000 characters not shown) … xxxxx'
    """
    if len(text) <= limit:
        return text
    tail = limit // 4
    head = limit - tail
    end = text[-tail:] if tail else ""
    return f"{text[:head]} … ({len(text) - limit:,} of {len(text):,} characters not shown) … {end}"
