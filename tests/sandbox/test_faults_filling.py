"""Rows B3, B4, B7 and B12 of the fault matrix (docs/design/security.md §4.2): everything that can be filled is filled.

Inside, the limit answers; on the host nothing grows; and the container is served as before.
"""

import errno
import os
from collections.abc import Callable, Generator
from dataclasses import replace

import pytest

from offswitch.sandbox import MIB, ROOTFUL, SEALED, DockerSandbox, Profile

from .hostdisk import HostDisk
from .yard import Within, Yard

pytestmark = [pytest.mark.docker, pytest.mark.timeout(180)]
FILES = int(os.environ.get("OFFSWITCH_FILES", "10000"))
"""Files in one folder; a hundred thousand in full."""
BOTH = pytest.mark.parametrize("profile", [SEALED, ROOTFUL], ids=["sealed", "rootful"])
FILL = """
import errno, os, sys
met = set()
for place in sys.argv[1:]:
    try:
        with open(place + "/fill", "wb", buffering=0) as file:
            while file.write(bytes(1 << 20)): pass
    except OSError as error:
        met.add(error.errno)
        print(place, errno.errorcode[error.errno])
"""
CROWD = """
import errno, itertools, os, sys
for place in sys.argv[1:]:
    try:
        os.mkdir(place + "/crowd")
        for number in itertools.count():
            os.close(os.open(f"{place}/crowd/{number}", os.O_CREAT))
    except OSError as error:
        print(place, errno.errorcode[error.errno], number if error.errno == errno.ENOSPC else 0)
"""


@pytest.fixture
def roomy(yard: Yard, request: pytest.FixtureRequest) -> Generator[tuple[DockerSandbox, HostDisk]]:
    """A container whose memory is larger than all its places together: their own limits are what is met."""
    profile: Profile = replace(request.param, memory_bytes=1024 * MIB)
    sandbox = yard.start(profile)
    disk = HostDisk(yard.engine, sandbox.id)
    before = disk.used()
    yield sandbox, disk
    assert disk.used() - before < 1_000_000
    assert sandbox.exec("echo served", session="afterwards").stdout == b"served\n"


def places(sandbox: DockerSandbox) -> list[str]:
    """Every folder in which the agent may make something, wherever it is."""
    everywhere = "find / -path /proc -prune -o -path /sys -prune -o -type d -writable -print 2>/dev/null"
    found = sandbox.exec(everywhere, cap_bytes=8 << 20, timeout_s=60).stdout.decode().split("\n")
    return [path for path in found if path]


@pytest.mark.parametrize("roomy", [SEALED, ROOTFUL], ids=["sealed", "rootful"], indirect=True)
def test_b3_every_writable_place_ends_at_its_own_limit_and_none_is_the_hosts(
    roomy: tuple[DockerSandbox, HostDisk],
) -> None:
    sandbox, _ = roomy
    tops = [path for path in sandbox.evidence.files.roots if path in places(sandbox)]
    assert {"/work", "/tmp", "/dev/shm"} <= set(tops)
    told = sandbox.exec(["/usr/bin/python3", "-c", FILL, *tops], timeout_s=60)
    assert told.ok, told
    limits = dict(line.split() for line in told.stdout.decode().splitlines())
    queues = {"/dev/mqueue": "EINVAL"}  # it takes no bytes but those of its call, which is not allowed
    assert limits == dict.fromkeys(tops, "ENOSPC") | queues


@pytest.mark.parametrize("roomy", [SEALED, ROOTFUL], ids=["sealed", "rootful"], indirect=True)
def test_b3_every_writable_place_holds_a_limited_number_of_files(roomy: tuple[DockerSandbox, HostDisk]) -> None:
    sandbox, _ = roomy
    tops = [place.path for place in sandbox.profile.places if place.path in places(sandbox)]
    told = sandbox.exec(["/usr/bin/python3", "-c", CROWD, *tops], timeout_s=120)
    assert told.ok, told
    rows = [line.split() for line in told.stdout.decode().splitlines()]
    assert [(path, met) for path, met, _ in rows] == [(path, "ENOSPC") for path in tops]
    sizes = {place.path: place.inodes for place in sandbox.profile.places}
    assert all(int(made) <= sizes[path] for path, _, made in rows)


@pytest.mark.parametrize("roomy", [SEALED, ROOTFUL], ids=["sealed", "rootful"], indirect=True)
def test_b4_what_the_engine_keeps_on_the_host_for_a_container_cannot_be_grown_from_inside(
    roomy: tuple[DockerSandbox, HostDisk],
) -> None:
    """The three files that the engine writes, and the layer of the container, by every folder of the image."""
    sandbox, disk = roomy
    before = disk.used()
    grow = "for f in /etc/hosts /etc/hostname /etc/resolv.conf; do head -c 20M /dev/zero >> $f; done; true"
    sandbox.exec(grow, timeout_s=30)
    sandbox.exec("mount -o remount,rw / ; mount -o remount,rw /etc/hosts; true", timeout_s=10)
    sandbox.exec(grow, timeout_s=30)
    mounts = sandbox.exec(["/bin/cat", "/proc/self/mounts"]).stdout.decode()
    assert " / overlay ro," in mounts
    each = 'while read -r d; do (head -c 64K /dev/zero > "$d/x") 2>/dev/null; done; true'
    layer = f"find / -xdev -type d 2>/dev/null | {each}"
    assert sandbox.exec(layer, timeout_s=60).ok
    assert disk.used() - before < 1_000_000


