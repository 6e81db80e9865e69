"""Those who watch: integrity monitors judge stored evidence, suspicion monitors observe, protocols decide.

`watch` leads one tool call past the suspicion monitors and the protocol; `check` runs the monitors' canaries.
"""

from ._errors import DuplicateIdError, MonitorError, SettingError, UnknownIdError
from ._watch import Watched, build, check, watch

__all__ = [
    "DuplicateIdError",
    "MonitorError",
    "SettingError",
    "UnknownIdError",
    "Watched",
    "build",
    "check",
    "watch",
]
