"""Rows C1 to C5 and C8 of the fault matrix: nothing leaves a container but by the supervisor's stream."""

import json
import socket
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from offswitch.sandbox import ROOTFUL, SEALED, DockerSandbox, PeerNetwork, PostureError, Profile
from offswitch.sandbox._lease import labels
from offswitch.sandbox._network_facts import addresses, host_addresses

from .peers import SERVER, Sniffer, accepted, listeners, reached, world
from .yard import Starter, Within, Yard

pytestmark = [pytest.mark.docker, pytest.mark.faults]
BOTH = pytest.mark.parametrize("profile", [SEALED, ROOTFUL], ids=["sealed", "rootful"])
OUTSIDE = ("169.254.169.254", "192.0.2.1", "172.17.0.1", "10.0.0.1", "2001:db8::1", "fd00:ec2::254")
ATTEMPTS = """
import os, socket, subprocess
MARK = b"offswitch-c5-canary"
def attempt(family, kind, protocol, address, send=True):
    try:
        with socket.socket(family, kind, protocol) as s:
            s.settimeout(0.5)
            if kind == socket.SOCK_STREAM:
                s.connect(address)
            s.sendto(MARK, address) if kind != socket.SOCK_STREAM else s.sendall(MARK)
            return 1
    except OSError:
        return 0
os.environ.update(http_proxy="http://192.0.2.1:3128", https_proxy="http://192.0.2.1:3128", ALL_PROXY="")
sent = 0
for host in ("192.0.2.1", "169.254.169.254", "172.17.0.1", "255.255.255.255", "224.0.0.1"):
    sent += attempt(socket.AF_INET, socket.SOCK_STREAM, 0, (host, 80))
    sent += attempt(socket.AF_INET, socket.SOCK_DGRAM, 0, (host, 53))
    sent += attempt(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP, (host, 0))
    sent += attempt(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP, (host, 0))
for host in ("2001:db8::1", "ff02::1", "fe80::1"):
    sent += attempt(socket.AF_INET6, socket.SOCK_STREAM, 0, (host, 80, 0, 0))
    sent += attempt(socket.AF_INET6, socket.SOCK_DGRAM, 0, (host, 53, 0, 0))
    sent += attempt(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6, (host, 0, 0, 0))
print(sent)
"""


@pytest.fixture
def sniffer() -> Generator[Sniffer]:
    found = Sniffer()
    yield found
    found.close()


def test_c1_without_a_network_no_address_is_reached_and_no_packet_appears(
    either: DockerSandbox, sniffer: Sniffer
) -> None:
    """Row C1: metadata service, gateway, documentation networks."""
    needles = [socket.inet_pton(socket.AF_INET6 if ":" in one else socket.AF_INET, one) for one in OUTSIDE[:2]]
    answers = reached(either, 80, OUTSIDE)
    assert set(answers.values()) <= {"Network is unreachable", "Cannot assign requested address"}, answers
    assert sniffer.seen(*needles) == 0


def test_c1_the_host_that_looks_for_packets_sees_its_own(sniffer: Sniffer) -> None:
    """Else nothing would ever be seen."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending:
        sending.sendto(b"offswitch-c5-canary", ("127.0.0.1", 9))
    assert sniffer.seen(b"offswitch-c5-canary")


@BOTH
def test_c2_companions_talk_and_no_listener_of_the_host_hears_them(yard: Yard, profile: Profile) -> None:
    """Row C2: a host that listens on every address of both families, the gateway's and the bridge's own included."""
    with world(yard, profile) as peers, listeners() as (port, listening):
        targets = {peers.gateway, *everything_of_the_host(peers.network.bridge)}
        answers = reached(peers.agent, port, sorted(targets))
        assert "reached" not in answers.values(), answers
        assert accepted(listening) == 0
        assert reached(peers.agent, 8080, [peers.companion_address, "ledger"]) == {
            peers.companion_address: "reached",
            "ledger": "reached",
        }
        assert host_addresses(peers.network.bridge) == []
        assert peers.agent.attest_again() == []


def test_c2_a_plain_internal_network_is_refused_and_would_have_reached_the_host(yard: Yard) -> None:
    """The positive control: what this engine calls internal leads to the host's services."""
    name = f"offswitch-{yard.run}"
    api = yard.engine.api
    owned = labels(yard.run, "e", "network")
    identity = api.create_network(name, driver="bridge", internal=True, labels=owned)["Id"]
    config = api.create_host_config(network_mode=name)
    made = api.create_container(yard.image, ["sleep", "60"], host_config=config, labels=owned)["Id"]
    try:
        with listeners() as (port, listening):
            api.start(made)
            gateway = api.inspect_container(made)["NetworkSettings"]["Networks"][name]["Gateway"]
            script = f"import socket; socket.create_connection(({gateway!r}, {port}), 3)"
            started = api.exec_create(made, ["python3", "-c", script])["Id"]
            api.exec_start(started)
            assert accepted(listening) == 1
        with pytest.raises(PostureError, match="the host answers on it"):
            PeerNetwork(yard.engine, name, identity).attest()
    finally:
        api.remove_container(made, force=True)
        api.remove_network(identity)


