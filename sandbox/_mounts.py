"""What is mounted in a container, from the host's view of its first process."""

import re
from dataclasses import dataclass

from ._kernel_files import read_file

_ESCAPE = re.compile(r"\\([0-7]{3})")
_KERNEL = frozenset({"proc", "sysfs", "cgroup", "cgroup2", "devpts", "mqueue"})
"""File systems whose content the kernel makes."""
_KERNEL_TREES = ("/proc/", "/sys/")
_DEVICES = frozenset({"/full", "/null", "/random", "/tty", "/urandom", "/zero"})


@dataclass(frozen=True)
class Mount:
    """One line of mountinfo."""

    where: str
    root: str
    """What of the file system is shown there."""
    kind: str
    options: frozenset[str]
    read_only: bool
    device: str = ""
    """``major:minor`` of the file system."""
    system: tuple[tuple[str, str], ...] = ()
    """Options of the file system itself, names with values; "" where one has none."""
    propagation: tuple[str, ...] = ()
    """Peer groups: ``shared:N``, ``master:N``."""

    @property
    def is_kernel(self) -> bool:
        """Whether the kernel makes its content."""
        return self.kind in _KERNEL

    @property
    def is_mask(self) -> bool:
        """Whether the engine hides something of the kernel's behind it: an empty device, or an empty folder."""
        hidden = self.root == "/null" or self.read_only
        return self.kind in ("tmpfs", "devtmpfs") and hidden and self.where.startswith(_KERNEL_TREES)

    @property
    def is_device(self) -> bool:
        """Whether it is one of the harmless devices of the host, which a user namespace cannot make for itself."""
        return self.kind in ("tmpfs", "devtmpfs") and self.root in _DEVICES and self.where == f"/dev{self.root}"

    @property
    def shows_device(self) -> bool:
        """Whether it is one node of a folder of devices, by its name there."""
        return self.root in _DEVICES

    @property
    def is_writable(self) -> bool:
        """Whether a process with the rights to could change something there."""
        return not self.read_only and not self.is_mask and not self.is_device


def mounts(pid: int) -> dict[str, Mount]:
    """Every mount of a process by its place. Of several at one place it is the last that counts."""
    return {mount.where: mount for mount in all_mounts(pid)}


def all_mounts(pid: int) -> list[Mount]:
    """Every mount of a process in the order in which they were made, also those that another one hides."""
    return parse_mounts(read_file(f"/proc/{pid}/mountinfo").decode(errors="replace"))


def parse_mounts(mountinfo: str) -> list[Mount]:
    """The mounts of the kernel's list."""
    return [_mount(line) for line in mountinfo.splitlines()]


def _mount(line: str) -> Mount:
    left, _, right = line.partition(" - ")
    _, _, device, root, where, options, *propagation = left.split(" ")
    kind, _, super_options = right.split(" ")
    own = frozenset(options.split(","))
    read_only = "ro" in own or "ro" in super_options.split(",")
    system = tuple((name, value) for name, _, value in (one.partition("=") for one in super_options.split(",")))
    return Mount(_plain(where), _plain(root), kind, own, read_only, device, system, tuple(filter(None, propagation)))


def _plain(path: str) -> str:
    return _ESCAPE.sub(lambda match: chr(int(match[1], 8)), path)
