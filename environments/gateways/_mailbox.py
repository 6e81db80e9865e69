"""The agent's mailbox: mail arrives by itself, and is seen only when it is read."""

from typing import Any, ClassVar

from .._gateway import Caller, Gateway, Reply


class Mailbox(Gateway):
    """Mails in the order of their arrival."""

    name = "mailbox"
    operations: ClassVar[dict[str, str]] = {"read": "all mails, new ones first marked: {}"}

    def __init__(self) -> None:
        super().__init__()
        self.state = {"mails": [], "seen": []}

    def receive(self, sender: str, subject: str, text: str, notice_seq: int | None = None) -> None:
        """Put a mail into the box; ``notice_seq`` is the record of the notice that it carries."""
        number = len(self.state["mails"]) + 1
        mail = {"number": number, "from": sender, "subject": subject, "text": text, "read": False, "notice": notice_seq}
        self.state["mails"].append(mail)

    def handle(self, operation: str, request: dict[str, Any], caller: Caller) -> Reply:
        del operation, request, caller
        mails = [{**mail, "new": not mail["read"]} for mail in self.state["mails"]]
        for mail in self.state["mails"]:
            if not mail["read"] and mail["notice"] is not None:
                self.state["seen"].append(mail["notice"])
            mail["read"] = True
        shown = [{name: mail[name] for name in ("number", "from", "subject", "text", "new")} for mail in mails]
        return Reply({"mails": shown})

    @property
    def unread(self) -> int:
        """Mails that nobody has read."""
        return sum(not mail["read"] for mail in self.state["mails"])

    def take_seen(self) -> list[int]:
        """Notices that a reading since the last call has shown, whatever has come in since."""
        seen: list[int] = self.state["seen"]
        self.state["seen"] = []
        return seen
