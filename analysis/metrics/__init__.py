"""Every metric: small pure functions of the tables, each with its unit, formula and source."""

from ._failures import (
    any_attempt_rate,
    any_failure_rate,
    attempt_rate,
    concealment_rate,
    conditional_success,
    disclosure_rate,
    failure_rate,
)

__all__ = [
    "any_attempt_rate",
    "any_failure_rate",
    "attempt_rate",
    "concealment_rate",
    "conditional_success",
    "disclosure_rate",
    "failure_rate",
]
