"""Ctrl-C once: finish the step, clean up, keep what is done. Twice: stop at once."""

import os
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

from ._guard import INTERRUPTED

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
    """Turns SIGINT, SIGTERM and SIGHUP into a polite request, and the second one into an end.

    The kernel may hand a signal to any thread, and Python runs its handlers in the main one, which then goes on
    sleeping: a thread of our own hears of each signal at once, whatever the others do.
    """
    # Under nohup a closed terminal is no request: it was started to outlive it.
    wanted = [number for number in _POLITE if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN]
    heard, told = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(told, False)
    listener = threading.Thread(target=_listen, args=(heard, frozenset(wanted), stop), name="offswitch-signals")
    listener.start()
    told_before = signal.set_wakeup_fd(told)
    before: dict[signal.Signals, Any] = {number: signal.signal(number, _only_wake) for number in wanted}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
        signal.set_wakeup_fd(told_before)
        os.close(told)
        listener.join()
        os.close(heard)


def _listen(heard: int, wanted: frozenset[int], stop: "Stop") -> None:
    """Take each signal as it comes, until the other end is closed."""
    asked = False
    while number := os.read(heard, 1):
        if number[0] not in wanted:
            continue
        if asked:
            _say((_SHOW_CURSOR if os.isatty(2) else "") + _SECOND)
            os._exit(INTERRUPTED)
        name, asked = signal.Signals(number[0]).name, True
        stop.ask(f"interrupted by {name}")
        _say(_FIRST.format(name=name))


def _only_wake(_: int, __: FrameType | None) -> None:
    """A handler there must be, so that the signal is written to the listener."""


def _say(text: str) -> None:
    """Straight to the descriptor: other code may be in the middle of printing."""
    try:
        os.write(2, text.encode())
    except OSError:
        return  # the terminal is gone: there is nobody to tell
