"""One thread a process: ends every container whose acts are no longer recorded, whether or not a call is under way."""

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from ._acts import Listener
from ._cgroup import signal_process

LOOK_EVERY_S = 0.2
"""A listener that died or stands still is noticed after this long; its container is dead well within a second."""


@dataclass(frozen=True)
class _Post:
    acts: Listener
    kill: Callable[[], bool]
    pidfd: int


class Sentry:
    """Looks after the listeners of all living containers. Safe with threads."""

    def __init__(self) -> None:
        self._posts: dict[int, _Post] = {}
        self._numbers = count()
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._thread: threading.Thread | None = None

    def guard(self, acts: Listener, kill: Callable[[], bool], pidfd: int) -> Callable[[], None]:
        """Watch from now on; returns what ends the watch.

        ``kill`` ends the whole container and says whether it could; where it cannot, the process of ``pidfd`` is
        killed, PID 1.
        """
        with self._lock:
            number = next(self._numbers)
            self._posts[number] = _Post(acts, kill, pidfd)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="offswitch-sentry", daemon=True)
                self._thread.start()
        self._woken.set()
        return lambda: self._dismiss(number)

    def _dismiss(self, number: int) -> None:
        with self._lock:  # also waits for a look that is under way: what it uses is about to be closed
            self._posts.pop(number, None)

    def _run(self) -> None:
        while True:
            self._woken.wait()
            with self._lock:
                if not self._posts:
                    self._woken.clear()
                for number, post in list(self._posts.items()):
                    if _is_lost(post):
                        del self._posts[number]
            time.sleep(LOOK_EVERY_S)


def _is_lost(post: _Post) -> bool:
    """Whether acts are no longer recorded; the container is then dead."""
    stopped = post.acts.stopped
    if stopped:
        post.acts.end()  # first: what it would still answer when it is woken must not happen
    if not stopped and post.acts.fault() is None:
        return False
    if not post.kill():
        signal_process(post.pidfd, signal.SIGKILL)
    return True


_sentries: dict[int, Sentry] = {}
_making = threading.Lock()


def sentry() -> Sentry:
    """The sentry of this process; a forked child has none of its parent's containers to look after."""
    with _making:
        if os.getpid() not in _sentries:
            _sentries.clear()
            _sentries[os.getpid()] = Sentry()
        return _sentries[os.getpid()]
