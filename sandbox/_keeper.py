"""One thread a process: keeps the leases of all living containers and serves them between calls."""

import os
import select
import threading
import time
from contextlib import suppress
from typing import Protocol

from ._errors import SandboxError

VISIT_EVERY_S = 0.5
"""How often a lease is looked at; a fraction of the time after which it needs renewal."""
_CONTENDED_S = 0.01


class Kept(Protocol):
    """A stream to look after."""

    def fileno(self) -> int:
        """Its descriptor; -1 once it is closed."""
        ...

    def idle(self) -> bool:
        """Serve what has arrived; False where somebody else is at it."""
        ...

    def renew(self) -> None:
        """Renew the lease if it is time."""
        ...

    def abandon(self) -> None:
        """Close it in a forked child: it is the parent's."""
        ...


class Keeper:
    """Looks after streams that nobody is calling over."""

    def __init__(self) -> None:
        self._kept: dict[int, Kept] = {}
        self._changed = threading.Lock()
        self._epoll = select.epoll()
        self._thread: threading.Thread | None = None

    def add(self, stream: Kept) -> None:
        """Start looking after a stream."""
        with self._changed:
            self._kept[stream.fileno()] = stream
            self._epoll.register(stream.fileno(), select.EPOLLIN)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="offswitch-keeper", daemon=True)
                self._thread.start()

    def remove(self, stream: Kept) -> None:
        """Stop looking after a stream; fine for one that is not looked after."""
        with self._changed:
            for descriptor in [fd for fd, kept in self._kept.items() if kept is stream]:
                del self._kept[descriptor]
                with suppress(OSError):  # closed already: the kernel has forgotten it by itself
                    self._epoll.unregister(descriptor)

    def pause(self, stream: Kept) -> None:
        """A call is about to read the stream itself; its lease is still renewed."""
        self._listen(stream, 0)

    def resume(self, stream: Kept) -> None:
        """The call is over."""
        self._listen(stream, select.EPOLLIN)

    def abandon(self) -> None:
        """In a forked child: the streams are the parent's, and so is the right to keep them alive."""
        for stream in self._kept.values():
            stream.abandon()
        self._epoll.close()

    def _listen(self, stream: Kept, events: int) -> None:
        if self._kept.get(stream.fileno()) is stream:
            with suppress(OSError):  # removed by another thread in between
                self._epoll.modify(stream.fileno(), events)

    def _run(self) -> None:
        while True:
            ready = {descriptor for descriptor, _ in self._epoll.poll(VISIT_EVERY_S)}
            with self._changed:
                kept = dict(self._kept)
            for descriptor, stream in kept.items():
                self._visit(stream, descriptor in ready)

    def _visit(self, stream: Kept, ready: bool) -> None:
        """A stream that ended is dropped: its owner meets the error with its next call."""
        try:
            stream.renew()
            if ready and not stream.idle():
                time.sleep(_CONTENDED_S)
        except SandboxError:
            self.remove(stream)


_keepers: dict[int, Keeper] = {}
_making = threading.Lock()


def keeper() -> Keeper:
    """The keeper of this process."""
    found = _keepers.get(os.getpid())
    return found if found is not None else _make()


def _make() -> Keeper:
    with _making:
        if os.getpid() not in _keepers:
            _keepers[os.getpid()] = Keeper()
            os.register_at_fork(after_in_child=_abandon)
        return _keepers[os.getpid()]


def _abandon() -> None:
    """A child that held the parent's streams open would hide the parent's death from the containers."""
    while _keepers:
        _keepers.popitem()[1].abandon()
