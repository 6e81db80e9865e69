"""Words to fields: parameters, substitutions, splitting and braces, as far as text alone tells."""

import fnmatch
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from ._shell_tree import Param, Part, Run, Text, Word
from ._value import EMPTY, MAX_VALUE, Value, known

MAX_FIELDS = 256
MAX_REPARSE = 8
"""Nesting of ``${a:-${b:-…}}`` that is followed."""


@dataclass(slots=True)
class Field:
    """One argument. ``marks`` says how it was spelled where that is unusual."""

    text: str = ""
    marks: set[str] = field(default_factory=set[str])
    decoders: frozenset[str] = frozenset()
    pieces: list[tuple[int, bool, bool]] = field(default_factory=list[tuple[int, bool, bool]])
    """Start, whether quoted, whether from an expansion; one a piece."""

    def add(self, text: str, quoted: bool, expanded: bool) -> None:
        """Another piece of the same argument."""
        if text:
            self.pieces.append((len(self.text), quoted, expanded))
            self.text = (self.text + text)[:MAX_VALUE]


class Environment:
    """Variables, arrays and positional parameters of one shell session."""

    def __init__(self) -> None:
        self.values: dict[str, Value] = {
            "IFS": Value(" \t\n"),
            "PATH": Value("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
            "SHELL": Value("/bin/bash"),
            "BASH": Value("/bin/bash"),
        }
        self.arrays: dict[str, list[str]] = {}
        self.positional: list[str] | None = []
        """``$1`` and so on; None where the caller's arguments are not known."""

    def get(self, name: str) -> Value | None:
        """The variable's value, None where nothing here set it."""
        if self.positional is not None and name in ("@", "*"):
            return known(" ".join(self.positional))
        if self.positional is not None and name.isdigit() and name != "0":
            return Value("".join(self.positional[int(name[:6]) - 1 : int(name[:6])]))
        return self.values.get(name)

    def put(self, name: str, value: Value, append: bool = False) -> None:
        """Set or append."""
        before = self.values.get(name, EMPTY) if append else EMPTY
        if before.text is None or value.text is None:
            self.values[name] = Value(None, (before.written + value.written)[:MAX_VALUE], value.decoders)
        else:
            self.values[name] = known(before.text + value.text, before.decoders | value.decoders)


class Expander:
    """Expands words in an environment; ``run`` gives the output of a substitution."""

    def __init__(self, env: Environment, run: Callable[[Run], Value], parse: Callable[[str], Word]) -> None:
        self.env = env
        self._run = run
        self._parse = parse
        self._depth = 0

    def value(self, word: Word) -> Value:
        """The word as one text, unsplit: for assignments and redirections."""
        values = self._values(word)
        decoders = frozenset[str]().union(*(value.decoders for value in values))
        text = "".join(value.written for value in values)
        if any(value.text is None for value in values):
            return Value(None, text[:MAX_VALUE], decoders)
        return known(text, decoders)

    def fields(self, words: list[Word]) -> list[Field]:
        """All arguments of a command, at most `MAX_FIELDS`."""
        found: list[Field] = []
        for word in words:
            for spelled, braced in expand_braces(word):
                found.extend(self._split(spelled, braced))
                if len(found) > MAX_FIELDS:
                    return found[:MAX_FIELDS]
        return found

    def _values(self, word: Word) -> list[Value]:
        """The parts' values. An unset variable inside a name counts as empty, as it would for bash."""
        values = [self._part(part) for part in word]
        for at in inside_names(word):
            if values[at].text is None and isinstance(word[at], Param):
                values[at] = EMPTY
        return values

    def _split(self, word: Word, braced: bool) -> list[Field]:
        current = Field()
        done: list[Field] = []
        values = self._values(word)
        marks = _marks(word, values) | ({"brace"} if braced else set[str]())
        current.marks |= marks
        for part, value in zip(word, values, strict=True):
            current.decoders |= value.decoders
            if isinstance(part, Text) or part.quoted or value.text is None:
                current.add(value.written, part.quoted, not isinstance(part, Text))
                continue
            for number, piece in enumerate(self._pieces(value.text)):
                if number and current.pieces:
                    done.append(current)
                    current = Field(decoders=current.decoders, marks=set(marks))
                current.add(piece, quoted=False, expanded=True)
        quoted_empty = any(part.quoted for part in word)
        return [*done, current] if current.pieces or quoted_empty else done

    def _pieces(self, text: str) -> list[str]:
        ifs = (self.env.values["IFS"].text or "")[:16]
        return re.split(f"[{re.escape(ifs)}]+", text)[:MAX_FIELDS] if ifs else [text]

    def _part(self, part: Part) -> Value:
        if isinstance(part, Text):
            return Value(part.value)
        if isinstance(part, Run):
            return self._run(part)
        return self._param(part)

    def _param(self, part: Param) -> Value:
        name = part.name
        if part.indirect:
            target = self.env.get(name)
            if target is None or not target.text:
                return Value(None, "${!" + name + "}")
            name = target.text
        item = _subscript(part.op)
        if item is not None and name in self.env.arrays:
            return self._array_item(name, item[0], item[1])
        value = self.env.get(name)
        return self._operate(name, value, item[1] if item else part.op)

    def _array_item(self, name: str, index: str, op: str) -> Value:
        items = self.env.arrays[name]
        if index in "@*":
            value = known(" ".join(items))
        else:
            number = int(index) if re.fullmatch(r"-?\d{1,6}", index) else -1
            value = Value(items[number]) if -len(items) <= number < len(items) else EMPTY
        return self._operate(name, value, op)

    def _operate(self, name: str, value: Value | None, op: str) -> Value:
        default = re.match(r":?([-=+?])", op)
        if default and not re.match(r":\s*-?\d", op):
            return self._default(name, value, default[1], op[default.end() :])
        if value is not None and value.text is not None:
            return known(_operated(value.text, op, self._word_text), value.decoders)
        if value is not None and not op:
            return value
        return Value(None, "${" + name + op[:80] + "}" if op else "$" + name)

    def _default(self, name: str, value: Value | None, sign: str, word: str) -> Value:
        if sign == "+":
            return EMPTY if value is None else known(self._word_text(word))
        if value is not None and value.written:
            return value
        chosen = known(self._word_text(word))
        if sign == "=":
            self.env.put(name, chosen)
        return chosen

    def _word_text(self, source: str) -> str:
        if self._depth >= MAX_REPARSE or not re.search(r"[$`'\"\\]", source):
            return source
        self._depth += 1
        text = self.value(self._parse(source)).written
        self._depth -= 1
        return text


def inside_names(word: Word) -> list[int]:
    """Which expansions stand between two letters or digits, other expansions apart: ``r${nothing}m``."""
    found: list[int] = []
    waiting: list[int] = []
    open_name = False
    for at, part in enumerate(word):
        if not isinstance(part, Text):
            waiting.append(at)
        elif part.value:
            found += waiting if open_name and part.value[0].isalnum() else []
            waiting = []
            open_name = part.value[-1].isalnum()
    return found


def _marks(word: Word, values: list[Value]) -> set[str]:
    marks: set[str] = set()
    if any(isinstance(part, Text) and part.odd for part in word):
        marks.add("ansi")
    if len(word) > 1 and any(isinstance(part, Text) and part.quoted and not part.value for part in word):
        marks.add("empty")
    if any(values[at].text == "" for at in inside_names(word)):
        marks.add("hollow")
    if any(isinstance(part, Param) and part.name == "IFS" and not part.quoted for part in word):
        marks.add("ifs")
    return marks


def _subscript(op: str) -> tuple[str, str] | None:
    """``[index]`` at the start of an operator, and the rest."""
    match = re.match(r"\[([^\]]{0,40})\]", op)
    return (match[1], op[match.end() :]) if match else None


def _operated(text: str, op: str, word_text: Callable[[str], str]) -> str:
    """What ``${name<op>}`` gives for a known text; the text itself for an operator that is not known here."""
    if op == "#length":
        return str(len(text))
    cut = re.match(r":\s*(-?\d{1,6})(?::\s*(-?\d{1,6}))?$", op)
    if cut:
        return _substring(text, int(cut[1]), int(cut[2]) if cut[2] else None)
    sign = op[:1]
    if sign in ("^", ","):
        return _in_case(text, sign, everywhere=op[1:2] == sign)
    if sign in ("#", "%"):
        return _trimmed(text, sign, op[:2] == sign * 2, word_text(op.lstrip(sign)))
    return _replaced(text, op, word_text) if sign == "/" else text


def _in_case(text: str, sign: str, everywhere: bool) -> str:
    change = str.upper if sign == "^" else str.lower
    return change(text) if everywhere else change(text[:1]) + text[1:]


def _substring(text: str, start: int, length: int | None) -> str:
    begin = max(0, len(text) + start) if start < 0 else start
    if length is None:
        return text[begin:]
    return text[begin:length] if length < 0 else text[begin : begin + length]


def _trimmed(text: str, side: str, longest: bool, pattern: str) -> str:
    sizes = range(min(len(text), 256) + 1)
    for size in reversed(sizes) if longest else sizes:
        at = size if side == "#" else len(text) - size
        piece, rest = (text[:at], text[at:]) if side == "#" else (text[at:], text[:at])
        if fnmatch.fnmatchcase(piece, pattern[:80]):
            return rest
    return text


def _replaced(text: str, op: str, word_text: Callable[[str], str]) -> str:
    everywhere = op.startswith("//")
    old, _, new = op[2 if everywhere else 1 :].partition("/")
    old, new = word_text(old), word_text(new)
    if not old:
        return text
    if re.search(r"[*?\[]", old):
        found = re.search(fnmatch.translate(old[:80]).removesuffix(r"\Z"), text[:256])
        return text.replace(found[0], new, -1 if everywhere else 1) if found and found[0] else text
    return text.replace(old, new, -1 if everywhere else 1)[: 2 * MAX_VALUE]


def expand_braces(word: Word) -> list[tuple[Word, bool]]:
    """``{a,b}`` of literal text as several words; each with whether a brace made it.

    >>> [spelled[0].value for spelled, _ in expand_braces((Text("{rm,-rf,/x}"),))]
    ['rm', '-rf', '/x']
    """
    if len(word) != 1 or not isinstance(word[0], Text) or word[0].quoted or "{" not in word[0].value:
        return [(word, False)]
    spelled = _braces(word[0].value, 4)
    return [((Text(text),), len(spelled) > 1) for text in spelled]


def _braces(text: str, depth: int) -> list[str]:
    match = re.search(r"\{([^{}]*,[^{}]*)\}", text) if depth and len(text) <= 4096 else None
    if not match:
        return [text]
    found: list[str] = []
    for item in match[1].split(",")[:64]:
        found.extend(_braces(text[: match.start()] + item + text[match.end() :], depth - 1))
    return found[:64]