def test_c4_nobody_of_another_episode_is_reached(yard: Yard) -> None:
    """Row C4: from a world with companions, from one without a network, in both directions."""
    alone = yard.start()
    alone.serve("server", ["/usr/bin/python3", "-c", SERVER])
    with world(yard) as one, world(yard) as other:
        theirs = [*addresses(other.companion.pid), *addresses(other.agent.pid)]
        assert len(theirs) == 2
        assert "reached" not in reached(one.agent, 8080, theirs).values()
        assert "reached" not in reached(alone, 8080, theirs).values()
        assert set(reached(one.agent, 8080, ["127.0.0.1"]).values()) == {"Connection refused"}
        assert set(reached(other.agent, 8080, theirs[:1]).values()) == {"reached"}


def test_c4_a_bridge_that_gets_an_address_meanwhile_is_noticed(yard: Yard) -> None:
    with world(yard) as peers:
        assert peers.agent.attest_again() == []
        switch = f"/proc/sys/net/ipv6/conf/{peers.network.bridge}/disable_ipv6"
        Path(switch).write_text("0")
        (told,) = [one for one in peers.agent.attest_again() if "fe80" in one]
        assert told.startswith("the host answers on it at fe80:")


def test_c5_by_no_protocol_anything_leaves(either: DockerSandbox, sniffer: Sniffer) -> None:
    """Row C5: directly, without and with a proxy named, by raw address, IPv6, UDP, ICMP, to everybody at once."""
    tried = either.exec(["/usr/bin/python3", "-c", ATTEMPTS], timeout_s=60)
    assert tried.stdout == b"0\n", tried
    assert sniffer.seen(b"offswitch-c5-canary") == 0


def test_c8_no_socket_to_the_machine_below_can_be_made(either: DockerSandbox) -> None:
    """Row C8: AF_VSOCK leads out of a virtual machine, whatever the network."""
    program = "import socket\ntry: socket.socket(40, 1); print('made')\nexcept OSError as error: print(error.errno)"
    assert either.exec(["/usr/bin/python3", "-c", program]).stdout == b"1\n"


def everything_of_the_host(bridge: str) -> list[str]:
    """Addresses by which the host may be reached, the loopback left out."""
    own = socket.getaddrinfo(socket.gethostname(), None)
    found = {str(entry[4][0]).partition("%")[0] for entry in own}
    devices = [name for _, name in socket.if_nameindex() if name != "lo"]
    found |= {address for name in devices for address in host_addresses(name)}
    return sorted({one for one in found if not one.startswith(("127.", "::1"))} | set(host_addresses(bridge)))


def test_c3_no_name_that_is_asked_for_leaves(yard: Yard, tmp_path: Path) -> None:
    """Row C3, on an engine whose host has its resolver on the loopback, with a resolver that notes every question.

    The positive control is in it: what an internal network of the engine's own asks does reach that resolver, and a
    seat with the engine's own resolver is refused.
    """
    archive = tmp_path / "image.tar"
    with archive.open("wb") as file:
        file.writelines(yard.engine.within(120.0).get_image(yard.image))
    script = Path(__file__).with_name("dns_leak.py")
    command = ["unshare", "--mount", "--net", "--propagation", "private", sys.executable, str(script)]
    told = subprocess.run([*command, str(archive), str(yard.supervisor)], capture_output=True, timeout=200, check=False)
    assert told.returncode == 0, told.stderr.decode()[-2000:]
    found = json.loads(told.stdout)
    asked = [name for name in found["asked"] if "plain" in name or "peers" in name]
    assert asked
    assert not [name for name in asked if "peers" in name], "the names of a network of ours stay in it"
    assert found["refused"] is True


def test_c2_a_world_of_several_containers_leaves_nothing_when_its_harness_dies(
    yard: Yard, harness: Starter, eventually: Within
) -> None:
    """The watchdog kills the containers and sweeps the network with them."""
    one = harness(
        """
        owned = labels(run, "episode", "network")
        engine = open_engine()
        network = PeerNetwork.create(engine, owned)
        seat = Seat.take(engine, network, "worker", image=image, supervisor=Path(supervisor),
                         captures=Path(folder), labels=owned)
        sandbox = DockerSandbox.bring_up(engine, spec(f"offswitch-{run}-x"), seat)
        say(network.name)
        time.sleep(100)
        """
    )
    only = {"label": f"offswitch.run={yard.run}"}
    assert one.line().startswith("offswitch-peers-")
    assert len(yard.present()) == 2
    assert len(yard.engine.api.networks(filters=only)) == 1
    one.kill()
    eventually(lambda: not yard.present() and not yard.engine.api.networks(filters=only), 40)
