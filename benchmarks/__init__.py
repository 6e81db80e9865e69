"""How fast it is: every figure measured as a ratio within one run, so that the machine's mood cancels out."""

from ._bench import MEASUREMENTS, PEERS, Bench, bench
from ._errors import PeerError
from ._figure import Figure, Side
from ._machine import machine
from ._page import chart, digest, markdown

__all__ = [
    "MEASUREMENTS",
    "PEERS",
    "Bench",
    "Figure",
    "PeerError",
    "Side",
    "bench",
    "chart",
    "digest",
    "machine",
    "markdown",
]
