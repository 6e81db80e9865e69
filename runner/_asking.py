"""Asking an agent without waiting longer than the episode lives."""

import threading
from collections.abc import Callable, Sequence

from ..agents import Agent, Answer, Message, ToolSpec
from ._stop import Stop

_LOOK_EVERY_S = 0.1


class Asking:
    """Asks one agent, one question after the other, each in a thread that may be left behind.

    A provider may take minutes for an answer. When the episode's time is up or the run is to end, nobody waits:
    the answer counts as late, whatever it is, and the agent is closed when it has come.
    """

    def __init__(self, agent: Agent, stop: Stop) -> None:
        self._agent = agent
        self._stop = stop
        self._late: threading.Thread | None = None
        self.failure = ""
        """What the agent's last failure said."""

    def ask(
        self, history: Sequence[Message], tools: Sequence[ToolSpec], remaining_s: Callable[[], float | None]
    ) -> Answer | None:
        """The answer; None where it would come too late. Raises what the agent raises."""
        found: list[Answer] = []
        failed: list[BaseException] = []

        def work() -> None:
            try:
                found.append(self._agent.act(tuple(history), tools))
            except BaseException as error:  # handed over whole to the caller below
                failed.append(error)

        thread = threading.Thread(target=work, name="offswitch-answer", daemon=True)
        thread.start()
        while thread.is_alive() and not self._is_late(remaining_s()):
            left_s = remaining_s()
            thread.join(_LOOK_EVERY_S if left_s is None else min(_LOOK_EVERY_S, max(0.0, left_s)))
        if failed:
            self.failure = str(failed[0])
            raise failed[0]
        if not found:
            self._late = thread
            return None
        return found[0]

    def _is_late(self, remaining_s: float | None) -> bool:
        return self._stop.asked or (remaining_s is not None and remaining_s <= 0)

    def close(self) -> None:
        """Close the agent, now or when its late answer has come."""
        if self._late is None or not self._late.is_alive():
            self._agent.close()
            return
        late = self._late

        def close_later() -> None:
            late.join()
            self._agent.close()

        threading.Thread(target=close_later, name="offswitch-late", daemon=True).start()

    @property
    def late(self) -> bool:
        """Whether an answer is still under way that nobody waits for."""
        return self._late is not None and self._late.is_alive()
