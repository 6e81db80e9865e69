"""Which mounts are allowed, on machines of other kinds than this one: as their kernels show them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offswitch.sandbox import SEALED
from offswitch.sandbox import _mount_rules as rules
from offswitch.sandbox._mounts import Mount, parse_mounts

GROUP = "/system.slice/docker-0a1b.scope"
V2 = f"""
700 600 0:60 / / ro,relatime - overlay overlay rw,lowerdir=/x
701 700 0:61 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw
702 700 0:62 / /dev rw,nosuid - tmpfs tmpfs rw,size=65536k,mode=755,inode64
703 702 0:63 / /dev/pts rw,nosuid,noexec,relatime - devpts devpts rw,gid=5,mode=620,ptmxmode=666
704 700 0:64 / /sys ro,nosuid,nodev,noexec,relatime - sysfs sysfs ro
705 704 0:29 {GROUP} /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw,nsdelegate
706 702 0:65 / /dev/mqueue rw,nosuid,nodev,noexec,relatime - mqueue mqueue rw
707 702 0:66 / /dev/shm rw,nosuid,nodev,noexec,relatime - tmpfs shm rw,size=16384k,inode64
708 700 8:1 /agentd /agentd ro,relatime - ext4 /dev/sda1 rw
709 700 8:1 /x/resolv.conf /etc/resolv.conf ro,relatime - ext4 /dev/sda1 rw
710 700 8:1 /x/hostname /etc/hostname ro,relatime - ext4 /dev/sda1 rw
711 700 8:1 /x/hosts /etc/hosts ro,relatime - ext4 /dev/sda1 rw
712 701 0:61 /bus /proc/bus ro,nosuid,nodev,noexec,relatime - proc proc rw
713 701 0:67 / /proc/acpi ro,relatime - tmpfs tmpfs ro,inode64
714 701 0:62 /null /proc/kcore rw,nosuid - tmpfs tmpfs rw,size=65536k,mode=755,inode64
715 704 0:68 / /sys/firmware ro,relatime - tmpfs tmpfs ro,inode64
720 700 0:70 / /work rw,nosuid,nodev,relatime - tmpfs tmpfs rw,size=65536k,nr_inodes=16384
721 700 0:71 / /home/agent rw,nosuid,nodev,relatime - tmpfs tmpfs rw,size=16384k,nr_inodes=4096
722 700 0:72 / /tmp rw,nosuid,nodev,relatime - tmpfs tmpfs rw,size=32768k,nr_inodes=8192
723 700 0:73 / /run rw,nosuid,nodev,relatime - tmpfs tmpfs rw,size=4096k,nr_inodes=2048
""".strip()
"""A sealed container of an engine that runs as root where there are control groups of the second version only."""
NODES = {"/proc/kcore": "c 1:3"}


def judged(text: str, nodes: dict[str, str] | None = None) -> tuple[list[str], list[str], list[str]]:
    mounted: list[Mount] = parse_mounts(text)
    found = rules.unexpected(SEALED, mounted, NODES if nodes is None else nodes)
    return found, rules.foreign_groups(mounted, [GROUP]), rules.loose(SEALED, mounted)


def test_a_container_among_control_groups_of_the_second_version_is_as_it_should_be() -> None:
    assert judged(V2) == ([], [], [])


@pytest.mark.parametrize(
    ("line", "instead", "named"),
    [
        (f"0:29 {GROUP} ", "0:29 / ", (0, 1, 0)),
        (f"0:29 {GROUP} ", "0:29 /user.slice ", (0, 1, 0)),
        ("/sys/fs/cgroup ro,", "/sys/fs/cgroup rw,", (0, 0, 1)),
        ("/work rw,nosuid,nodev", "/work rw,nosuid", (0, 0, 1)),
        ("/etc/hosts ro,", "/etc/hosts rw,", (0, 0, 1)),
        ("0:61 /bus /proc/bus ro,", "0:61 /bus /proc/bus rw,", (1, 0, 0)),
        ("0:61 /bus /proc/bus ", "0:61 / /proc/bus ", (1, 0, 0)),
        ("/proc/acpi ro,relatime - tmpfs tmpfs ro", "/proc/acpi rw,relatime - tmpfs tmpfs rw", (1, 0, 0)),
        ("721 700 0:71 / /home/agent", "721 700 0:71 / /home/other", (1, 0, 1)),
        ("708 700 8:1 /agentd /agentd", "708 700 8:1 /agentd /agentx", (1, 0, 1)),
        ("/run rw,nosuid,nodev,relatime -", "/run rw,nosuid,nodev,relatime shared:7 -", (0, 0, 1)),
        ("- mqueue mqueue", "- ext4 /dev/sda1", (1, 0, 0)),
    ],
)
def test_one_mount_that_is_otherwise_is_named_under_its_fact(
    line: str, instead: str, named: tuple[int, int, int]
) -> None:
    assert V2.count(line) == 1
    found = judged(V2.replace(line, instead))
    assert tuple(len(one) for one in found) == named


def test_what_is_only_called_null_hides_nothing() -> None:
    """A file of that name from elsewhere, in the place of the empty device."""
    assert judged(V2, {})[0] == ["/proc/kcore"]
    assert judged(V2, {"/proc/kcore": "c 1:1"})[0] == ["/proc/kcore"]


@pytest.mark.parametrize(("told", "fine"), [("c 1:3", True), ("c 1:1", False), ("b 1:3", False)])
def test_devices_of_the_host_are_known_by_their_numbers(told: str, fine: bool) -> None:
    """In a user namespace no node can be made, so that each is a mount."""
    text = f"{V2}\n730 702 0:6 /null /dev/null rw,nosuid - devtmpfs udev rw"
    assert (judged(text, {**NODES, "/dev/null": told})[0] == []) is fine


def test_files_of_the_engine_may_be_absent_and_nothing_else() -> None:
    lines = V2.splitlines()
    for index, line in enumerate(lines):
        where = line.split(" ")[4]
        missing = judged("\n".join(lines[:index] + lines[index + 1 :]))[2]
        wanted = where in {place.path for place in SEALED.places} | {"/agentd"}
        assert missing == ([f"{where} is absent"] if wanted else [])


@given(st.sampled_from(["/srv", "/proc/self", "/sys/kernel", "/dev/kvm", "/sys/fs/cgroup/x", "/opt"]))
def test_a_disk_of_the_host_is_expected_nowhere(where: str) -> None:
    assert judged(f"{V2}\n740 700 8:1 /home {where} ro,nosuid,nodev,noexec - ext4 /dev/sda1 ro")[0] == [where]


def test_only_control_groups_stand_among_control_groups() -> None:
    """A memory of the host's that holds them all looks like an empty folder elsewhere below /sys."""
    extra = "741 700 0:30 / /sys/fs/cgroup/extra ro,nosuid,nodev,noexec - tmpfs tmpfs ro,size=4096k"
    assert judged(f"{V2}\n{extra}")[0] == ["/sys/fs/cgroup/extra"]
