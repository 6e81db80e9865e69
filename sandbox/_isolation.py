"""How isolated an agent was, as T/H/N levels: computed from what was attested, never from what was asked for.

The letters are those of the UK AI Security Institute's sandboxing taxonomy for agents (its Inspect Sandboxing Toolkit,
August 2025): tooling, host, network, each stronger with a higher number. What they mean here:

=====  ==========================================================================================================
T0     the agent runs code of its own
T1     it has tools, none of which runs its code
T2     it has no tools
H0     nothing is proven: a guarantee was given up by name, or the posture had changed at the end
H1     a container of this machine's kernel, every fact of its profile attested; root inside
H1+    and nobody inside is root of the host or has a capability, and the system is read-only to the agent
N0     not proven to be without a network
N2     no network but a loopback, or one that reaches declared containers only: neither the host nor a resolver
=====  ==========================================================================================================

H2 (a kernel or a machine apart) and N1 (named hosts) come with runtimes and networks that are not here.
"""

from collections.abc import Mapping
from typing import Any

from ._network_facts import NO_NETWORK, PEERS

UNPROVEN = "H0/N0"
"""Host and network levels of a container whose posture is not known to have held."""


def isolation(posture: Mapping[str, Any], *, tools: bool, runs_code: bool, given_up: bool) -> str:
    """The label of a container with these attested facts, for example ``T0/H1+/N2``.

    ``given_up``: its profile lacks a guarantee, whether or not this engine would have kept it.
    """
    tooling = 0 if runs_code else 1 if tools else 2
    return f"T{tooling}/{_host(posture, given_up=given_up)}/N{_network(posture)}"


def _host(posture: Mapping[str, Any], *, given_up: bool) -> str:
    own = ("cgroup", "ipc", "mnt", "net", "pid", "uts")
    apart = all(posture.get("namespaces", {}).get(kind) == "own" for kind in own)
    whole = posture.get("not_enforced") == [] and posture.get("loose_mounts") == [] == posture.get("unexpected_mounts")
    if given_up or not apart or not whole:
        return "H0"
    agent = posture["agent"]
    root = "0" in agent["uid"].split() and posture["namespaces"].get("user") != "own"
    powerless = all(int(agent[name], 16) == 0 for name in ("CapPrm", "CapEff", "CapBnd"))
    return "H1" if root or not powerless or "/etc" in posture["writable"] else "H1+"


def _network(posture: Mapping[str, Any]) -> int:
    return 2 if posture.get("network") in (NO_NETWORK, PEERS) else 0
