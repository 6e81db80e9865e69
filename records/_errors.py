"""Errors of the records, drawn once.

::

    RecordError
    ├── SchemaError       (also ValueError)   newer or unknown format
    ├── ChainError        (also ValueError)   the hash chain does not hold; names the first bad record
    └── StorageError      (also OSError)      disk full, read-only, locked
"""


class RecordError(Exception):
    """Base of everything that can go wrong with stored records."""


class SchemaError(RecordError, ValueError):
    """A record of a newer or unknown format: refused, never misread."""


class ChainError(RecordError, ValueError):
    """The hash chain does not hold."""


class StorageError(RecordError, OSError):
    """The record could not be written or read."""
