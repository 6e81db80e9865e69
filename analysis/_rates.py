"""The names of rates in one place, for the modules above."""

from ._outcomes import COUNTED, Outcome, outcome_of, outcomes
from ._rate import Rate, tally
from .metrics import attempt_rate, conditional_success, disclosure_rate, failure_rate

__all__ = [
    "COUNTED",
    "Outcome",
    "Rate",
    "attempt_rate",
    "conditional_success",
    "disclosure_rate",
    "failure_rate",
    "outcome_of",
    "outcomes",
    "tally",
]
