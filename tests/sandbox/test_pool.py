"""Containers that are up ahead of time: each is used once, and nothing passes from one life to the next."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from offswitch.sandbox import ROOTFUL, SEALED, DockerSandbox, Holders, Pool, PostureError, Profile, StartFailed
from offswitch.sandbox._holder import network_namespace
from offswitch.sandbox._lease import labels
from offswitch.sandbox._warden import warden

from .yard import Starter, Within, Yard

pytestmark = pytest.mark.docker

NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "uts")


class Garage:
    """A pool, and the containers of a test that came out of it."""

    def __init__(self, yard: Yard, ahead: int = 0) -> None:
        self._yard = yard
        marked = labels(yard.run, "episode", "network")
        self.pool = Pool(
            yard.engine,
            Holders(yard.engine, yard.image, yard.supervisor, yard.folder / "captures", marked),
            ahead=ahead,
        )

    def take(self, profile: Profile = SEALED) -> DockerSandbox:
        sandbox = self.pool.take(self._yard.spec(profile))
        sandbox.furnish((), "/work")
        return sandbox


@pytest.fixture
def garage(yard: Yard) -> Generator[Garage]:
    """Without stock: each container is brought up when it is asked for."""
    made = Garage(yard)
    yield made
    made.pool.close()
    assert yard.present() == []


@pytest.fixture
def stocked(yard: Yard) -> Generator[Garage]:
    """One container ahead."""
    made = Garage(yard, ahead=1)
    yield made
    made.pool.close()
    assert yard.present() == []


def places(sandbox: DockerSandbox) -> dict[str, str]:
    return {name: namespace(sandbox.pid, name) for name in NAMESPACES}


def namespace(pid: int, name: str) -> str:
    return str(Path(f"/proc/{pid}/ns/{name}").readlink())


@pytest.mark.parametrize("profile", [SEALED, ROOTFUL], ids=["sealed", "rootful"])
def test_two_lives_at_the_same_time_share_no_namespace(garage: Garage, profile: Profile) -> None:
    with garage.take(profile) as one, garage.take(profile) as other:
        assert set(places(one).values()).isdisjoint(places(other).values())
        host = {namespace(os.getpid(), name) for name in NAMESPACES}
        assert host.isdisjoint([*places(one).values(), *places(other).values()])
    assert garage.pool.holders.made == 2


SERVER = """
import socket, time
tcp = socket.create_server(("127.0.0.1", 4711))
abstract = socket.socket(socket.AF_UNIX)
abstract.bind(chr(0) + "left-over")
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("127.0.0.1", 4712))
print("ready", flush=True)
time.sleep(600)
"""
LOOK = "cat /proc/net/tcp /proc/net/udp; grep -a left-over /proc/net/unix; cat /work/* /tmp/* 2>/dev/null; ps -e"


def test_the_next_life_finds_the_same_network_and_nothing_in_it(garage: Garage) -> None:
    with garage.take() as first:
        network = network_namespace(first.pid)
        first.write("/work/server.py", SERVER.encode())
        start = "python3 /work/server.py > /tmp/said & while ! grep -q ready /tmp/said; do sleep 0.01; done"
        first.exec(start, session="main")
        assert b"left-over" in first.exec(LOOK, session="main").stdout
    with garage.take() as second:
        seen = second.exec(LOOK, session="main").stdout
        assert network_namespace(second.pid) == network
    assert b"left-over" not in seen
    assert b"python" not in seen
    assert seen.count(b"\n") < 10, seen.decode()
    assert b"1267" not in seen, "4711 in hexadecimal"
    assert (garage.pool.holders.made, garage.pool.lives) == (1, 2)


def test_a_network_in_which_something_stayed_is_never_used_again(garage: Garage) -> None:
    with garage.take() as first:
        network = network_namespace(first.pid)
        command = ["nsenter", "-t", str(first.pid), "-n", "sleep", "60"]
        intruder = subprocess.Popen(command)
        while network_namespace(intruder.pid) != network:
            pass
    with garage.take() as second:
        assert network_namespace(second.pid) != network
    intruder.kill()
    intruder.wait()
    assert garage.pool.holders.made == 2


_LEAVES_A_SOCKET = """
import ctypes, os, socket, sys, time
libc = ctypes.CDLL(None, use_errno=True)
there, home = (os.open(f"/proc/{pid}/ns/net", os.O_RDONLY) for pid in (sys.argv[1], "self"))
assert libc.setns(there, 0) == 0
left = socket.socket(*map(int, sys.argv[2:]))
assert libc.setns(home, 0) == 0
print("left", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize(
    "kind",
    [
        (socket.AF_UNIX, socket.SOCK_DGRAM),
        (socket.AF_INET, socket.SOCK_STREAM),
        (socket.AF_INET6, socket.SOCK_DGRAM),
        (socket.AF_NETLINK, socket.SOCK_RAW),
        (socket.AF_PACKET, socket.SOCK_RAW),
    ],
    ids=lambda kind: kind[0].name,
)
def test_a_network_in_which_only_a_socket_stayed_is_never_used_again(garage: Garage, kind: tuple[int, int]) -> None:
    """Its owner is somewhere else: no process of the namespace shows it."""
    holder = garage.pool.holders.take()
    assert holder.remains() == []
    command = [sys.executable, "-c", _LEAVES_A_SOCKET, str(holder.pid), *(str(int(number)) for number in kind)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as leaver:
        assert leaver.stdout is not None
        assert leaver.stdout.readline() == "left\n"
        assert holder.remains()
        garage.pool.holders.give_back(holder)
        other = garage.pool.holders.take()
        assert other.namespace != holder.namespace
        leaver.kill()
    garage.pool.holders.give_back(other)


def test_a_holder_that_died_is_replaced(garage: Garage, eventually: Within) -> None:
    holder = garage.pool.holders.take()
    garage.pool.holders.give_back(holder)
    os.kill(holder.pid, signal.SIGKILL)
    eventually(lambda: not holder.alive)
    with garage.take() as sandbox:
        assert sandbox.exec("true").ok
    assert garage.pool.holders.made == 2


def test_a_container_in_another_network_than_its_own_is_refused(garage: Garage, yard: Yard) -> None:
    """Whoever takes a container into the network of somebody else is found out by the attestation."""
    holder = garage.pool.holders.take()
    own, holder.namespace = holder.namespace, holder.namespace + 1
    sandbox = DockerSandbox.bring_up(yard.engine, yard.spec(), holder)
    with pytest.raises(PostureError, match="'own': False"):
        sandbox.furnish((), "/work")
    holder.namespace = own
    garage.pool.holders.give_back(holder)


def test_stock_is_kept_and_each_container_is_given_out_once(stocked: Garage, yard: Yard, eventually: Within) -> None:
    first = stocked.take()
    eventually(lambda: len(agents(yard)) == 2)
    second = stocked.take()
    assert first.id != second.id
    eventually(lambda: len(agents(yard)) == 3)
    first.close()
    second.close()
    eventually(lambda: len(agents(yard)) == 1)


def test_a_container_that_died_in_stock_is_not_given_out(stocked: Garage, yard: Yard, eventually: Within) -> None:
    with stocked.take() as first:
        eventually(lambda: len(agents(yard)) == 2)
        (waiting,) = [one["Id"] for one in agents(yard) if one["Id"] != first.id]
        eventually(lambda: stocked.pool.ready == 1)
        pid = yard.engine.api.inspect_container(waiting)["State"]["Pid"]
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: not Path(f"/proc/{pid}").exists())
        with stocked.take() as second:
            assert second.id != waiting
            assert second.exec("true").ok


def test_a_container_of_another_profile_is_not_taken_from_stock(stocked: Garage) -> None:
    with stocked.take(SEALED), stocked.take(ROOTFUL) as rootful:
        assert rootful.exec("id -u").stdout == b"0\n"


def test_a_closed_pool_gives_nothing_out(yard: Yard) -> None:
    pool = Garage(yard, ahead=1).pool
    pool.close()
    with pytest.raises(RuntimeError, match="closed"):
        pool.take(yard.spec())


def test_what_a_dead_harness_had_in_stock_is_removed_too(yard: Yard, harness: Starter, eventually: Within) -> None:
    stocking = harness("""
        engine = open_engine()
        holders = Holders(engine, image, Path(supervisor), Path(folder), labels(run, "episode", "network"))
        Pool(engine, holders, ahead=2).take(spec("offswitch-" + run))
        say("ready")
        sys.stdin.read()
    """)
    assert stocking.line() == "ready"
    assert yard.present()
    stocking.kill()
    eventually(lambda: not yard.present(), 15.0)


@pytest.mark.usefixtures("own_watchdog")
def test_a_dead_container_that_is_still_to_be_removed_keeps_no_watchdog_from_starting(yard: Yard) -> None:
    """Its descriptors are closed, and nobody can be asked to guard it."""
    later: list[Callable[[], None]] = []
    sandbox = yard.start()
    sandbox.disposal = later.append
    sandbox.close()
    watchdog = warden(yard.engine).pid
    assert watchdog is not None
    os.kill(watchdog, signal.SIGKILL)
    with pytest.raises(StartFailed):
        yard.start()
    assert yard.start().exec("true").ok
    later[0]()


def agents(yard: Yard) -> list[dict[str, Any]]:
    """Containers of the test that are no holders."""
    return [one for one in yard.present() if one["Labels"]["offswitch.role"] == "agent"]