def test_b4_the_disk_of_a_container_that_may_write_its_layer_is_seen_to_grow(yard: Yard, eventually: Within) -> None:
    """The positive control: the measure sees what the host of such a container loses."""
    command = ["/bin/bash", "-c", "head -c 5M /dev/zero > /x; sleep 60"]
    alone = yard.engine.api.create_host_config(network_mode="none")
    ours = {"offswitch.run": yard.run}
    made = yard.engine.api.create_container(yard.image, command, labels=ours, host_config=alone)["Id"]
    try:
        yard.engine.api.start(made)
        disk = HostDisk(yard.engine, made)
        eventually(lambda: disk.used() >= 5 * MIB)
    finally:
        yard.engine.api.remove_container(made, force=True, v=True)


@BOTH
def test_b7_a_flood_on_every_way_to_the_log_writes_nothing_on_the_host(yard: Yard, profile: Profile) -> None:
    sandbox = yard.start(profile)
    disk = HostDisk(yard.engine, sandbox.id)
    before = disk.used()
    ways = "/proc/1/fd/1 /proc/1/fd/2 /dev/console /dev/kmsg /dev/log /dev/tty /dev/stdout"
    flood = f"for w in {ways}; do (timeout 2 head -c 50M /dev/zero > $w) 2>/dev/null; done; true"
    assert sandbox.exec(flood, timeout_s=60).ok
    assert disk.used() - before < 1_000_000
    assert sandbox.exec("echo served", session="main").stdout == b"served\n"


def test_b12_arguments_and_environment_of_64_kilobytes_arrive_and_more_is_an_errno(sealed: DockerSandbox) -> None:
    long = "x" * 65_536
    assert sealed.exec(["/usr/bin/printf", "%s", long]).bytes_total == 65_536
    size = sealed.exec(["/usr/bin/env", f"LONG={long}", "/bin/bash", "-c", "echo ${#LONG}"])
    assert size.stdout == b"65536\n"
    assert sealed.exec(["/usr/bin/printf", "%s", "x" * 131_072]).not_started == errno.E2BIG
    assert sealed.exec(["/usr/bin/printf", *["y" * 100_000] * 40]).not_started == errno.E2BIG
    shell = sealed.exec(f"X={'x' * 200_000} /bin/true; echo $?", session="main")
    assert shell.stdout.endswith(b"126\n")


def test_b12_what_is_cut_of_a_long_command_line_in_the_record_of_acts_is_marked(sealed: DockerSandbox) -> None:
    sealed.evidence.acts.take()
    sealed.exec(["/usr/bin/printf", "%s", "x" * 65_536])
    sealed.exec(["/usr/bin/printf", *map(str, range(1000))])
    sealed.exec(["/usr/bin/printf", *map(str, range(62)), "x" * 1022])
    one, many, whole = [act for act in sealed.evidence.acts.take() if act.path.endswith("printf")]
    assert one.argv[-1] == "x" * 1023 + "…"
    assert many.argv[-2:] == ("62", "…")
    assert whole.argv[-2:] == ("61", "x" * 1022)


def test_b12_a_path_that_is_too_long_is_an_errno_everywhere(sealed: DockerSandbox) -> None:
    for path in ("/work/" + "a" * 256, "/work/" + "d/" * 2100 + "f"):
        assert sealed.read(path).error == errno.ENAMETOOLONG
        assert sealed.write(path, b"x") == errno.ENAMETOOLONG
        assert sealed.remove(path) in (errno.ENAMETOOLONG, errno.ENOENT)  # folder by folder
    assert sealed.exec(["/bin/true"], cwd="/work/" + "d/" * 2100).not_started == errno.ENAMETOOLONG


DEEP = """
import os, sys
depth, length = map(int, sys.argv[1:])
os.chdir("/work")
for _ in range(depth):
    os.mkdir("d" * length); os.chdir("d" * length)
open("bottom", "w").close()
"""


@pytest.mark.parametrize(("depth", "length", "complete"), [(600, 20, False), (20, 250, True)])
def test_b12_a_tree_deeper_than_a_path_can_say_is_looked_at_as_far_as_told_and_stops_nobody(
    yard: Yard, depth: int, length: int, complete: bool
) -> None:
    """Beyond 128 folders within one another a pass says that it is incomplete."""
    sandbox = yard.start()
    assert sandbox.evidence.files.scan().complete
    assert sandbox.exec(["/usr/bin/python3", "-c", DEEP, str(depth), str(length)]).ok
    for whole in (False, True):
        assert sandbox.evidence.files.scan(whole=whole).complete is complete
    if complete:
        (bottom,) = [path for path in sandbox.evidence.files.paths() if path.endswith("bottom")]
        assert sandbox.evidence.files.read(bottom) == b""
        assert sandbox.exec("cd /work; for n in $(seq 20); do cd d*; done; echo x > bottom", session="main").ok
        assert [change.path for change in sandbox.evidence.files.scan().changes] == [bottom]
    assert sandbox.exec("echo served", session="main").stdout == b"served\n"


def test_b12_a_hundred_thousand_files_in_one_folder_are_each_seen(yard: Yard, trials: Callable[[int], int]) -> None:
    """10,000 in ``make test``, 100,000 in ``make faults``."""
    number = trials(FILES)
    sandbox = yard.start(replace(SEALED, memory_bytes=1024 * MIB).sized({"/work": 512 * MIB}))
    many = f"import os\nos.mkdir('/work/m')\nfor n in range({number}): os.close(os.open(f'/work/m/{{n}}', os.O_CREAT))"
    sandbox.evidence.files.scan()
    assert sandbox.exec(["/usr/bin/python3", "-c", many], timeout_s=120).ok
    after = sandbox.evidence.files.scan()
    assert after.complete
    assert sum(change.path.startswith("/work/m/") for change in after.changes) == number
    listed = sandbox.exec("ls /work/m | wc -l", session="main", timeout_s=60)
    assert listed.stdout.strip() == str(number).encode()
    assert sandbox.read(f"/work/m/{number - 1}").error == 0
