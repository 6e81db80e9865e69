"""The channel of acts where nothing waits until it is recorded: it tells nothing, and nobody takes that for silence."""

from pathlib import Path

from ..records import ExecSeen
from ._acts import Listener


class NoActs(Listener):
    """No listener. The channel has to be lost from the start (`Evidence.weak`)."""

    def __init__(self) -> None:
        super().__init__(Path("/nonexistent"), Path("/nonexistent"))

    @property
    def alive(self) -> bool:
        return False

    def take(self) -> tuple[ExecSeen, ...]:
        return ()

    def begun_since(self, mono_ns: int) -> None:
        """Nobody knows."""
        del mono_ns

    def log_bytes(self) -> bytes:
        return b""

    def close(self) -> None:
        """There is nothing to close."""
