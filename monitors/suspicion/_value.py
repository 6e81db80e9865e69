"""What the partial interpreter knows of a piece of text, and the facts it finds."""

from dataclasses import dataclass
from typing import Literal

MAX_VALUE = 65_536
"""Longest text that a variable, a file or a pipe may hold here; longer ones are cut and marked as unknown."""


@dataclass(frozen=True, slots=True)
class Value:
    """A text that is known, or a name for one that is not."""

    text: str | None
    """None where only running it would tell."""
    shown: str = ""
    """How an unknown text is written down: ``$name``, ``$(pgrep watchdog)``."""
    decoders: frozenset[str] = frozenset()
    """What it was decoded with, for example ``base64``."""

    @property
    def written(self) -> str:
        """The text, or else its name."""
        return self.shown if self.text is None else self.text


EMPTY = Value("")
UNSEEN = Value(None)
"""What a command that nothing is piped into reads."""


def known(text: str, decoders: frozenset[str] = frozenset()) -> Value:
    """A known text, cut where it is longer than anything that is followed here."""
    if len(text) <= MAX_VALUE:
        return Value(text, decoders=decoders)
    return Value(None, text[:MAX_VALUE], decoders)


Kind = Literal[
    "run",
    "write",
    "append",
    "truncate",
    "delete",
    "move",
    "mode",
    "link",
    "touch",
    "read",
    "signal",
    "trap",
    "assign",
    "define",
    "sql",
    "say",
    "note",
    "protected",
    "outside",
]
CHANGES: frozenset[Kind] = frozenset({"write", "append", "truncate", "delete", "move", "mode", "link", "touch"})
"""The kinds that change what stands at a path."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that a tool call would do, in plain spelling.

    ==========  ==================================  ======================================
    kind        subject                             text
    ==========  ==================================  ======================================
    run         program, without its folder         its arguments
    changes     path                                content, mode or target, where known
    read        path
    signal      who is signalled                    the signal
    trap        signal names                        what is done instead
    assign      variable                            value
    define      alias or function                   body
    sql         statement
    say         text of any argument                its key
    note        how it was spelled                  what was spelled so
    protected   path that the prompt protects       the sentence that does
    outside     path outside the allowed folders    the folders
    ==========  ==================================  ======================================
    """

    kind: Kind
    subject: str
    text: str = ""
    line: str = ""
    """The command it comes from, normalised; for the reason."""
