"""The cast of the backfill: the proof that its mechanisms are measured."""

from ._cast import CAST

__all__ = ["CAST"]
