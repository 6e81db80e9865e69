"""The harness's end of the stream: whatever the other end does or leaves undone, a call returns or says why not."""

import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

import offswitch.sandbox._link as link_module
from offswitch.sandbox import ContainerGone, EvidenceLost
from offswitch.sandbox._keeper import Keeper
from offswitch.sandbox._link import Link
from offswitch.sandbox._wire import Demultiplexer, Reader, Reply, Request, frame, text, texts, u32, u64


def wrapped(data: bytes, stream: int = 1) -> bytes:
    """Bytes as the engine passes them on."""
    return struct.pack(">BxxxI", stream, len(data)) + data


@dataclass
class Peer:
    """The other end: it says what it is told to."""

    socket: socket.socket

    def reply(self, number: int, payload: bytes = b"", kind: int = Reply.RESULT) -> None:
        self.socket.sendall(wrapped(struct.pack("<IBI", 5 + len(payload), kind, number) + payload))

    def request(self) -> tuple[int, int, bytes]:
        """The next request but renewals: type, number, payload."""
        while True:
            size, kind, number = struct.unpack("<IBI", self._exactly(9))
            payload = self._exactly(size - 5)
            if kind != Request.RENEW:
                return kind, number, payload

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            block = self.socket.recv(size - len(data))
            assert block
            data += block
        return data


@pytest.fixture
def pair() -> Generator[tuple[Link, Peer]]:
    ours, theirs = socket.socketpair()
    link = Link(ours, "container")
    with theirs:
        yield link, Peer(theirs)
        link.close()


def served(peer: Peer, *actions: Callable[[], object]) -> threading.Thread:
    """Do something at the other end meanwhile."""
    thread = threading.Thread(target=lambda: [action() for action in actions])
    thread.start()
    return thread


def test_a_call_returns_the_reply_with_its_number(pair: tuple[Link, Peer]) -> None:
    link, peer = pair
    thread = served(peer, lambda: peer.reply(99, b"of another"), lambda: peer.reply(1, b"mine"))
    assert link.call(Request.PING, b"", 5).payload == b"mine"
    thread.join()


def test_what_is_posted_goes_out_before_the_next_request_and_is_answered_when_asked(pair: tuple[Link, Peer]) -> None:
    link, peer = pair
    posted = link.post(Request.INSTALL, b"first", 5)
    asked: list[tuple[int, int, bytes]] = []

    def serve() -> None:
        asked.extend((peer.request(), peer.request()))
        for _, number, payload in asked:
            peer.reply(number, payload)

    thread = served(peer, serve)
    assert link.call(Request.PING, b"second", 5).payload == b"second"
    assert posted().payload == b"first"
    thread.join()
    assert [payload for _, _, payload in asked] == [b"first", b"second"]


def test_what_is_posted_goes_out_by_itself_where_nothing_follows(pair: tuple[Link, Peer]) -> None:
    link, peer = pair
    posted = link.post(Request.INSTALL, b"alone", 5)
    thread = served(peer, lambda: peer.reply(peer.request()[1], b"done"))
    assert posted().payload == b"done"
    thread.join()


def test_what_is_posted_fails_in_time_where_nobody_answers(pair: tuple[Link, Peer]) -> None:
    link, _ = pair
    posted = link.post(Request.INSTALL, b"", 0.2)
    with pytest.raises(ContainerGone, match=r"no answer within 0\.2 s"):
        posted()
    with pytest.raises(ContainerGone):
        link.post(Request.INSTALL, b"", 5)


def test_a_reply_that_does_not_come_is_an_error_in_time(pair: tuple[Link, Peer]) -> None:
    link, _ = pair
    started = time.monotonic()
    with pytest.raises(ContainerGone, match=r"no answer within 0\.2 s"):
        link.call(Request.PING, b"", 0.2)
    assert time.monotonic() - started < 2
    with pytest.raises(ContainerGone):
        link.call(Request.PING, b"", 5)


def test_the_end_of_the_stream_is_an_error_that_quotes_the_launcher(pair: tuple[Link, Peer]) -> None:
    link, peer = pair
    peer.socket.sendall(wrapped(b"agentd: seccomp: no\n", stream=2))
    peer.socket.close()
    with pytest.raises(ContainerGone, match="agentd: seccomp: no"):
        link.call(Request.PING, b"", 5)


