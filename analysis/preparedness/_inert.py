"""Text of others made inert: for a page, for Markdown, and for a spreadsheet that a table is copied into."""

import re

from .._escape import shorten, visible

LIMIT = 400
"""Characters of one quoted text that are shown."""
_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20|%]")
_MARKUP = re.compile(
    r"""
      [\\`*\[\]|~$]              # code, emphasis, links, cells, strikethrough, formulas
    | (?<![^\W_])_ | _(?![^\W_])  # emphasis, but not inside a word
    | <(?![\s\d=]) | &(?=[\w#]|$) # tags and addresses in brackets; entities
    | :(?!\s|$) | (?<=www)\.      # addresses, and names of pictures
    | \#(?=\d)                   # numbers of issues
    """,
    re.VERBOSE | re.IGNORECASE,
)
_START = re.compile(r"^(\s*\d*)([-+=>#.)])")
"""What makes a list, a heading or a quotation at the beginning of a line."""
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


def markdown(text: str, *, begins: bool = True) -> str:
    r"""Prose in Markdown: nothing in it is markup, a link, an address or somebody's name.

    ``begins``: it may stand at the beginning of a line, where a number with a dot would be a list.

    >>> markdown("[x](javascript:y) <b> me@example.org")
    '\\[x\\](javascript\\:y) \\<b> me`@`example.org'
    >>> markdown("a share: 0.5-0.9 (<1%), as_is"), markdown("- 1. *"), markdown("1. x"), markdown("1. x", begins=False)
    ('a share: 0.5-0.9 (<1%), as_is', '\\- 1. \\*', '1\\. x', '1. x')
    """
    inert = _MARKUP.sub(r"\\\g<0>", visible(text)).replace("@", "`@`")
    return _START.sub(r"\1\\\2", inert) if begins else inert


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
