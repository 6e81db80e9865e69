"""The one stream to PID 1: requests out, replies in, and requests of the container's programs in passing."""

import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from ._cgroup import copy_descriptor
from ._errors import ContainerGone, SandboxError
from ._keeper import keeper
from ._wire import Demultiplexer, Frame, Frames, Reply, Request, frame, text, u32

RENEW_EVERY_S = 2.0
"""How often PID 1 hears from us, at the least; its lease is a multiple of that."""
SEND_TIMEOUT_S = 15.0
"""How long PID 1 may take nothing of what we send."""
_LAST_WORDS_S = 0.5
_NO_SERVICE = b'{"error":"no such service"}\n'
_SERVICE_FAILED = b'{"error":"the service failed"}\n'


@dataclass(frozen=True)
class RelayedRequest:
    """A line that a program in the container sent to the services outside."""

    pid: int
    """Process id as the container counts."""
    uid: int
    gid: int
    line: bytes


RelayHandler = Callable[[RelayedRequest], bytes]
Tick = Callable[[float], None]
Alarm = Callable[[], SandboxError | None]


class Link:
    """Calls PID 1 over an attached stream.

    One call at a time waits in `call`; whoever waits also serves relayed requests. Between calls the keeper does
    that. The lease is renewed by the keeper whatever a call is busy with. A call may be nested in a tick or in a
    relayed request of another one.
    """

    def __init__(self, connection: socket.socket, name: str) -> None:
        self._attached = connection
        self._said = Demultiplexer()
        self._socket = connection
        self._split: Demultiplexer | Frames = self._said
        self._name = name
        self._socket.setblocking(False)
        self._poll = select.poll()
        self._poll.register(connection, select.POLLIN)
        self._alarms: dict[int, Alarm] = {}
        self._arrived: deque[Frame] = deque()
        self._replies: dict[int, Frame] = {}
        self._next = 1
        self._depth = 0
        self._calling = threading.RLock()
        self._sending = threading.Lock()
        self._unsent = bytearray()
        self._sent_at = time.monotonic()
        self._gone: SandboxError | None = None
        self.on_relay: RelayHandler | None = None
        self.relay_failures: list[Exception] = []
        """What handlers of relayed requests raised; who asked was told only that the service failed."""

    @property
    def stderr(self) -> str:
        """What the launcher said before PID 1 took over."""
        return bytes(self._said.stderr).decode(errors="replace").strip()

    @property
    def lost(self) -> bool:
        """Whether nothing can be said over it any more."""
        return self._gone is not None

    @property
    def connection(self) -> socket.socket:
        """The attached stream itself: PID 1 lives as long as somebody holds it."""
        return self._attached

    def shorten(self, pidfd: int) -> bool:
        """Go on past the engine's processes, over a socket taken out of PID 1; False where we may not take it.

        Before anything else runs in the container. Every message then costs two switches of context, not ten.
        """
        reply = self.call(Request.SHORT_CUT, b"", SEND_TIMEOUT_S)
        if reply.type != Reply.RESULT:
            return False
        try:
            direct = socket.socket(fileno=copy_descriptor(pidfd, int.from_bytes(reply.payload, "little")))
        except OSError:
            return False
        direct.setblocking(False)
        self._poll.unregister(self._attached)
        self._poll.register(direct, select.POLLIN)
        self._socket, self._split = direct, Frames()
        self.call(Request.PING, b"", SEND_TIMEOUT_S)
        return True

    def fileno(self) -> int:
        """The descriptor of the stream; -1 once it is closed."""
        return self._socket.fileno()

    def watch(self, descriptor: int, alarm: Alarm) -> None:
        """Ask ``alarm`` whenever a descriptor becomes readable during a call; an error that it returns is raised.

        One that returns None is not asked again.
        """
        self._alarms[descriptor] = alarm
        self._poll.register(descriptor, select.POLLIN)

    def call(
        self, kind: Request, payload: bytes, timeout_s: float, tick: Tick | None = None, tick_every_s: float = 0.05
    ) -> Frame:
        """Send a request and wait for its reply.

        ``tick`` is called about every ``tick_every_s`` seconds with the seconds waited so far, so that a mechanism
        can act while a command runs. Raises `ContainerGone` where the stream ends or no reply comes in time.
        """
        with self._calling:
            self._enter()
            try:
                return self._answer_to(self._send(kind, payload), kind, timeout_s, tick, tick_every_s)
            finally:
                self._leave()

    def post(self, kind: Request, payload: bytes, timeout_s: float) -> Callable[[], Frame]:
        """Send a request together with the next one, before it; what is returned waits for its reply, once.

        PID 1 takes requests in order. Raises what `call` raises, from what is returned.
        """
        number = self._number()
        with self._sending:
            self._check()
            self._unsent += frame(kind, number, payload)

        def answer() -> Frame:
            with self._calling:
                self._enter()
                try:
                    self._send_all()
                    return self._answer_to(number, kind, timeout_s)
                finally:
                    self._leave()

        return answer

    def idle(self) -> bool:
        """Serve what has arrived; False where a call is under way, which does that itself."""
        if not self._calling.acquire(blocking=False):
            return False
        try:
            self._check()
            self._pump(0.0)
        finally:
            self._calling.release()
        return True

    def renew(self) -> None:
        """Let PID 1 hear from us, where it has not for a while; needs no call to end."""
        if time.monotonic() - self._sent_at < RENEW_EVERY_S or not self._sending.acquire(blocking=False):
            return
        try:
            self._check()
            if not self._unsent:
                self._unsent += frame(Request.RENEW, 0, b"")
                self._flush()
        finally:
            self._sending.release()

    def close(self) -> None:
        """Close the stream: PID 1 takes its end for ours and exits."""
        self._gone = self._gone or ContainerGone("talking to PID 1", self._name, "we closed the stream")
        keeper().remove(self)
        self._close()

    def abandon(self) -> None:
        """In a forked child: leave the stream to the parent."""
        self._gone = ContainerGone("talking to PID 1", self._name, "the container belongs to the parent process")
        self._close()

    def _close(self) -> None:
        self._socket.close()
        self._attached.close()

    def _enter(self) -> None:
        self._depth += 1
        if self._depth == 1:
            keeper().pause(self)

    def _leave(self) -> None:
        self._depth -= 1
        if self._depth == 0:
            keeper().resume(self)

    def _answer_to(
        self, number: int, kind: Request, timeout_s: float, tick: Tick | None = None, every_s: float = 0.0
    ) -> Frame:
        started = time.monotonic()
        while number not in self._replies:
            waited = time.monotonic() - started
            if waited > timeout_s:
                self._lose(f"no answer within {timeout_s:.1f} s", f"asking PID 1 to {kind.name.lower()}")
            if tick is not None:
                tick(waited)
                if number in self._replies:
                    break
            self._pump(min(every_s if tick else RENEW_EVERY_S, timeout_s - waited + 0.001))
        return self._replies.pop(number)

    def _number(self) -> int:
        number = self._next
        self._next += 1
        return number

    def _send(self, kind: Request, payload: bytes) -> int:
        number = self._number()
        with self._sending:
            self._unsent += frame(kind, number, payload)
        self._send_all()
        return number

    def _send_all(self) -> None:
        """Takes in meanwhile what arrives: PID 1 may have to get rid of that before it listens."""
        with self._sending:
            self._flush()
            progress = time.monotonic()
            while self._unsent:
                self._wait_until_writable(SEND_TIMEOUT_S - (time.monotonic() - progress))
                if self._flush():
                    progress = time.monotonic()

    def _wait_until_writable(self, wait_s: float) -> None:
        if wait_s <= 0:
            self._lose(f"it took nothing for {SEND_TIMEOUT_S:.0f} s")
        both = select.poll()
        both.register(self._socket, select.POLLIN | select.POLLOUT)
        for _, events in both.poll(wait_s * 1000):
            if events & ~select.POLLOUT:
                self._receive()

    def _flush(self) -> int:
        self._check()
        sent = 0
        try:
            while self._unsent:
                count = self._socket.send(memoryview(self._unsent)[: 1 << 18].tobytes())
                del self._unsent[:count]
                sent += count
        except BlockingIOError:
            pass
        except OSError as error:
            self._hear_last_words()
            self._lose(str(error))
        self._sent_at = time.monotonic()
        return sent

    def last_words(self) -> str:
        """What a launcher said that has ended; waits a moment for it."""
        self._poll.poll(_LAST_WORDS_S * 1000)
        self._hear_last_words()
        return self.stderr

    def _hear_last_words(self) -> None:
        """Take in what was said before the end: a launcher that could not start says why."""
        with suppress(OSError):
            while data := self._socket.recv(1 << 18):
                self._arrived.extend(self._split.feed(data))

    def _check(self) -> None:
        if self._gone is not None:
            raise self._gone.with_traceback(None)

    def _lose(self, why: str, phase: str = "talking to PID 1") -> NoReturn:
        self._gone = ContainerGone(phase, self._name, f"{why}; {self.stderr}" if self.stderr else why)
        raise self._gone

    def _pump(self, wait_s: float) -> None:
        self.renew()
        if not self._arrived:
            for descriptor, _ in self._poll.poll(max(0.0, wait_s) * 1000):
                if descriptor == self._socket.fileno():
                    self._receive()
                else:
                    self._heed(descriptor)
        while self._arrived:
            self._take(self._arrived.popleft())

    def _heed(self, descriptor: int) -> None:
        self._poll.unregister(descriptor)
        alarm = self._alarms.pop(descriptor, None)
        if alarm is None:  # the stream itself, which another thread has just closed
            self._lose("the stream was closed")
        error = alarm()
        if error is not None:
            self._gone = error
            raise error

    def _receive(self) -> None:
        try:
            data = self._socket.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(str(error))
        if not data:
            self._lose("PID 1 ended")
        self._arrived.extend(self._split.feed(data))

    def _take(self, received: Frame) -> None:
        if received.type == Reply.RELAY:
            self._answer(received)
        else:
            self._replies[received.id] = received

    def _answer(self, received: Frame) -> None:
        pid, uid, gid = (int.from_bytes(received.payload[i : i + 4], "little") for i in (0, 4, 8))
        request = RelayedRequest(pid, uid, gid, received.payload[12:])
        self._send(Request.RELAY_ANSWER, u32(received.id) + text(self._served(request)))

    def _served(self, request: RelayedRequest) -> bytes:
        if self.on_relay is None:
            return _NO_SERVICE
        try:
            return self.on_relay(request)
        except ContainerGone:
            raise
        except Exception as error:
            self.relay_failures.append(error)
            return _SERVICE_FAILED
