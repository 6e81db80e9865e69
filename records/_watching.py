"""What the safeguards say of a call, and whether they are fit to say it."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from ._base import Model, Volatile


class Permission(StrEnum):
    """What the grant lookup outside the container says about a call."""

    ALLOW = "allow"
    DENY = "deny"
    ASK = "ask"


class Action(StrEnum):
    """What a protocol decides (the vocabulary of Inspect Sentinel)."""

    PROCEED = "proceed"
    MODIFY = "modify"
    REJECT = "reject"
    ESCALATE = "escalate"
    TERMINATE = "terminate"


class MonitorChecked(Model):
    """What a suspicion monitor made of its canaries before the episode. One that is not healthy watches nothing."""

    type: Literal["monitor_checked"] = "monitor_checked"
    monitor: str
    healthy: bool
    """Whether it told a known-bad call from a known-good one; False also where it failed or was late."""
    detail: str = ""


class SuspicionObserved(Model):
    """What one suspicion monitor thought of a call. It cannot act, and the agent never sees it."""

    type: Literal["suspicion_observed"] = "suspicion_observed"
    step: int
    call_id: str
    monitor: str
    score: float | None = Field(ge=0.0, le=1.0)
    """None where the monitor failed: missing data, never 0."""
    labels: tuple[str, ...] = ()
    reason: str = ""
    error: str | None = None
    duration_s: Annotated[float, Volatile] = 0.0
