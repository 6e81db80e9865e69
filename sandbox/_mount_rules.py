"""Which mounts a container may have, and how tight each has to be. What no rule names is refused."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from ._mounts import Mount
from ._profile import SHARED_MEMORY, SUPERVISOR_PATH, Profile

READ_ONLY_FILES = frozenset({"/etc/hosts", "/etc/hostname", "/etc/resolv.conf", SUPERVISOR_PATH})
DEVICES = {"full": "c 1:7", "null": "c 1:3", "random": "c 1:8", "tty": "c 5:0", "urandom": "c 1:9", "zero": "c 1:5"}
"""Device nodes that a container has, by name."""
ALWAYS_WRITABLE = frozenset({"/dev", SHARED_MEMORY, "/dev/mqueue", "/dev/pts", "/proc"})
"""As the kernel's table of mounts says; what stands there belongs to others."""
_ALL = frozenset({"nosuid", "nodev", "noexec"})
_KERNELS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "/": (frozenset({"overlay", "btrfs", "zfs", "xfs", "ext4", "fuse.fuse-overlayfs"}), frozenset({"ro"})),
    "/proc": (frozenset({"proc"}), _ALL),
    "/dev": (frozenset({"tmpfs"}), frozenset({"nosuid"})),
    "/dev/pts": (frozenset({"devpts"}), frozenset({"nosuid", "noexec"})),
    "/dev/mqueue": (frozenset({"mqueue"}), _ALL),
    SHARED_MEMORY: (frozenset({"tmpfs"}), _ALL),
    "/sys": (frozenset({"sysfs"}), _ALL | {"ro"}),
    "/sys/fs/cgroup": (frozenset({"tmpfs"}), _ALL),
}
"""Place → kinds of file system, and options that it must have."""
_CGROUPS = "/sys/fs/cgroup"
_GROUPS = ("cgroup", "cgroup2")


def unexpected(profile: Profile, mounted: Sequence[Mount], nodes: Mapping[str, str]) -> list[str]:
    """Places of mounts that nobody declared.

    ``nodes``: kind and numbers of the device nodes that are mounted by themselves, by place.
    """
    known = {place.path for place in profile.places} | READ_ONLY_FILES
    devices = {mount.where: mount.device for mount in mounted}
    return sorted({one.where for one in mounted if one.where not in known and not _is_kernels(one, devices, nodes)})


def foreign_groups(mounted: Sequence[Mount], groups: Sequence[str]) -> list[str]:
    """Places that show other control groups than ``groups``: the container's, as the kernel names them."""
    return sorted({one.where for one in mounted if _is_group(one) and (one.root not in groups or one.root == "/")})


def _is_group(mount: Mount) -> bool:
    """Whether control groups are shown where engines show them."""
    return mount.kind in _GROUPS and (mount.where == _CGROUPS or mount.where.startswith(f"{_CGROUPS}/"))


def _is_kernels(mount: Mount, devices: Mapping[str, str], nodes: Mapping[str, str]) -> bool:
    """The kernel's own, in the place where engines put it; whose control groups they are is another fact."""
    if mount.where.startswith("/dev/") and mount.where in nodes:  # the host's, where a user namespace has none
        return nodes[mount.where] == DEVICES.get(mount.where.removeprefix("/dev/"))
    if _is_group(mount) or mount.where.startswith(f"{_CGROUPS}/"):
        return _is_group(mount)
    if mount.where in _KERNELS:
        return mount.kind in _KERNELS[mount.where][0] and mount.root == "/"
    return mount.where.startswith(("/proc/", "/sys/")) and _is_shield(mount, devices, nodes)


def _is_shield(mount: Mount, devices: Mapping[str, str], nodes: Mapping[str, str]) -> bool:
    """A part of the kernel's own made read-only, or the empty device or an empty folder in its place."""
    if mount.kind in ("proc", "sysfs"):
        top = "/proc" if mount.kind == "proc" else "/sys"
        return mount.where == top + mount.root and mount.device == devices.get(top) and mount.read_only
    if mount.root == "/null":
        return nodes.get(mount.where) == DEVICES["null"]
    return mount.kind == "tmpfs" and mount.root == "/" and mount.read_only


def loose(profile: Profile, mounted: Sequence[Mount], strangers: Collection[str] = ()) -> list[str]:
    """What is looser than it has to be, in words: ``PLACE without OPTION``, ``PLACE passes mounts on``.

    ``strangers``: control groups that nobody in the container can write. The engine's own files may be absent.
    """
    shown = {mount.where: mount for mount in mounted}
    declared = [*(place.path for place in profile.places), *(() if profile.carried else (SUPERVISOR_PATH,))]
    found = [f"{where} is absent" for where in declared if where not in shown]
    found += [f"{where} without {option}" for where, option in _lacking(profile, shown, strangers)]
    found += [f"{one.where} passes mounts on" for one in mounted if _passes_on(one)]
    return sorted(set(found))


def _lacking(profile: Profile, shown: Mapping[str, Mount], strangers: Collection[str]) -> Iterator[tuple[str, str]]:
    needed = {place.path: frozenset({"nosuid", "nodev", "tmpfs"}) for place in profile.places}
    needed |= dict.fromkeys(READ_ONLY_FILES, frozenset({"ro"}))
    needed |= {where: options for where, (_, options) in _KERNELS.items()}
    needed |= {where: _ALL | {"ro"} for where, mount in shown.items() if _is_group(mount)}
    for where, options in needed.items():
        if where in shown:
            has = _has(shown[where]) | {shown[where].kind, "ro" if where in strangers else ""}
            yield from ((where, option) for option in sorted(options - has))


def _has(mount: Mount) -> frozenset[str]:
    return mount.options | {"ro"} if mount.read_only else mount.options


def _passes_on(mount: Mount) -> bool:
    """Whether a mount made on one side appears on the other; the root may only follow the host's."""
    return any(one.startswith("shared:") or mount.where != "/" for one in mount.propagation)
