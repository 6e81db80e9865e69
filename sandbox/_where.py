"""Whether an engine is on this machine: then kernel facts of its containers can be read here."""

import os
import socket
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_FORWARDERS = ("ssh", "socat", "ncat")
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
"""Podman names architectures as Go does, the kernel as C does."""


def machine(architecture: str) -> str:
    """An architecture as the kernel names it, however the engine does."""
    return _MACHINES.get(architecture, architecture)


def is_local(endpoint: str, info: Mapping[str, Any], timeout_s: float) -> bool:
    """Same kernel, and who listens behind the socket lives in our process namespace; ``info`` is the engine's own."""
    here = os.uname()
    if (info["KernelVersion"], machine(info["Architecture"])) != (here.release, here.machine):
        return False
    return endpoint.startswith("unix://") and _counts_as_we_do(peer_pid(endpoint, timeout_s))


def _counts_as_we_do(peer: int) -> bool:
    """Whether a process lives in our process namespace (0 means: not), and is no forwarder to another machine."""
    try:
        status = Path(f"/proc/{peer}/status").read_text(errors="replace")
    except OSError:
        return False
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    return len(fields.get("NSpid", "0").split()) == 1 and fields["Name"].strip() not in _FORWARDERS


def peer_pid(endpoint: str, timeout_s: float) -> int:
    """The process that listens on a socket, as our process namespace numbers it. Raises `OSError`."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(timeout_s)
        probe.connect(endpoint.removeprefix("unix://"))
        pid: int = struct.unpack("3i", probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
        return pid
