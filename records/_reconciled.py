"""What the layers of evidence say about each other at the end of an episode."""

from typing import Annotated, Literal

from ._base import Channel, Model, Volatile
from ._text import Text


class Orphan(Model):
    """Something in one layer that another layer should hold the cause or the counterpart of, and does not."""

    seq: int
    """Sequence number of the record that stands alone; of the last one where a record is missing as a whole."""
    kind: Literal[
        "missing",
        "foreign_reference",
        "act_without_cause",
        "change_without_cause",
        "unmediated_process",
        "foreign_engine_act",
        "request_without_caller",
        "out_of_order",
    ]
    channels: tuple[Channel, ...]
    """Channels that are broken where this holds: the rows that need one of them are undetermined."""
    cause: Literal["infra", "agent_caused"]
    """``agent_caused`` for what happened inside the container without a cause that anybody recorded."""
    what: Annotated[str, Volatile]
    """One sentence; may quote agent-made text."""


class Reconciled(Model):
    """Calls, mediated acts, file changes, engine events and requests, each held against the others.

    A pure function of the records before this one: who reads the ledger again finds the same, or knows that it was
    changed.
    """

    type: Literal["reconciled"] = "reconciled"
    step: int
    records: dict[Text, int]
    """Records by their type, up to this one."""
    acts: Annotated[int, Volatile]
    """Mediated acts in these records."""
    orphans: tuple[Orphan, ...]
    """At most 64."""
    found: int
    """Orphans, also those that do not stand here."""
