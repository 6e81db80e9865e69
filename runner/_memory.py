"""Memory that the C library keeps after an episode although nobody uses it."""

import ctypes
from collections.abc import Callable
from functools import cache

EVERY = 20
"""Episodes after which it is given back: what is in use stays the same, while the free pieces between grow."""


@cache
def _trim() -> Callable[[int], int] | None:
    """The C library's own function for it; None where it has none."""
    found: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return found


def give_back(episodes: int) -> None:
    """Give free memory back to the system, once in `EVERY` episodes."""
    trim = _trim()
    if trim is not None and episodes % EVERY == 0:
        trim(0)
