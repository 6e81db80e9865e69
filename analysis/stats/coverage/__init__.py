"""How often the intervals hold the truth: computed where that can be done exactly, simulated elsewhere."""

from ._hostile import HOSTILE, Hostile, hostile_coverage
from ._looks import curve_coverage, repeated_coverage, sequence_coverage
from ._page import ENOUGH, measured, tables
from ._pairs import ARMS, Arms, compared, shared, slope_coverage
from ._simulated import CELLS, METHODS, Cell, errors_of_others, exact, simulated

__all__ = [
    "ARMS",
    "CELLS",
    "ENOUGH",
    "HOSTILE",
    "METHODS",
    "Arms",
    "Cell",
    "Hostile",
    "compared",
    "curve_coverage",
    "errors_of_others",
    "exact",
    "hostile_coverage",
    "measured",
    "repeated_coverage",
    "sequence_coverage",
    "shared",
    "simulated",
    "slope_coverage",
    "tables",
]