def test_somebody_who_takes_nothing_does_not_block_the_harness_for_ever(
    pair: tuple[Link, Peer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "SEND_TIMEOUT_S", 0.3)
    with pytest.raises(ContainerGone, match="took nothing"):
        pair[0].call(Request.WRITE, bytes(8 << 20), 60)


def test_what_arrives_while_we_send_is_taken_in(pair: tuple[Link, Peer]) -> None:
    """Each side has more to say than the stream holds, and only listens when it has said it."""
    link, peer = pair
    link.on_relay = lambda _: b"answer\n"
    answered: list[int] = []

    def speak_first() -> None:
        for number in range(20):
            peer.reply(number, u32(1, 2, 3) + b"x" * 200_000, kind=Reply.RELAY)
        kind, number, payload = peer.request()
        assert (kind, len(payload)) == (Request.WRITE, 4 << 20)
        while len(answered) < 20:
            kind, _, payload = peer.request()
            assert kind == Request.RELAY_ANSWER
            answered.append(int.from_bytes(payload[:4], "little"))
        peer.reply(number, b"done")

    thread = served(peer, speak_first)
    assert link.call(Request.WRITE, bytes(4 << 20), 20).payload == b"done"
    thread.join()
    assert answered == list(range(20))


def test_an_alarm_ends_a_call_with_its_error_and_every_call_after(pair: tuple[Link, Peer]) -> None:
    link, _ = pair
    reading, writing = os.pipe()
    link.watch(reading, lambda: EvidenceLost("recording", "x", "it ended"))
    thread = served(pair[1], lambda: os.write(writing, b"!"))
    for _ in range(2):
        with pytest.raises(EvidenceLost):
            link.call(Request.PING, b"", 5)
    thread.join()
    os.close(reading)
    os.close(writing)


def test_a_false_alarm_ends_nothing(pair: tuple[Link, Peer]) -> None:
    link, peer = pair
    reading, writing = os.pipe()
    asked: list[None] = []
    link.watch(reading, lambda: asked.append(None))
    os.write(writing, b"!")
    thread = served(peer, lambda: time.sleep(0.1), lambda: peer.reply(1))
    assert link.call(Request.PING, b"", 5).type == Reply.RESULT
    assert len(asked) == 1
    thread.join()
    os.close(reading)
    os.close(writing)


def test_the_lease_is_renewed_while_nobody_calls(pair: tuple[Link, Peer], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "RENEW_EVERY_S", 0.0)
    link, peer = pair
    keeper = Keeper()
    keeper.add(link)
    peer.socket.settimeout(5)
    assert peer.socket.recv(9) == frame(Request.RENEW, 0)
    assert peer.socket.recv(9) == frame(Request.RENEW, 0)
    keeper.remove(link)


def test_requests_are_served_while_nobody_calls(pair: tuple[Link, Peer]) -> None:
    link, peer = pair
    link.on_relay = lambda request: request.line.upper()
    keeper = Keeper()
    keeper.add(link)
    peer.reply(5, u32(10, 20, 30) + b"line", kind=Reply.RELAY)
    peer.socket.settimeout(5)
    assert peer.request() == (Request.RELAY_ANSWER, 1, u32(5) + text(b"LINE"))
    keeper.remove(link)


def test_a_stream_that_ended_is_dropped_and_the_others_are_kept(pair: tuple[Link, Peer]) -> None:
    link, peer = pair
    ours, theirs = socket.socketpair()
    dead = Link(ours, "dead")
    keeper = Keeper()
    keeper.add(dead)
    keeper.add(link)
    theirs.close()
    time.sleep(0.2)
    link.on_relay = lambda _: b"still here"
    peer.reply(1, u32(1, 1, 1), kind=Reply.RELAY)
    peer.socket.settimeout(5)
    assert peer.request()[2] == u32(1) + text(b"still here")
    with pytest.raises(ContainerGone):
        dead.call(Request.PING, b"", 1)
    dead.close()
    keeper.remove(link)


@given(st.lists(st.binary(max_size=50), max_size=8), st.lists(st.integers(1, 30), min_size=1, max_size=50))
def test_frames_are_found_however_the_stream_is_cut(payloads: list[bytes], cuts: list[int]) -> None:
    frames = b"".join(struct.pack("<IBI", 5 + len(p), Reply.RESULT, n) + p for n, p in enumerate(payloads))
    stream = b""
    for at in range(0, len(frames), 7):
        stream += wrapped(frames[at : at + 7]) + wrapped(b"said", stream=2)
    split = Demultiplexer()
    found: list[bytes] = []
    at = 0
    while at < len(stream):
        size = cuts[at % len(cuts)]
        found += [one.payload for one in split.feed(stream[at : at + size])]
        at += size
    assert found == payloads
    assert bytes(split.stderr) == b"said" * ((len(frames) + 6) // 7)


def test_a_reply_that_ends_early_is_an_error_and_not_a_guess() -> None:
    with pytest.raises(ValueError, match="4 bytes early"):
        Reader(b"").u32()
    assert Reader(u64(7) + b"rest").u64() == 7


def test_lists_and_texts_have_their_lengths_before_them() -> None:
    assert texts(["a", b"\0"]) == u32(2) + u32(1) + b"a" + u32(1) + b"\0"
