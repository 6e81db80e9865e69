"""Ctrl-C once: finish the step, clean up, keep what is done. Twice: stop at once."""

import os
import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

from ._exits import INTERRUPTED

if TYPE_CHECKING:
    from offswitch.runner import Stop

_POLITE = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SHOW_CURSOR = "\x1b[?25h"
_FIRST = "\noffswitch: {name}: finishing the steps in progress and cleaning up; once more stops at once\n"
_SECOND = (
    "\noffswitch: stopped at once; what was recorded stays, and the run can be resumed. "
    "If containers are left: offswitch gc\n"
)


@contextmanager
def interruptible(stop: "Stop") -> Generator[None]:
    """Turns SIGINT, SIGTERM and SIGHUP into a polite request, and the second one into an end."""
    seen: list[int] = []

    def handle(number: int, _: FrameType | None) -> None:
        name = signal.Signals(number).name
        if seen:
            _say((_SHOW_CURSOR if os.isatty(2) else "") + _SECOND)
            os._exit(INTERRUPTED)
        seen.append(number)
        stop.ask(f"interrupted by {name}")
        _say(_FIRST.format(name=name))

    # Under nohup a closed terminal is no request: it was started to outlive it.
    wanted = [number for number in _POLITE if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN]
    before: dict[signal.Signals, Any] = {number: signal.signal(number, handle) for number in wanted}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _say(text: str) -> None:
    """Straight to the descriptor: the interrupted code may be in the middle of printing."""
    try:
        os.write(2, text.encode())
    except OSError:
        return  # the terminal is gone: there is nobody to tell
