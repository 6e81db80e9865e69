"""Errors of the runner, drawn once.

::

    RunnerError
    ├── SpecError      (also ValueError)     the experiment cannot be run as it is written; nothing was started
    ├── SubjectError   (also RuntimeError)   a subject does not answer; nothing was started
    └── RunFailed      (also RuntimeError)   the run cannot go on; what was recorded before stays

Errors of the engine, of records and of agents pass through as they are.
"""


class RunnerError(Exception):
    """Base of everything that can go wrong in a run as a whole."""


class SpecError(RunnerError, ValueError):
    """An experiment that cannot be run as it is written. One line a problem, with file, line and key."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class SubjectError(RunnerError, RuntimeError):
    """A subject that cannot be asked at this moment, for example a server that nobody started."""


class RunFailed(RunnerError, RuntimeError):
    """The run cannot go on."""
