"""Text that a figure can draw: measured, wrapped, and never interpreted."""

import re
from functools import cache
from pathlib import Path
from typing import Any

from .._escape import code_escape, visible

POINTS_PER_INCH = 72.0
ELLIPSIS = "…"
_STACKED = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u064b-\u065f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{2,}"
)
"""Marks that are drawn upon the letter before them."""
_HINTING = 0.965
"""Letters on a grid of pixels come out a little wider than they were drawn."""


@cache
def _font() -> tuple[Any, frozenset[int]]:
    from matplotlib import get_data_path
    from matplotlib.ft2font import FT2Font

    font: Any = FT2Font(str(Path(get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")))
    font.set_size(10.0, 72)
    return font, frozenset(font.get_charmap())


@cache
def _advance(character: str) -> float:
    """Width at one point of size."""
    glyph = _font()[0].load_char(ord(character))
    return float(glyph.linearHoriAdvance) / 65536 / 10


def width(text: str, size: float) -> float:
    """Width in points of text that `drawable` returned.

    >>> width("iiii", 10) < width("WWWW", 10)
    True
    """
    return size * sum(_advance(character) for character in text)


_TAIL = 0.7
"""Share of a line that its end may take."""


def drawable(text: str, limit: int = 2000) -> str:
    r"""One line that the font has a letter for, at most ``limit`` characters; other characters become their code.

    >>> drawable("a\x1b\U0001f642 $x$")
    'a\\x1b\\U0001f642 $x$'
    """
    glyphs = _font()[1]
    cut = visible(text[: limit + 1])
    drawn = (char if ord(char) in glyphs else code_escape(ord(char)) for char in cut)
    shown = _STACKED.sub(_unstacked, "".join(drawn))
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}{ELLIPSIS}"


def _unstacked(found: "re.Match[str]") -> str:
    """One mark stays on its letter; further ones would climb out of the line."""
    marks = found.group()
    return marks[0] + "".join(code_escape(ord(mark)) for mark in marks[1:])


def wrap(text: str, inches: float, size: float, lines: int = 2) -> list[str]:
    """At most ``lines`` lines, none wider than ``inches``; what does not fit ends in an ellipsis.

    Breaks at blanks, and within a word only where the word is wider than a line. Works on hostile text.

    >>> wrap("one two three", 0.8, 10)
    ['one two', 'three']
    """
    limit = inches * POINTS_PER_INCH * _HINTING
    held: list[str] = []
    rest = drawable(text).strip()
    while rest:
        if len(held) == lines:
            held[-1] = _cut(held[-1], limit, size)
            break
        head = _fitting(rest, limit, size)
        held.append(head.rstrip())
        rest = rest[len(head) :].lstrip()
    return held


def _fitting(text: str, limit: float, size: float) -> str:
    """The beginning that fits in one line, at least one character."""
    used, end = 0.0, 0
    for character in text:
        used += size * _advance(character)
        if used > limit and end:
            break
        end += 1
    if end == len(text) or text[end] == " ":
        return text[:end]
    blank = text.rfind(" ", 0, end)
    return text[: blank + 1] if blank > 0 else text[:end]


def _cut(line: str, limit: float, size: float) -> str:
    """The line with an ellipsis at its end."""
    while line and width(line + ELLIPSIS, size) > limit:
        line = line[:-1]
    return line.rstrip() + ELLIPSIS


def ended(text: str, inches: float, size: float) -> str:
    """One line; what does not fit is left out before the last bracket: a model's form and side stand there.

    >>> ended("provider:a-model-with-a-long-name (as is)", 2.0, 10)
    'provider:a-model-… (as is)'
    """
    shown, limit = drawable(text).strip(), inches * POINTS_PER_INCH * _HINTING
    if width(shown, size) <= limit:
        return shown
    at = shown.rfind(" (")
    head, tail = (shown[:at], shown[at:]) if at > 0 else (shown, "")
    if width(tail, size) > limit * _TAIL:
        return _cut(shown, limit, size)
    return _cut(head, limit - width(tail, size), size) + tail


def block(text: str, inches: float, size: float, lines: int = 2) -> str:
    """`wrap` as one text."""
    return "\n".join(wrap(text, inches, size, lines))
