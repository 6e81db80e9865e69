"""What a container's network namespace holds, from the host's /proc: devices, routes, and whose it is."""

import fcntl
import socket
import struct
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from ._look import HOST, Look

_GATEWAY_FLAG = 0x2
_REJECT_FLAG = 0x200
NO_NETWORK: Mapping[str, Any] = {"devices": ["lo"], "routes": [], "own": True}
"""A namespace with nothing but a loopback."""
PEERS: Mapping[str, Any] = {"devices": ["eth0", "lo"], "routes": ["eth0 gateway", "eth0 link"], "own": True}
"""One device to the others on the same network. Engines name a gateway all the same; nobody has its address."""


def network_facts(pid: int, wanted: int | None, look: Look = HOST) -> dict[str, Any]:
    """Devices, routes of both families (``DEVICE link`` or ``DEVICE gateway``), and whether the namespace is ours.

    ``wanted`` is the inode of the namespace that was made for this container; None where the engine made it.
    """
    own = wanted is None or look.links(pid, ["ns/net"]) == [f"net:[{wanted}]"]
    devices = [line.split(":")[0].strip() for line in look.text(pid, "net/dev").splitlines()[2:]]
    routes = {*_routes4(_table(pid, "net/route", look)), *_routes6(_table(pid, "net/ipv6_route", look))}
    return {"devices": sorted(devices), "routes": sorted(routes), "own": own}


def _table(pid: int, below: str, look: Look) -> list[str]:
    """A table of the kernel; one that this kernel lacks (no such family) has no rows."""
    try:
        return look.text(pid, below).splitlines()
    except FileNotFoundError:
        return []


def _routes4(table: list[str]) -> list[str]:
    found: list[str] = []
    for line in table[1:]:
        device, _, _, flags, *_ = line.split()
        found.append(f"{device} {'gateway' if int(flags, 16) & _GATEWAY_FLAG else 'link'}")
    return found


def _routes6(table: list[str]) -> list[str]:
    """Without those of the loopback and those that only refuse."""
    found: list[str] = []
    for line in table:
        fields = line.split()
        flags, device = int(fields[8], 16), fields[9]
        if device != "lo" and not flags & _REJECT_FLAG:
            found.append(f"{device} v6 {'gateway' if flags & _GATEWAY_FLAG else 'link'}")
    return found


def addresses(pid: int) -> list[str]:
    """Every address of a namespace but those of the loopback, both families."""
    net = Path(f"/proc/{pid}/net")
    local: set[str] = set()
    lines = _lines(net / "fib_trie")
    for line, following in pairwise(lines):
        if "/32 host LOCAL" in following:
            local.add(line.split()[-1])
    six = [socket.inet_ntop(socket.AF_INET6, bytes.fromhex(line.split()[0])) for line in _lines(net / "if_inet6")]
    return sorted({one for one in (*local, *six) if not one.startswith("127.") and one != "::1"})


def host_addresses(device: str) -> list[str]:
    """Addresses that the host has on one of its devices, both families; empty for a bridge that leads nowhere."""
    found: list[str] = []
    for line in _lines(Path("/proc/self/net/if_inet6")):
        fields = line.split()
        if fields[5] == device:
            found.append(socket.inet_ntop(socket.AF_INET6, bytes.fromhex(fields[0])))
    four = _host_address4(device)
    return sorted([*found, four] if four else found)


def _host_address4(device: str) -> str | None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            answer = fcntl.ioctl(probe, 0x8915, struct.pack("256s", device[:15].encode()))  # SIOCGIFADDR
        except OSError:  # none
            return None
        return socket.inet_ntoa(answer[20:24])


def _lines(table: Path) -> list[str]:
    """A table of the kernel; one that this kernel lacks (no such family) has no rows."""
    try:
        return table.read_text().splitlines()
    except FileNotFoundError:
        return []
