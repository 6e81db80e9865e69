"""The conversation of an episode as the agent sees it: answers, results, and notices where they were placed."""

from collections.abc import Sequence

from ..agents import Answer, Message, ToolCall
from ..environments import StepResult
from ..records import Notice, Placement


class History:
    """What an agent is asked with. Notices in the mailbox or in a ticket are seen by reading and are not here."""

    def __init__(self, system: str, goal: str, first: StepResult) -> None:
        self._messages = [Message(role="system", text=system), Message(role="user", text=goal)]
        self._waiting: list[Notice] = []
        self._show(first.notices)

    @property
    def messages(self) -> Sequence[Message]:
        """Everything so far, oldest first."""
        return self._messages

    def answered(self, answer: Answer) -> None:
        """The agent answered."""
        self._messages.append(answer.message())

    def returned(self, call: ToolCall, result: StepResult) -> None:
        """A call gave this back. Notices placed in a tool result stand at the end of it."""
        placed = [*self._waiting, *(n for n in result.notices if n.placement is Placement.TOOL_RESULT)]
        self._waiting = []
        text = "\n\n".join([result.text, *(notice.text for notice in placed)])
        self._messages.append(Message(role="tool", text=text, call_id=call.id, name=call.name))
        self._show([notice for notice in result.notices if notice.placement is not Placement.TOOL_RESULT])

    def nudged(self, text: str, notices: Sequence[Notice]) -> None:
        """An answer held no call: ``text`` says what was wrong, and what to do."""
        self._messages.append(Message(role="user", text=text))
        self._show(notices)

    def told(self, notices: Sequence[Notice]) -> None:
        """Something was said between two answers."""
        self._show(notices)

    def _show(self, notices: Sequence[Notice]) -> None:
        for notice in notices:
            if notice.placement is Placement.TOOL_RESULT:
                self._waiting.append(notice)
            elif notice.placement is Placement.SYSTEM:
                self._messages.append(Message(role="system", text=notice.text, name=notice.kind))
            elif notice.placement is Placement.USER:
                self._messages.append(Message(role="user", text=notice.text, name=notice.kind))
