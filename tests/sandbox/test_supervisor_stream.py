"""PID 1 spoken to by hand: whatever the stream brings or fails to bring, it answers, waits or ends, and never hangs."""

import os
import socket
import struct
import time
from collections.abc import Generator
from dataclasses import dataclass, field

import pytest

from offswitch.sandbox import SEALED, Listener
from offswitch.sandbox._cgroup import pid_descriptor, wait_process
from offswitch.sandbox._making import make, remove
from offswitch.sandbox._warden import warden
from offswitch.sandbox._wire import Demultiplexer, Frame, Reply, Request, frame, text, texts, u32, u64

from .yard import Yard

pytestmark = pytest.mark.docker


@dataclass
class Raw:
    """A started container with its stream and nothing between."""

    stream: socket.socket
    pidfd: int
    pid: int
    _split: Demultiplexer = field(default_factory=Demultiplexer)
    _frames: list[Frame] = field(default_factory=list[Frame])

    def send(self, kind: int, payload: bytes, number: int = 1) -> None:
        self.stream.sendall(struct.pack("<IBI", 5 + len(payload), kind, number) + payload)

    def receive(self, within_s: float = 5.0) -> Frame:
        """The next frame; a `TimeoutError` where none comes, a `ConnectionError` where none can."""
        self.stream.settimeout(within_s)
        while not self._frames:
            data = self.stream.recv(1 << 16)
            if not data:
                raise ConnectionError("PID 1 ended")
            self._frames += self._split.feed(data)
        return self._frames.pop(0)

    def hello(self, lease_ms: int = 30_000) -> Frame:
        head = u32(1000, 1000) + u64(0) + u32(lease_ms) + text("/home/agent")
        self.send(Request.HELLO, head + texts(["PATH=/usr/bin:/bin"]) + texts([]))
        return self.receive()

    def run(self, *argv: str, number: int = 2) -> None:
        self.send(Request.RUN, u32(1, 10_000, 1 << 16) + text("/") + texts(list(argv)), number)

    def ended(self, within_s: float) -> bool:
        return wait_process(self.pidfd, within_s)


@pytest.fixture
def raw(yard: Yard) -> Generator[Raw]:
    spec = yard.spec(SEALED)
    guardian = warden(yard.engine)
    identity, stream = make(yard.engine, spec, guardian)
    listener = Listener(spec.supervisor, yard.folder / "acts")
    try:
        yard.engine.api.start(identity)
        pid = yard.engine.api.inspect_container(identity)["State"]["Pid"]
        pidfd = pid_descriptor(pid)
        listener.attach(pid)
        with stream:
            yield Raw(stream, pidfd, pid)
        os.close(pidfd)
    finally:
        listener.close()
        remove(yard.engine, spec.name, identity, guardian)


def test_before_the_greeting_it_does_nothing(raw: Raw) -> None:
    raw.run("/bin/true")
    answer = raw.receive()
    assert (answer.type, answer.id) == (Reply.ERROR, 2)
    assert raw.hello().type == Reply.READY
    raw.run("/bin/true")
    assert raw.receive().type == Reply.RESULT


def test_the_end_of_the_stream_is_its_end(raw: Raw) -> None:
    raw.hello()
    raw.run("/bin/sleep", "1000")
    started = time.monotonic()
    raw.stream.shutdown(socket.SHUT_RDWR)
    raw.stream.close()
    assert raw.ended(2)
    assert time.monotonic() - started < 2


def test_the_end_of_the_stream_before_the_greeting_is_its_end_too(raw: Raw) -> None:
    raw.stream.shutdown(socket.SHUT_RDWR)
    raw.stream.close()
    assert raw.ended(2)


def test_a_frame_that_arrives_byte_by_byte_is_one_frame(raw: Raw) -> None:
    raw.hello()
    whole = frame(Request.PING, 7, b"") + frame(Request.RUN, 8, u32(1, 1000, 100) + text("/") + texts(["/bin/true"]))
    for at in range(len(whole)):
        raw.stream.sendall(whole[at : at + 1])
    assert [raw.receive().type for _ in range(2)] == [Reply.PONG, Reply.RESULT]


def test_many_frames_in_one_piece_are_many_frames(raw: Raw) -> None:
    raw.hello()
    raw.stream.sendall(b"".join(frame(Request.PING, number, b"") for number in range(5000)))
    assert [raw.receive().id for _ in range(5000)] == list(range(5000))


def test_a_payload_that_makes_no_sense_is_an_error_and_not_its_end(raw: Raw) -> None:
    raw.hello()
    for kind in (Request.RUN, Request.SHELL, Request.READ, Request.WRITE, Request.INSTALL):
        for payload in (b"", b"\xff" * 7, b"\xff" * 4096, u32(1, 1, 1) + u32(1 << 31)):
            raw.send(kind, payload)
            assert raw.receive().type == Reply.ERROR, (kind, payload)
    raw.send(Request.PING, b"")
    assert raw.receive().type == Reply.PONG


def test_an_unknown_request_is_an_error(raw: Raw) -> None:
    raw.hello()
    raw.send(77, b"")
    assert raw.receive().type == Reply.ERROR


def test_a_frame_longer_than_any_ends_it_at_once(raw: Raw) -> None:
    raw.hello()
    raw.stream.sendall(struct.pack("<IBI", 0xFFFFFFFF, Request.PING, 1))
    assert raw.ended(2)


def test_silence_beyond_the_lease_is_its_end(raw: Raw) -> None:
    raw.hello(lease_ms=1200)
    assert not raw.ended(0.6)
    raw.send(Request.RENEW, b"")
    assert not raw.ended(0.9), "it was renewed"
    assert raw.ended(2.5)


def test_a_harness_that_stops_in_the_middle_of_a_frame_does_not_outlive_its_lease(raw: Raw) -> None:
    raw.hello(lease_ms=800)
    raw.stream.sendall(struct.pack("<IBI", 1000, Request.RUN, 1) + b"half")
    assert raw.ended(3)


def test_answers_that_nobody_takes_do_not_keep_it_alive_beyond_its_lease(raw: Raw) -> None:
    raw.hello(lease_ms=1500)
    for number in range(40):
        raw.run("/usr/bin/head", "-c", "60000", "/dev/zero", number=number)
    assert raw.ended(5)


def test_it_serves_on_while_its_answers_queue(raw: Raw) -> None:
    raw.hello()
    for number in range(100):
        raw.run("/usr/bin/head", "-c", "60000", "/dev/zero", number=number)
    time.sleep(0.5)
    assert {raw.receive(20).id for _ in range(100)} == set(range(100))


def test_zombies_are_buried(raw: Raw) -> None:
    raw.hello()
    raw.run("/bin/bash", "-c", "for i in $(seq 100); do (setsid /bin/true &) ; done; sleep 0.3")
    assert raw.receive(20).type == Reply.RESULT
    raw.run("/bin/bash", "-c", "sleep 0.3; echo zombies: $(grep -l 'State:.*Z' /proc/[0-9]*/status | wc -l)")
    assert b"zombies: 0\n" in raw.receive(20).payload
