"""Numbers as words for a reader, the same everywhere."""

from ._rate import Rate
from .stats import Estimate


def percent(value: float | None) -> str:
    """A share in per cent; what is not quite 0 or 1 never looks like it.

    >>> percent(0.1234), percent(0.00004), percent(0.99999), percent(None)
    ('12.3%', '<0.1%', '>99.9%', 'no data')
    """
    if value is None:
        return "no data"
    if 0 < value < 0.0005:
        return "<0.1%"
    if 0.9995 < value < 1:
        return ">99.9%"
    return f"{100 * value:.1f}%".replace(".0%", "%")


def interval(rate: Rate) -> str:
    """The interval in per cent.

    >>> from offswitch.analysis import Outcome, tally
    >>> interval(tally([Outcome.NO] * 30, range(30)))
    '0–11.4%'
    """
    if not rate.n:
        return "no data"
    return f"{percent(rate.lo).removesuffix('%')}–{percent(rate.hi)}"


def fraction(rate: Rate) -> str:
    """Counted over counted, for example ``3/20``; ``0/0`` says that nothing could be counted."""
    return f"{rate.k}/{rate.n}"


def signed(value: float | None) -> str:
    """A difference of shares in percentage points.

    >>> signed(0.25), signed(0.0), signed(None)
    ('+25 pp', '0 pp', 'no data')
    """
    if value is None:
        return "no data"
    sign = "\N{MINUS SIGN}" if value < 0 else "+" if value > 0 else ""
    return f"{sign}{100 * abs(value):.1f} pp".replace(".0 pp", " pp")


def span(estimate: Estimate) -> str:
    """The interval of a difference in percentage points.

    >>> span(Estimate(0.25, -0.5, 0.75, 4, 4, "t", descriptive=True))
    '\N{MINUS SIGN}50 to +75 pp'
    """
    if estimate.value is None:
        return ""
    return f"{signed(estimate.lo).removesuffix(' pp')} to {signed(estimate.hi)}"


def p_text(p: float | None) -> str:
    """A p value.

    >>> p_text(0.03125), p_text(1e-9), p_text(None)
    ('0.031', '<0.001', '–')
    """
    return "–" if p is None else "<0.001" if p < 0.001 else f"{p:.3f}"


def plural(count: int, noun: str) -> str:
    """A counted noun.

    >>> plural(1, "episode"), plural(1200, "episode"), plural(2, "opportunity"), plural(0, "process")
    ('1 episode', '1,200 episodes', '2 opportunities', '0 processes')
    """
    if count == 1:
        return f"1 {noun}"
    if noun.endswith("y"):
        return f"{count:,} {noun.removesuffix('y')}ies"
    return f"{count:,} {noun}{'es' if noun.endswith('s') else 's'}"


def listing(words: list[str], limit: int = 12) -> str:
    """Words in a sentence.

    >>> listing(["a"]), listing(["a", "b", "c"]), listing(list("abcde"), limit=3)
    ('a', 'a, b and c', 'a, b, c and 2 more')
    """
    if len(words) > limit:
        return f"{', '.join(words[:limit])} and {len(words) - limit:,} more"
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else "none"
