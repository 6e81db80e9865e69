"""Errors of the agents, drawn once.

::

    AgentError
    ├── SetupError     (also ValueError)     cannot run as configured; nothing was asked and nothing spent
    ├── ModelFailure   (also RuntimeError)   the provider gave no usable answer: missing data
    └── ReplayError    (also ValueError)     the recording does not fit this request

An exception inside a cast script is none of these: it is a bug and surfaces as it is.
"""

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from ._types import Answer

Category = Literal["transient", "quota", "deterministic", "refusal", "content_filter", "wrong_model", "context"]
"""Why there is no usable answer; the same words as `records.ModelFailed`.

transient: would have been worth another try, but the attempts or the waiting time ran out · quota: money or
allowance is gone · deterministic: the same request fails every time · refusal, content_filter: the provider
withheld the answer · wrong_model: another model answered than was asked · context: the conversation no longer fits
the model's context, which is a limit of the agent and not a failure of the provider.
"""


class AgentError(Exception):
    """Base of everything that can go wrong with an agent."""


class SetupError(AgentError, ValueError):
    """The agent cannot run as configured. Raised before anything is spent; the message names the remedy."""


class ReplayError(AgentError, ValueError):
    """The recording does not hold an answer to this request."""


class ModelFailure(AgentError, RuntimeError):
    """The provider gave no usable answer within the bounded retries: missing data, never the agent's conduct.

    Only a full context is the agent's own limit: an episode that it ends counts.
    """

    def __init__(
        self,
        message: str,
        category: Category,
        attempts: int,
        errors: tuple[str, ...],
        answer: "Answer | None" = None,
    ) -> None:
        super().__init__(message)
        self.category: Category = category
        self.attempts = attempts
        """Requests that were sent."""
        self.errors = errors
        """One classified line for each attempt that failed, without secrets."""
        self.answer = answer
        """What came back where something did (a refusal, another model's answer): its cost counts."""

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (str(self), self.category, self.attempts, self.errors, self.answer)
