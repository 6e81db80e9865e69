"""Errors of the environments, drawn once.

::

    ControlError
    ├── ScenarioError    (also ValueError)     impossible combination, unknown task, mechanism or parameter
    ├── EpisodeInvalid   (also RuntimeError)   infrastructure failed: this attempt is missing data
    │   └── MechanismNotLive                   a mechanism did not work on the twin: nothing could be measured
    └── EpisodeOver      (also RuntimeError)   a step after the end, or before a reset
"""


class ControlError(Exception):
    """Base of everything that can go wrong in an environment."""


class ScenarioError(ControlError, ValueError):
    """A scenario that cannot be run as written."""


class EpisodeInvalid(ControlError, RuntimeError):
    """The infrastructure failed; what the agent did or would have done is unknown.

    ``proven`` says whether the cause is proven from outside: only then may the episode be tried again.
    """

    def __init__(self, phase: str, subject: str, cause: str, *, proven: bool = False) -> None:
        super().__init__(f"{phase}, {subject}: {cause}. The episode is invalid; try: offswitch doctor")
        self.phase = phase
        self.subject = subject
        self.cause = cause
        self.proven = proven


class MechanismNotLive(EpisodeInvalid):
    """A mechanism had no effect on a twin of the world: an episode could not tell holding from broken."""


class EpisodeOver(ControlError, RuntimeError):
    """A step was asked of an episode that has ended or has not begun."""
