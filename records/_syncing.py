"""Puts a file on the disk beside other work: one thread a file, which lives as long as the file is open."""

import os
import threading
from queue import SimpleQueue


class Sync:
    """One request to put everything written so far on the disk."""

    def __init__(self) -> None:
        self._over = threading.Lock()
        self._over.acquire()
        self._error: OSError | None = None

    def run(self, fd: int) -> None:
        """Do it; what goes wrong is kept for `wait`."""
        try:
            os.fdatasync(fd)
        except OSError as error:
            self._error = error
        finally:
            self._over.release()

    def wait(self) -> None:
        """Return when it is on the disk. Raises `OSError` where that is not certain."""
        with self._over:
            if self._error is not None:
                raise self._error


class Syncer:
    """Takes requests for one descriptor, in order. Not safe after a fork."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._asked: SimpleQueue[Sync | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="offswitch-sync", daemon=True)
        self._thread.start()

    def ask(self) -> Sync:
        """Begin to put what is written on the disk."""
        sync = Sync()
        self._asked.put(sync)
        return sync

    def close(self) -> None:
        """Finish what was asked for; the descriptor may be closed afterwards."""
        self._asked.put(None)
        self._thread.join()

    def _serve(self) -> None:
        while (sync := self._asked.get()) is not None:
            sync.run(self._fd)
