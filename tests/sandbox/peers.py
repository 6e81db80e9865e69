"""Containers on a network of their own, and a host that listens for whoever gets out of it."""

import json
import select
import socket
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from offswitch.sandbox import SEALED, DockerSandbox, PeerNetwork, Profile, Seat
from offswitch.sandbox._network_facts import addresses

from .yard import Yard

REACH = """
import json, socket, sys
def reach(address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.settimeout(1.5)
        try:
            s.connect(socket.getaddrinfo(address, port, family, socket.SOCK_STREAM)[0][4])
            return "reached"
        except OSError as error:
            return error.strerror or str(error)
print(json.dumps({a: reach(a, int(sys.argv[1])) for a in sys.argv[2:]}))
"""
SERVER = """
import socket
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("0.0.0.0", 8080)); s.listen()
open("/tmp/ready", "w").close()
while 1:
    c, _ = s.accept(); c.sendall(b"peer"); c.close()
"""


def reached(sandbox: DockerSandbox, port: int, targets: Sequence[str]) -> dict[str, str]:
    """What a program inside gets when it connects to each address."""
    found = sandbox.exec(["/usr/bin/python3", "-c", REACH, str(port), *targets], timeout_s=60)
    assert found.ok, found.stderr
    told: dict[str, str] = json.loads(found.stdout)
    return told


@dataclass
class World:
    """An agent's container and a companion that serves on port 8080."""

    network: PeerNetwork
    agent: DockerSandbox
    companion: DockerSandbox

    @property
    def companion_address(self) -> str:
        """Of the companion on the network."""
        return addresses(self.companion.pid)[0]

    @property
    def gateway(self) -> str:
        """The address that the engine keeps for the host."""
        return self.companion_address.rsplit(".", 1)[0] + ".1"


@contextmanager
def world(yard: Yard, profile: Profile = SEALED) -> Generator[World]:
    """Everything of it is closed at the end."""
    with ExitStack() as owned:
        labels = {**yard.spec().labels}
        network = owned.enter_context(PeerNetwork.create(yard.engine, labels))
        made: list[DockerSandbox] = []
        for name in ("ledger", "worker"):
            spec = yard.spec(profile)
            seat = Seat.take(
                yard.engine,
                network,
                name,
                image=spec.image,
                supervisor=Path(spec.supervisor),
                captures=spec.captures,
                labels=labels,
            )
            owned.callback(seat.close)
            sandbox = DockerSandbox.bring_up(yard.engine, spec, seat)
            owned.callback(sandbox.close)
            sandbox.furnish([], "/work")
            made.append(sandbox)
        companion, agent = made
        companion.serve("server", ["/usr/bin/python3", "-c", SERVER])
        end = time.monotonic() + 10
        while companion.evidence.files.read("/tmp/ready") is None:
            assert time.monotonic() < end, "the companion does not serve"
            time.sleep(0.01)
        yield World(network, agent, companion)


@contextmanager
def listeners() -> Generator[tuple[int, list[socket.socket]]]:
    """The host listens everywhere, in both families, on one port."""
    with socket.socket(socket.AF_INET6) as both:
        both.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        both.bind(("::", 0))
        both.listen(64)
        yield both.getsockname()[1], [both]


def accepted(listening: Sequence[socket.socket]) -> int:
    """How many connections wait there."""
    count = 0
    while select.select(listening, [], [], 0.05)[0]:
        listening[0].accept()[0].close()
        count += 1
    return count


class Sniffer:
    """Sees every frame on every device of the host's network."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0003))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)

    def seen(self, *needles: bytes) -> int:
        """Frames so far that hold one of these."""
        count = 0
        while select.select([self._socket], [], [], 0.05)[0]:
            frame = self._socket.recv(65536)
            count += any(needle in frame for needle in needles)
        return count

    def close(self) -> None:
        self._socket.close()
