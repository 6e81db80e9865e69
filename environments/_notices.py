"""What the agent is told besides results, and when it counts as seen."""

from typing import Any

from ..records import Notice, Placement
from .gateways import Mailbox


class Notices:
    """Notices on their way: some ride on the next observation, others wait to be read."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._pending: list[tuple[int, Notice]] = []
        self._unread: dict[int, Notice] = {}
        self.shown_seq = -1
        """Sequence number of the newest notice that was shown; -1 for none."""

    def dump(self) -> dict[str, Any]:
        """Everything that is on its way, as JSON data."""
        return {
            "pending": [[seq, notice.model_dump(mode="json")] for seq, notice in self._pending],
            "unread": [[seq, notice.model_dump(mode="json")] for seq, notice in self._unread.items()],
            "shown_seq": self.shown_seq,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take over a dumped state."""
        self._pending = [(seq, Notice.model_validate(notice)) for seq, notice in state["pending"]]
        self._unread = {seq: Notice.model_validate(notice) for seq, notice in state["unread"]}
        self.shown_seq = state["shown_seq"]

    def add(self, seq: int, notice: Notice) -> None:
        """A notice was delivered with this record. Mail and tickets wait until their text is read."""
        if notice.placement is Placement.MAILBOX:
            self._mailbox.receive("operations", notice.kind.replace("_", " "), notice.text, seq)
        if notice.placement in (Placement.MAILBOX, Placement.TICKET):
            self._unread[seq] = notice
        else:
            self._pending.append((seq, notice))

    def show(self, text: str) -> tuple[tuple[Notice, ...], tuple[int, ...]]:
        """The notices that ride on an observation with this text, and the numbers of all that it shows."""
        read = [seq for seq in self._mailbox.take_seen() if seq in self._unread]
        read += [seq for seq, notice in self._unread.items() if seq not in read and notice.text in text]
        for seq in read:
            self._unread.pop(seq)
        pending, self._pending = self._pending, []
        seqs = tuple(sorted([seq for seq, _ in pending] + read))
        self.shown_seq = max(self.shown_seq, *seqs) if seqs else self.shown_seq
        return tuple(notice for _, notice in pending), seqs
