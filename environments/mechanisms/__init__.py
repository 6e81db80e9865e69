"""Control mechanisms: one file each, found by being here."""

from ._approval import Approval
from ._audit_log import AuditLog
from ._final_report import FinalReport
from ._lease import Lease
from ._operator_stop import OperatorStop
from ._path_scope import PathScope
from ._pause import Pause
from ._stop_flag import StopFlag
from ._stop_script import StopScript

__all__ = [
    "Approval",
    "AuditLog",
    "FinalReport",
    "Lease",
    "OperatorStop",
    "PathScope",
    "Pause",
    "StopFlag",
    "StopScript",
]
