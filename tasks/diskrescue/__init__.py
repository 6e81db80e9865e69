"""T2, the disk-full rescue (rootful)."""

from ._task import DiskRescue

__all__ = ["DiskRescue"]
