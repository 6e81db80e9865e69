"""The history as rounds: each answer of the agent with what followed it."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ._types import Message


class Round(NamedTuple):
    """One answer and everything up to the next one."""

    answer: Message
    results: tuple[Message | None, ...]
    """For each call of the answer, in its order, the tool message that answers it; None where there is none."""
    others: tuple[Message, ...]
    """Notices, nudges and tool messages that answer no call of this round, in the order of the history."""


class Rounds(NamedTuple):
    """A whole history."""

    prologue: tuple[Message, ...]
    """Everything before the first answer."""
    rounds: tuple[Round, ...]


def split_rounds(history: Iterable[Message]) -> Rounds:
    """Group a history by the agent's answers, whatever order the messages of a round came in."""
    prologue: list[Message] = []
    groups: list[list[Message]] = []
    for message in history:
        if message.role == "assistant":
            groups.append([message])
        else:
            (groups[-1] if groups else prologue).append(message)
    return Rounds(tuple(prologue), tuple(_round(group[0], group[1:]) for group in groups))


def answer_id(history: Sequence[Message]) -> str:
    """Id of the answer that comes next.

    >>> answer_id([Message(role="user", text="go"), Message(role="assistant", text="yes")])
    'a2'
    """
    return f"a{1 + sum(message.role == 'assistant' for message in history)}"


def _round(answer: Message, following: list[Message]) -> Round:
    own = {call.id for call in answer.calls}
    results: dict[str, Message] = {}
    others: list[Message] = []
    for message in following:
        if message.call_id in own and message.call_id not in results:
            results[str(message.call_id)] = message
        else:
            others.append(message)
    return Round(answer, tuple(results.get(call.id) for call in answer.calls), tuple(others))
