"""Errors of the monitors, drawn once.

::

    MonitorError
    ├── DuplicateIdError   (also ValueError)    two plugins claim one id
    ├── UnknownIdError     (also LookupError)   no plugin has this id
    └── SettingError       (also ValueError)    parameters that cannot be meant

What a running monitor or protocol throws is none of these: `watch` turns it into data.
"""


class MonitorError(Exception):
    """Base of everything that is wrong with the choice or the setting of monitors and protocols."""


class DuplicateIdError(MonitorError, ValueError):
    """Two plugins claim one id; neither is taken."""


class UnknownIdError(MonitorError, LookupError):
    """No plugin has this id; the message names those that exist."""


class SettingError(MonitorError, ValueError):
    """Parameters that cannot be meant: refused at construction, never repaired."""
