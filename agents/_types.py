"""What passes between the runner and an agent: messages, tool calls, tool specifications and answers."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from types import TracebackType
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from ..records import JsonObject, Model, Subject, Volatile, clean_text

Text = Annotated[str, AfterValidator(clean_text)]
"""Text without lone surrogates, whoever made it."""


class ToolCall(Model):
    """A tool call as the agent made it. Name and arguments are the agent's and not validated."""

    id: Text
    """Ours, unique in the episode: ``a3_1`` is the first call of the third answer."""
    name: Text
    arguments: Text
    """Raw JSON text: the broker parses and validates it."""


class Message(Model):
    """One entry of the history that an agent acts on. The runner writes it."""

    role: Literal["system", "user", "assistant", "tool"]
    text: Text
    calls: tuple[ToolCall, ...] = ()
    """Calls of an assistant message."""
    call_id: Text | None = None
    """The call that a tool message is the result of."""
    name: Text | None = None
    """The tool of a tool message, or the channel of a notice; None for the prompt, the goal and a nudge."""

    @model_validator(mode="after")
    def _fits_its_role(self) -> Self:
        if (self.role == "tool") != (self.call_id is not None):
            raise ValueError("a tool message names the call that it answers, and no other message does")
        if self.calls and self.role != "assistant":
            raise ValueError("only an assistant message makes calls")
        return self


class Answer(Model):
    """One answer of an agent with everything that it cost. No calls mean that the agent did not act."""

    id: str
    """``a3`` is the third answer of the history."""
    text: Text = ""
    calls: tuple[ToolCall, ...] = ()
    model: Text | None = None
    """Model id that the provider says it used."""
    fingerprint: Text | None = None
    input_tokens: int | None = Field(default=None, ge=0)
    output_tokens: int | None = Field(default=None, ge=0)
    usage_source: Literal["provider", "estimate", "none"] = "none"
    """``estimate`` counts four characters as a token; ``none`` where no model was asked."""
    raw_usage: JsonObject | None = None
    """Usage as the provider reported it, cached and reasoning tokens included."""
    usd: float | None = Field(default=None, ge=0)
    """None is "unknown", never 0."""
    attempts: int = Field(default=1, ge=1)
    errors: tuple[str, ...] = ()
    """One classified line for each attempt that failed before this answer, without secrets."""
    hint: str = ""
    """Ours: why the text holds no call, fit to be shown to the agent; empty where nothing went wrong."""
    reminder: str = ""
    """Ours: how a call is written, for a model that may have forgotten; empty where the provider knows."""
    cut: Text = ""
    """What the model wrote behind its call and is not shown again (text protocol): often an invented result."""
    latency_s: Annotated[float | None, Volatile] = None
    """Host monotonic seconds, retries and waits included."""

    def message(self) -> Message:
        """The answer as the entry of the history that it becomes."""
        return Message(role="assistant", text=self.text, calls=self.calls)


class ToolSpec(Model):
    """One tool as the agent is told of it."""

    name: str
    description: str
    parameters: JsonObject
    """JSON Schema of the arguments object."""


class Agent(ABC):
    """Who acts: a function of the history, so that a branch can load a transcript.

    A context manager; leaving it closes the agent.
    """

    subject: Subject
    price_known: bool
    """Whether `Answer.usd` will hold a number: a dollar budget is refused where it will not."""

    @abstractmethod
    def act(self, history: Sequence[Message], tools: Sequence[ToolSpec]) -> Answer:
        """The next answer to this history.

        Raises:
            ModelFailure: The provider gave no usable answer within the bounded retries.
        """

    def check(self) -> None:  # noqa: B027 - most agents have nothing to look at
        """Look, at no cost, whether the agent can work at all.

        Raises:
            SetupError: It cannot; the message names the remedy.
        """

    def close(self) -> None:  # noqa: B027 - most agents hold nothing
        """Release what the agent holds. Closing twice is harmless."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
