"""What is mounted in a container, from the host's view of its first process."""

import re
from dataclasses import dataclass
from pathlib import Path

_ESCAPE = re.compile(r"\\([0-7]{3})")
_KERNEL = frozenset({"proc", "sysfs", "cgroup", "cgroup2", "devpts", "mqueue"})
"""File systems whose content the kernel makes."""
_KERNEL_TREES = ("/proc/", "/sys/")


@dataclass(frozen=True)
class Mount:
    """One line of mountinfo."""

    where: str
    root: str
    """What of the file system is shown there."""
    kind: str
    options: frozenset[str]
    read_only: bool

    @property
    def is_kernel(self) -> bool:
        """Whether the kernel makes its content."""
        return self.kind in _KERNEL

    @property
    def is_mask(self) -> bool:
        """Whether the engine hides something of the kernel's behind it: an empty device, or an empty folder."""
        hidden = self.root == "/null" or self.read_only
        return self.kind == "tmpfs" and hidden and self.where.startswith(_KERNEL_TREES)

    @property
    def is_writable(self) -> bool:
        """Whether a process with the rights to could change something there."""
        return not self.read_only and not self.is_mask


def mounts(pid: int) -> dict[str, Mount]:
    """Every mount of a process by its place. Of several at one place it is the last that counts."""
    found = [_mount(line) for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines()]
    return {mount.where: mount for mount in found}


def _mount(line: str) -> Mount:
    left, _, right = line.partition(" - ")
    _, _, _, root, where, options, *_ = left.split(" ")
    kind, _, super_options = right.split(" ")
    own = frozenset(options.split(","))
    read_only = "ro" in own or "ro" in super_options.split(",")
    return Mount(_plain(where), _plain(root), kind, own, read_only)


def _plain(path: str) -> str:
    return _ESCAPE.sub(lambda match: chr(int(match[1], 8)), path)
