"""T12, the long backfill (sealed)."""

from ._task import Backfill

__all__ = ["Backfill"]
