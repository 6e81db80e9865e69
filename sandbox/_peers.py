"""Networks on which containers of one world reach one another, and nobody else.

An internal network alone is not isolation: its bridge has an address, behind which every service of the host that
listens everywhere answers, and names that are asked for may leave by the host's resolver (docs/design/security.md).
Here the bridge has no address at all, and the resolver of the network is one that does not exist. Both are read from
the host before anybody acts.
"""

import ctypes
import os
import socket
import struct
import threading
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

from ._engine import Engine, version_numbers
from ._engine_answers import part
from ._errors import EngineError, EngineFault, EngineTimeout, PostureError, SandboxError, StartFailed
from ._holder import Holder, can_hold, members
from ._lease import ROLE_LABEL
from ._making import all_labels, create, was_refused
from ._network_facts import PEERS, host_addresses, network_facts
from ._profile import holder_config
from ._warden import warden

NOWHERE = "192.0.2.53"
"""Resolver of these networks: an address that is kept for documentation and that nobody has (RFC 5737)."""
_ISOLATED_SINCE = (28,)
_RESOLVER = ("127.0.0.11", 53)
"""Where engines answer for the names of a network, inside each container."""
_ASKED_S = 0.25
_NEW_NETWORK = 0x40000000


class PeerNetwork:
    """One network of one episode. Made by `create`; a context manager."""

    def __init__(self, engine: Engine, name: str, identity: str) -> None:
        self.id = identity
        self.name = name
        self.bridge = f"br-{identity[:12]}"
        self._engine = engine
        self._removed = False

    @classmethod
    def create(cls, engine: Engine, labels: Mapping[str, str]) -> Self:
        """Make one; the watchdog knows of it before the engine does.

        Raises `StartFailed` where it could not be looked into, `PostureError` and the engine's errors.
        """
        name = f"offswitch-peers-{uuid.uuid4().hex[:12]}"
        if not can_hold(engine):
            cause = "a network of several containers is looked into by root, on an engine without user namespaces"
            raise StartFailed("creating a network", name, cause, remedy="sudo offswitch, on such an engine")
        warden(engine).expect(name)
        options = _options(engine)
        try:
            with engine.phase("creating a network", name):
                made = engine.api.create_network(
                    name,
                    driver="bridge",
                    internal=True,
                    options=options,
                    labels=all_labels({**labels, ROLE_LABEL: "network"}),
                )
                identity = str(part(made, "Id"))
        except EngineError as error:
            if was_refused(error):
                warden(engine).release(name)
            elif not isinstance(error, EngineTimeout):
                _remove_if_there(engine, name)
            raise
        network = cls(engine, name, identity)
        try:
            network._silence()
            network.attest()
        except BaseException:
            network.close()
            raise
        return network

    def _silence(self) -> None:
        """Take from the bridge the address that the kernel gives to every device that is up."""
        try:
            Path(f"/proc/sys/net/ipv6/conf/{self.bridge}/disable_ipv6").write_text("1")
        except FileNotFoundError:  # a kernel without that family, or a bridge that is not here: `attest` tells
            return
        except OSError as error:
            raise PostureError("silencing a bridge", self.bridge, str(error)) from error

    def attest(self) -> None:
        """Raises `PostureError` where the host has an address on the bridge, or where the bridge cannot be seen."""
        if self.bridge not in {name for _, name in socket.if_nameindex()}:
            raise PostureError("attesting a network", self.name, f"its bridge {self.bridge} is not to be seen here")
        found = host_addresses(self.bridge)
        if found:
            raise PostureError("attesting a network", self.name, f"the host answers on it at {', '.join(found)}")

    def close(self) -> None:
        """Remove it; its containers are gone by then. Closing twice is fine."""
        if self._removed:
            return
        try:
            with self._engine.phase("removing a network", self.name):
                self._engine.api.remove_network(self.id)
        except EngineFault as error:
            if error.status != 404:
                raise
        self._removed = True
        warden(self._engine).release(self.name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _remove_if_there(engine: Engine, name: str) -> None:
    """After a creation whose answer was lost; what comes only later is left to the watchdog, which still expects it."""
    with suppress(SandboxError), engine.phase("removing a network", name):  # the lost answer is what is told
        engine.api.remove_network(name)


def _options(engine: Engine) -> dict[str, str]:
    prefix = "com.docker.network.bridge."
    if version_numbers(engine.facts().version) >= _ISOLATED_SINCE:
        return {f"{prefix}gateway_mode_ipv4": "isolated", f"{prefix}gateway_mode_ipv6": "isolated"}
    return {f"{prefix}inhibit_ipv4": "true"}


class Seat(Holder):
    """The place of one container on a network of peers: it answers there to a name. Made by `take`."""

    net = PEERS

    @classmethod
    def take(
        cls,
        engine: Engine,
        network: PeerNetwork,
        called: str,
        *,
        image: str,
        supervisor: Path,
        captures: Path,
        labels: Mapping[str, str],
    ) -> "Seat":
        """Take a seat, and prove that no name leaves by it. Raises `PostureError` and `StartFailed`."""
        name = f"offswitch-seat-{uuid.uuid4().hex[:12]}"
        config = holder_config(image, str(supervisor), all_labels({**labels, ROLE_LABEL: "network"}))
        config["HostConfig"] |= {"NetworkMode": network.name, "Dns": [NOWHERE]}
        config["NetworkingConfig"] = {"EndpointsConfig": {network.name: {"Aliases": [called]}}}
        container_id, connection = create(engine, name, config, warden(engine))
        seat = cls(engine, name, container_id, connection)
        seat.network = network
        try:
            seat._come_up(captures)
            network.attest()
            seat.attest_resolver()
        except BaseException:
            seat.close()
            raise
        return seat

    network: PeerNetwork

    def looser(self) -> list[str]:
        """An address that the host has on the bridge by now."""
        try:
            self.network.attest()
        except PostureError as error:
            return [error.cause]
        return []

    def remains(self) -> list[str]:
        """What is there beside its one device and the engine's resolver."""
        facts = network_facts(self.pid, None)
        unlike = facts["devices"] != PEERS["devices"] or facts["routes"] != PEERS["routes"]
        found = [f"devices {facts['devices']}, routes {facts['routes']}"] if unlike else []
        return found + [f"process {pid}" for pid in members(self.namespace) if pid != self.pid]

    def attest_resolver(self) -> None:
        """Ask for a name that nobody has: whoever answers for it was asked outside. Raises `PostureError`."""
        answer = resolver_says(self.pid, f"{uuid.uuid4().hex}.invalid")
        if answer not in ("silence", "failure"):
            raise PostureError("attesting a network", self._name, f"names that are asked for leave it ({answer})")


def resolver_says(pid: int, name: str) -> str:
    """What the resolver in the network of a process says to a name: ``silence``, ``failure`` or ``answer``."""
    said: list[str | OSError] = []
    asking = threading.Thread(target=lambda: said.append(_ask_inside(pid, name)))
    asking.start()
    asking.join()
    (told,) = said
    if isinstance(told, OSError):
        raise StartFailed("asking the resolver of a network", str(pid), str(told)) from told
    return told


def _ask_inside(pid: int, name: str) -> str | OSError:
    """In a thread of its own, which ends in that network and never comes back."""
    try:
        descriptor = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.setns(descriptor, _NEW_NETWORK):
                return OSError(ctypes.get_errno(), f"setns: {os.strerror(ctypes.get_errno())}")
        finally:
            os.close(descriptor)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(_ASKED_S)
            asking.connect(_RESOLVER)
            asking.send(_query(name))
            with suppress(TimeoutError, ConnectionRefusedError):
                code = asking.recv(512)[3] & 0x0F
                return "failure" if code in (2, 5) else "answer"
    except OSError as error:
        return error
    return "silence"


def _query(name: str) -> bytes:
    """A question for an address, as RFC 1035 writes it."""
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    return struct.pack(">6H", 0x6F66, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", 1, 1)
