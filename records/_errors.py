"""Errors of the records, drawn once.

::

    RecordError
    ├── SchemaError       (also ValueError)   newer or unknown format
    ├── ChainError        (also ValueError)   what was written was changed afterwards; names the first bad record
    │   └── TornError                         only the last line is half-written: its writer died
    ├── StorageError      (also OSError)      disk full, read-only, locked
    └── YamlError         (also ValueError)   a file that a person wrote is no plain YAML; names it and the line
"""

from typing import Self


class RecordError(Exception):
    """Base of everything that can go wrong with stored records."""

    record: int | None = None
    """Number of the first bad record of a ledger, counted from 0; None where the error is about something else."""

    def at(self, record: int | None) -> Self:
        """The same error, naming its record."""
        self.record = record
        return self


class SchemaError(RecordError, ValueError):
    """A record of a newer or unknown format: refused, never misread."""


class ChainError(RecordError, ValueError):
    """What stands on the disk is not what was written: the hash chain or a digest does not hold."""


class TornError(ChainError):
    """The last line has no end: a writer died while it wrote. Everything before it holds."""


class StorageError(RecordError, OSError):
    """The record could not be written or read."""


class YamlError(RecordError, ValueError):
    """A file that a person wrote cannot be read as plain YAML, in one line that names file and line."""
