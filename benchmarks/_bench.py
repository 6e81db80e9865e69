"""All measurements, in the order in which they disturb each other least."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from ..environments import Lab
from . import _analysis, _branches, _calls, _kills, _lives, _memory, _peers, _records, _resets, _steps
from ._figure import Figure
from ._machine import machine
from ._place import Place, Progress

Measurement = Callable[[Place], list[Figure]]
MEASUREMENTS: dict[str, Measurement] = {
    "calls": _calls.measure,
    "steps": _steps.measure,
    "ledger": _records.measure,
    "resets": _resets.measure,
    "branches": _branches.measure,
    "kills": _kills.measure,
    "memory": _memory.measure,
    "lives": _lives.measure,
    "growth": _steps.growth,
    "analysis": _analysis.measure,
}
"""Name → the function that takes the figures."""
PEERS: dict[str, Measurement] = {"peers": _peers.measure}
"""What is taken only where it is asked for: it installs others' software beside the project."""


@dataclass(frozen=True)
class Bench:
    """Everything that was measured, and on what."""

    figures: tuple[Figure, ...]
    machine: dict[str, Any]
    peers: dict[str, Any] = field(default_factory=dict[str, Any])
    """Of each peer that was measured: versions, what was bypassed, what it could not be given."""
    scale: float = 1.0
    """Part of the published counts of readings that was taken."""

    @property
    def missed(self) -> list[Figure]:
        """Figures on the wrong side of their targets."""
        return [figure for figure in self.figures if figure.met is False]


def bench(names: Sequence[str] = (), *, scale: float = 1.0, say: Progress = lambda _: None) -> Bench:
    """Measure. ``names`` are keys of `MEASUREMENTS`, all of them by default, or of `PEERS`.

    ``scale`` < 1 takes fewer readings. Raises `KeyError` for a name that is none, and the sandbox's errors, of which
    `PeerError` is one.
    """
    chosen = {name: (MEASUREMENTS | PEERS)[name] for name in names or MEASUREMENTS}
    figures: list[Figure] = []
    with Lab.open() as lab, closing(Place(lab, scale, say)) as place:
        on = machine(lab.engine)
        for name, measure in chosen.items():
            say(name)
            figures += measure(place)
    return Bench(tuple(figures), on, place.peers, scale)
