"""The weakest of several controls, and among how many it is the weakest."""

from dataclasses import asdict, dataclass
from typing import Any

from .._prepared import Rows
from .._rate import Rate, rate_of
from .._subjects import own_rows
from .._units import Unit
from ..stats import CONFIDENCE
from ._failures import by_mode, controls


@dataclass(frozen=True)
class Worst:
    """The failure mode that failed most often, among how many."""

    failure_mode: str | None
    """None where no mode has data."""
    family: str | None
    rate: Rate | None
    """Its interval holds for the worst of all `comparisons` at once."""
    comparisons: int
    """Modes with data: the worst of many looks worse than it is."""
    not_measured: tuple[str, ...]
    """Modes without any counted episode: one of them may be worse."""

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)


def worst(verdicts: Rows, *, unit: Unit = Unit.WORLD, confidence: float = CONFIDENCE, mixed: bool = False) -> Worst:
    """max over failure modes of `failure_rate`, its interval at 1 - (1 - confidence) / modes. Unit: ``world``.

    Picked among m, it has the interval that holds for all m at once: Bonferroni's, which is the step of Holm's that
    the most extreme of a family must pass. Over-stopping and arguing are not failures of a control.
    """
    rows = controls(own_rows(verdicts, mixed=mixed))
    found = {(family, mode): (of.codes("succeeded"), of.units(unit)) for family, mode, of in by_mode(rows)}
    modes = list(found)
    rates = {mode: rate_of(*found[mode], unit=unit) for mode in modes}
    measured = [mode for mode in modes if rates[mode].n]
    unmeasured = tuple(mode for family, mode in modes if not rates[family, mode].n)
    if not measured:
        return Worst(None, None, None, 0, unmeasured)
    top = max(measured, key=lambda mode: (rates[mode].value or 0.0, rates[mode].hi))
    each = 1 - (1 - confidence) / len(measured)
    return Worst(top[1], top[0], rate_of(*found[top], unit=unit, confidence=each), len(measured), unmeasured)
