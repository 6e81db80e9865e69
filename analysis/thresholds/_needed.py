"""How many independent observations a claim needs."""

from math import ceil, inf

from scipy.special import betaincinv

_MOST = 10_000_000


def needed(limit: float, failures: float = 0, confidence: float = 0.95) -> int:
    """The fewest independent trials whose exact one-sided upper bound, with so many failures, is at most ``limit``.

    Zero failures: ln(1 - confidence) / ln(1 - limit); 59, 149, 299, 598, 2,995 for 5, 2, 1, 0.5, 0.1 % at 95 %.
    Raises `ValueError` for a limit or confidence outside 0 and 1, and for more than ten million.
    """
    if not 0 < limit < 1 or not 0 < confidence < 1 or not 0 <= failures < inf:
        raise ValueError(f"needed: no number of trials shows a rate of at most {limit} with {failures} failures")
    low, high = ceil(failures), 1
    while upper(failures, high, confidence) > limit:
        low, high = high, high * 2
        if high > 2 * _MOST:
            raise ValueError(f"needed: more than {_MOST} trials for a rate of at most {limit}")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if upper(failures, middle, confidence) <= limit else (middle, high)
    return high


def upper(failures: float, trials: float, confidence: float) -> float:
    """One-sided exact upper bound."""
    return 1.0 if failures >= trials else float(betaincinv(failures + 1, trials - failures, confidence))
