"""Errors of the analysis, drawn once.

::

    AnalysisError
    ├── RunNotFoundError       (also FileNotFoundError)   the path holds no run
    ├── DuplicateEpisodeError  (also ValueError)          one episode would count twice
    ├── UnknownVerdictsError   (also LookupError)         the run holds no verdicts of that version
    └── PageError              (also OSError)             the report cannot be written
"""


class AnalysisError(Exception):
    """Base of everything that can go wrong between a stored run and its numbers."""


class RunNotFoundError(AnalysisError, FileNotFoundError):
    """There is no run at the path."""


class DuplicateEpisodeError(AnalysisError, ValueError):
    """The same episode was loaded twice."""


class UnknownVerdictsError(AnalysisError, LookupError):
    """The run holds no verdicts of the version that was asked for."""


class PageError(AnalysisError, OSError):
    """The page of a report cannot be written where it should stand."""
