"""One finding of the doctor."""

from typing import Literal

from ..records import Model

State = Literal["ok", "warn", "fail"]


class Check(Model):
    """One thing that was looked at."""

    name: str
    state: State
    """``warn``: works with a loss that the fact names, or could not be looked at. ``fail``: no episode can run."""
    fact: str
    help: str | None = None
    """The command, or the deed, that helps; None where nothing needs help."""
