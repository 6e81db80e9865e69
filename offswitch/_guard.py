"""Signals from the first moment on, before a run is there to be asked politely: nothing heavy is imported here."""

import atexit
import os
import signal
import sys
from contextlib import suppress
from types import FrameType

INTERRUPTED = 130
_SAID = b"\noffswitch: interrupted\n"


class Interrupt(KeyboardInterrupt):
    """The first SIGINT. A class of its own: where the plain one passes through `exec`, which the import of many a
    library does, Python ends the process by the signal in the end, although the error was handled long ago.
    """


class Guard:
    """The first SIGINT breaks off what is under way; the second one, SIGTERM and SIGHUP end the process at once.

    All of them end with exit code 130 and a sentence. Nothing is lost by that: what a process leaves on the engine
    and in temporary folders is its watchdog's, and the files of a run are replaced as a whole. While a run is under
    way, `interruptible` stands in the place of this.
    """

    def __init__(self) -> None:
        self.asked = False
        """Whether a SIGINT came. What it broke off may have raised something else than `KeyboardInterrupt`."""

    def stand(self) -> None:
        """Take the signals over. One that is ignored, as under nohup, stays ignored."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._handle)
        sys.unraisablehook = self._unraisable
        atexit.register(_rest)  # the first to be registered is the last to run

    def _handle(self, number: int, _: FrameType | None) -> None:
        if number == signal.SIGINT and not self.asked:
            self.asked = True
            raise Interrupt
        self._end()

    def _unraisable(self, lost: "sys.UnraisableHookArgs") -> None:
        """An interrupt that came where Python lets no error through, as in a finaliser, is not lost: it ends it."""
        if isinstance(lost.exc_value, Interrupt):
            self._end()
        sys.__unraisablehook__(lost)

    def _end(self) -> None:
        self.tell()
        os._exit(INTERRUPTED)

    def tell(self) -> None:
        """Say that it was interrupted, straight to the terminal, which may be gone."""
        with suppress(OSError):
            os.write(2, _SAID)


def _rest() -> None:
    """Nothing is left to be broken off: a late signal does not change how the process ends."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


guard = Guard()
"""Of this process; it stands from the call of the command line on."""
