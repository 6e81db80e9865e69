"""How often the intervals hold the truth: computed where that can be done exactly, simulated elsewhere."""

from ._simulated import (
    CELLS,
    ENOUGH,
    METHODS,
    Cell,
    compared,
    curve_coverage,
    errors_of_others,
    exact,
    measured,
    repeated_coverage,
    sequence_coverage,
    simulated,
    tables,
)

__all__ = [
    "CELLS",
    "ENOUGH",
    "METHODS",
    "Cell",
    "compared",
    "curve_coverage",
    "errors_of_others",
    "exact",
    "measured",
    "repeated_coverage",
    "sequence_coverage",
    "simulated",
    "tables",
]
