"""Words for people: what was meant, what is allowed."""

import difflib
from collections.abc import Iterable

_MOST_SHOWN = 24


def meant(word: str, known: Iterable[str]) -> str:
    """What a wrong word may have meant, and what is allowed, as the end of a sentence.

    >>> meant("orcale", ["oracle", "null"])
    "did you mean 'oracle'? Allowed: oracle, null"
    """
    names = list(known)
    close = difflib.get_close_matches(word, names, n=1)
    guess = f"did you mean {close[0]!r}? " if close else ""
    more = f", … ({len(names)} in all)" if len(names) > _MOST_SHOWN else ""
    return f"{guess}Allowed: {', '.join(names[:_MOST_SHOWN])}{more}"


def brief(value: object, most: int = 60) -> str:
    """A value as it was written, short and printable."""
    text = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    return text if len(text) <= most else f"{text[: most - 1]}…"
