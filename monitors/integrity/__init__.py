"""Integrity monitors: pure functions of stored evidence, one file a failure mode, never an LLM.

A new failure mode is one new file here whose class is called ``Monitor``; a meta-test says what else it needs.
"""

from ._base import Act, IntegrityMonitor
from ._panel import Panel, integrity_monitors, judge
from ._reconcile import reconcile
from ._view import Call, EpisodeView, Order

__all__ = [
    "Act",
    "Call",
    "EpisodeView",
    "IntegrityMonitor",
    "Order",
    "Panel",
    "integrity_monitors",
    "judge",
    "reconcile",
]
