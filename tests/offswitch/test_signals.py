"""Signals ask politely first, and what was there before is put back."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from offswitch._signals import interruptible
from offswitch.runner import Stop


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_is_a_request_with_its_name(number: signal.Signals, capfd: pytest.CaptureFixture[str]) -> None:
    before, stop = signal.getsignal(number), Stop()
    with interruptible(stop):
        os.kill(os.getpid(), number)
    assert stop.asked
    assert stop.reason == f"interrupted by {number.name}"
    assert "once more stops at once" in capfd.readouterr().err
    assert signal.getsignal(number) == before


def test_a_run_under_nohup_outlives_its_terminal() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        stop = Stop()
        with interruptible(stop):
            os.kill(os.getpid(), signal.SIGHUP)
        assert not stop.asked
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_signal_that_another_thread_took_is_heard_while_the_main_one_sleeps() -> None:
    stop, over = Stop(), threading.Event()
    heard: list[bool] = []

    def take() -> None:
        time.sleep(0.2)  # by then the main thread sleeps
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        deadline = time.monotonic() + 5
        while not stop.asked and time.monotonic() < deadline:
            time.sleep(0.01)
        heard.append(stop.asked)
        over.set()

    with interruptible(stop):
        threading.Thread(target=take).start()
        assert over.wait(20)
    assert heard == [True]


SWALLOWED = """
import os, signal
from offswitch._guard import guard
class Finalised:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        [None for _ in range(1000)]
guard.stand()
Finalised()
print("went on")
"""


def test_an_interrupt_where_python_lets_no_error_through_ends_the_process_all_the_same() -> None:
    told = subprocess.run([sys.executable, "-c", SWALLOWED], capture_output=True, text=True, check=False, timeout=60)
    assert (told.returncode, told.stdout, told.stderr) == (130, "", "\noffswitch: interrupted\n")
