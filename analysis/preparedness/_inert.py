"""Text of others made inert: for a page, for Markdown, and for a spreadsheet that a table is copied into."""

import re

from .._escape import shorten, visible

LIMIT = 400
"""Characters of one quoted text that are shown."""
_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20|%]")
_PUNCTUATION = re.compile(r"([\\`*_{}\[\]()<>#+.!|~&$:/^=-])")
_TICKS = re.compile(r"`+")


def quoted(text: str) -> str:
    r"""One visible line of at most about `LIMIT` characters.

    >>> quoted("a\u202eb\n")
    'a\\u202eb\\x0a'
    """
    return visible(shorten(text, LIMIT))


def no_formula(text: str) -> str:
    """A cell that a spreadsheet takes for text: an apostrophe stands before what would be read as a formula.

    >>> no_formula("=HYPERLINK(0)"), no_formula("-1"), no_formula("plain")
    ("'=HYPERLINK(0)", "'-1", 'plain')
    """
    return f"'{text}" if _FORMULA.match(text) else text


def markdown(text: str) -> str:
    r"""Prose in Markdown: nothing in it is markup, a link, an address or somebody's name.

    >>> markdown("[x](javascript:y) <b> me@example.org")
    '\\[x\\]\\(javascript\\:y\\) \\<b\\> me`@`example\\.org'
    """
    return _PUNCTUATION.sub(r"\\\1", visible(text)).replace("@", "`@`")


def code_span(text: str, *, in_table: bool) -> str:
    r"""A code span that holds exactly this text.

    >>> code_span("a`b", in_table=False), code_span("x|y", in_table=True), code_span("", in_table=False)
    ('`` a`b ``', '`x\\|y`', '` `')
    """
    shown = quoted(text) or " "
    longest = max((len(run) for run in _TICKS.findall(shown)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if longest or (shown.startswith(" ") and shown.endswith(" ") and shown.strip()) else ""
    if in_table:
        shown = shown.replace("|", r"\|")
    return f"{fence}{pad}{shown}{pad}{fence}"
