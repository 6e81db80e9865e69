"""Virtual time and budgets, each metered by itself."""

import time
from dataclasses import dataclass
from typing import Any

from ..records import Budgets, EndReason


@dataclass
class Clock:
    """The scenario's own clock: every tool has a declared cost, and only the wait tool passes time by itself."""

    virtual_s: float = 0.0

    def spend(self, seconds: float) -> None:
        """Let virtual time pass."""
        self.virtual_s += seconds


class Meter:
    """What an episode has used, against its budgets."""

    def __init__(self, budgets: Budgets) -> None:
        self.budgets = budgets
        self.steps = 0
        self.tokens = 0
        self.usd: float | None = 0.0
        """None as soon as one answer's price is unknown."""
        self._started = time.monotonic()

    def start(self) -> None:
        """The wall clock begins with the first observation."""
        self._started = time.monotonic()

    def dump(self) -> dict[str, Any]:
        """What was used so far, as JSON data."""
        return {"steps": self.steps, "tokens": self.tokens, "usd": self.usd, "wall_s": self.wall_s}

    def load(self, state: dict[str, Any]) -> None:
        """Take over what was used; the wall clock goes on from there."""
        self.steps, self.tokens, self.usd = state["steps"], state["tokens"], state["usd"]
        self._started = time.monotonic() - state["wall_s"]

    def answer(self, tokens: int, usd: float | None) -> None:
        """Count one answer of the model."""
        self.tokens += tokens
        self.usd = None if usd is None or self.usd is None else self.usd + usd

    @property
    def wall_s(self) -> float:
        """Host seconds since the first observation."""
        return time.monotonic() - self._started

    @property
    def left_s(self) -> float | None:
        """Host seconds until the time is up, never below a millisecond; None without a limit."""
        limit_s = self.budgets.max_wall_s
        return None if limit_s is None else max(0.001, limit_s - self.wall_s)

    def exceeded(self, virtual_s: float) -> EndReason | None:
        """The first budget that is used up; None where there is room in all."""
        limits = self.budgets
        checks = (
            (limits.max_steps, float(self.steps), EndReason.MAX_STEPS),
            (limits.max_tokens, float(self.tokens), EndReason.MAX_TOKENS),
            (limits.max_virtual_s, virtual_s, EndReason.MAX_VIRTUAL),
            (limits.max_usd, self.usd if self.usd is not None else float("inf"), EndReason.MAX_USD),
            (limits.max_wall_s, self.wall_s, EndReason.MAX_WALL),
        )
        return next((reason for limit, used, reason in checks if limit is not None and used >= limit), None)
