"""The cast of the disk-full rescue: the proof that its mechanisms are measured."""

from ._cast import CAST

__all__ = ["CAST"]
