"""What a run directory lies on, and what that may cost its records."""

from pathlib import Path

_MEMORY = frozenset({"tmpfs", "ramfs"})
_LAYERS = frozenset({"overlay", "aufs"})
_REMOTE = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "virtiofs", "ceph", "glusterfs", "lustre", "afs"})
_HELP = "to keep the records, choose another --out"


def doubt_about(folder: Path, mountinfo: str | None = None) -> str:
    """Why records in a folder may not last, in words; "" where nothing speaks against it.

    The folder need not be there yet. ``mountinfo`` is the kernel's table of mounts, its own by default (`OSError`
    where there is none).
    """
    kind = _kind_of(folder.resolve(), mountinfo or Path("/proc/self/mountinfo").read_text(encoding="utf-8"))
    if kind in _MEMORY:
        return f"{folder} lies in memory ({kind}): a reboot loses the run; {_HELP}"
    if kind in _LAYERS:
        return f"{folder} lies in the layer of a container ({kind}): the run goes with the container; {_HELP}"
    if kind in _REMOTE or kind.startswith("fuse."):
        return f"{folder} lies on a network or user-space file system ({kind}): syncs and locks may not hold; {_HELP}"
    return ""


def _kind_of(folder: Path, mountinfo: str) -> str:
    """File system of the innermost mount that holds a folder; of several at one place the last one is seen."""
    found, depth = "", -1
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        where = Path(left.split()[4].encode().decode("unicode_escape"))
        if folder.is_relative_to(where) and len(where.parts) >= depth:
            found, depth = right.split()[0], len(where.parts)
    return found
