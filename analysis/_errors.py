"""Errors of the analysis, drawn once.

::

    AnalysisError
    ├── RunNotFoundError       (also FileNotFoundError)   the path holds no run
    ├── DuplicateEpisodeError  (also ValueError)          one episode would count twice
    ├── UnknownVerdictsError   (also LookupError)         the run holds no verdicts of that version
    ├── ProfileError           (also ValueError)          a threshold profile or an external score is not usable
    ├── MixedSubjectsError     (also ValueError)          rows of several models would be one number
    ├── ScriptedSubjectError   (also ValueError)          a script would be decided on as if it were a model
    ├── InvalidRunError                                   a run or its tables are not what was written: nothing is said
    ├── TableError             (also ValueError)          a table lacks columns, or holds what they cannot hold
    ├── ExportError            (also OSError)             tables cannot be written or read
    ├── UnknownPageError       (also LookupError)         there is no page or format of that name
    ├── NumberError            (also LookupError)         the report holds no number of that id
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


class ProfileError(AnalysisError, ValueError):
    """A threshold profile, or a file of external scores, is not there, not understood, or has no source."""


class MixedSubjectsError(AnalysisError, ValueError):
    """Rows of several models, scaffolds or forms stand together where a number is about one."""


class ScriptedSubjectError(AnalysisError, ValueError):
    """Only scripts were run: they prove the instrument and say nothing about a model."""


class InvalidRunError(AnalysisError):
    """A record of the run, or a table that was made of it, is not as it was written: no decision can rest on it."""


class NumberError(AnalysisError, LookupError):
    """A report holds no number of that id."""


class PageError(AnalysisError, OSError):
    """The page of a report cannot be written where it should stand."""


class TableError(AnalysisError, ValueError):
    """A table lacks columns that it needs, or a column holds what it cannot hold."""


class ExportError(AnalysisError, OSError):
    """A folder of tables cannot be written where it should stand, or a file of it cannot be read."""


class UnknownPageError(AnalysisError, LookupError):
    """There is no page, no format or no episode of that name."""
