"""Asking a run to end: once politely, from a signal, another thread or an error."""

import threading


class Stop:
    """Set once. Whoever works looks at it between two steps, finishes the step in progress and cleans up."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self.reason = ""
        """Why, in words for the record; the first reason stays."""

    @property
    def asked(self) -> bool:
        """Whether it is time to end."""
        return self._asked.is_set()

    def ask(self, reason: str) -> None:
        """End as soon as the steps in progress are done; safe to call in a signal handler."""
        self.reason = self.reason or reason
        self._asked.set()
