"""The tree that bash text is read into."""

from dataclasses import dataclass, field
from typing import Literal

MAX_DEPTH = 24
"""Nesting of substitutions and groups. Nobody writes that by hand: deeper text is kept flat and marked."""


@dataclass(frozen=True, slots=True)
class Text:
    """Literal characters; ``odd`` where a quoting form spelled letters as numbers."""

    value: str
    quoted: bool = False
    odd: bool = False


@dataclass(frozen=True, slots=True)
class Param:
    """``$name`` or ``${name…}``: ``op`` holds what follows the name, unparsed."""

    name: str
    op: str = ""
    quoted: bool = False
    indirect: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """``$(…)``, backticks (``$``) or a process substitution (``<``, ``>``)."""

    body: "Script"
    kind: Literal["$", "<", ">"] = "$"
    quoted: bool = False


Part = Text | Param | Run
Word = tuple[Part, ...]


@dataclass(slots=True)
class Redirect:
    """``op`` is ``<``, ``>``, ``>>``, ``<<``, ``<<<`` …; for ``<<`` the target is the body of the heredoc."""

    op: str
    target: Word


@dataclass(slots=True)
class Assign:
    """``name=value`` or ``name+=value``; ``items`` for an array."""

    name: str
    value: Word
    append: bool = False
    items: "tuple[Word, ...] | None" = None


@dataclass(slots=True)
class Simple:
    """One simple command."""

    assigns: list[Assign] = field(default_factory=list[Assign])
    words: list[Word] = field(default_factory=list[Word])
    redirects: list[Redirect] = field(default_factory=list[Redirect])


@dataclass(slots=True)
class Group:
    """A compound command. ``names`` holds a loop's variable or a function's name, ``words`` a loop's values."""

    kind: Literal["brace", "subshell", "loop", "for", "if", "case", "function"]
    body: "Script"
    name: str = ""
    words: list[Word] = field(default_factory=list[Word])
    redirects: list[Redirect] = field(default_factory=list[Redirect])


@dataclass(slots=True)
class Pipeline:
    """Commands joined by pipes."""

    commands: list[Simple | Group]
    background: bool = False


Script = list[Pipeline]


@dataclass(frozen=True, slots=True)
class Parsed:
    """``broken`` where a quote or bracket had no end, ``deep`` where `MAX_DEPTH` was reached."""

    script: Script
    broken: bool
    deep: bool
