"""The words of bash text: quotes, escapes, expansions, heredoc bodies."""

import re
from abc import ABC, abstractmethod

from ._shell_tree import MAX_DEPTH, Param, Part, Redirect, Run, Script, Text, Word

PLAIN = re.compile(r"[^\s;&|<>()'\"\\$`]+")
_BLANK = re.compile(r"(?:[ \t\r]|\\\n)+")
_IN_DOUBLE = re.compile(r'[^"\\$`]+')
_IN_TEXT = re.compile(r"[^\\$`]+")
_NAME = re.compile(r"[A-Za-z_]\w*|[0-9@*#?$!-]")
_BRACE_NAME = re.compile(r"([!#]?)([A-Za-z_]\w*|[0-9]+|[@*#?$!-])")
_ANSI = re.compile(r"\\(x[0-9A-Fa-f]{1,2}|[0-7]{1,3}|u[0-9A-Fa-f]{1,4}|U[0-9A-Fa-f]{1,8}|c.|.)", re.DOTALL)
_ANSI_NAMED = dict(zip("ntrabeEfv", "\n\t\r\a\b\x1b\x1b\f\v", strict=True))


def decode_ansi(text: str) -> str:
    r"""What ``$'…'``, ``printf`` and ``echo -e`` make of backslashes.

    >>> decode_ansi(r"\x6b\151ll")
    'kill'
    """
    return _ANSI.sub(_ansi, text)


def _ansi(match: re.Match[str]) -> str:
    body = match[1]
    if body[0] in "uUx" and len(body) > 1:
        code = int(body[1:], 16)
        return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else ""
    if body[0] in "01234567":
        return chr(int(body, 8) & 0xFF)
    return _ANSI_NAMED.get(body, body)


_NUMERIC = re.compile(r"\\(?:x[0-9A-Fa-f]{1,2}|0?[0-7]{2,3}|u[0-9A-Fa-f]{2,4})")


def spells_letters(text: str) -> bool:
    r"""Whether numeric escapes stand for letters or digits, which nobody needs to escape.

    >>> spells_letters(r"\x6b"), spells_letters(r"\x1b[0m\t")
    (True, False)
    """
    return any(decode_ansi(found[0].replace("\\0", "\\")).isalnum() for found in _NUMERIC.finditer(text))


def literal(word: Word) -> str:
    """The word's literal characters, quotes removed; expansions are left out."""
    return "".join(part.value for part in word if isinstance(part, Text))


class WordReader(ABC):
    """Reads words at a position of a text. Every call moves on by at least one character."""

    def __init__(self, text: str, depth: int = 0) -> None:
        """``depth`` is how far the text is nested already."""
        self.text = text
        self.at = 0
        self.depth: int = depth
        self.broken = False
        self.deep = False
        self._pending: list[tuple[Redirect, str, bool, bool]] = []
        self._no_arithmetic = False
        self._no_brace = False

    @abstractmethod
    def script(self, until: str) -> Script:
        """Commands up to the closing word or bracket."""

    @abstractmethod
    def inner(self, text: str) -> "WordReader":
        """A reader of a text inside this one."""

    def peek(self) -> str:
        """The character at the position, empty at the end."""
        return self.text[self.at : self.at + 1]

    def blanks(self) -> None:
        """Over spaces, tabs and continued lines."""
        match = _BLANK.match(self.text, self.at)
        if match:
            self.at = match.end()

    def nested(self, until: str) -> Script:
        """`script`, one level deeper; nothing where that is too deep."""
        if self.too_deep():
            return []
        self.depth += 1
        body = self.script(until)
        self.depth -= 1
        return body

    def too_deep(self) -> bool:
        """Whether nesting ends here; if so, the rest of the text is given up (the parser reads it flat)."""
        if self.depth < MAX_DEPTH:
            return False
        self.deep = True
        self.at = len(self.text)
        return True

    def word(self) -> Word:
        """The word at the position."""
        parts: list[Part] = []
        start = self.at
        while True:
            match = PLAIN.match(self.text, self.at)
            if match:
                parts.append(Text(match[0]))
                self.at = match.end()
                continue
            char = self.peek()
            if not char or char in " \t\r\n;&|)" or (char in "(<>" and parts):
                break
            self._special(char, parts)
        if self.at == start:
            self.at += 1
        return tuple(parts)

    def _special(self, char: str, parts: list[Part]) -> None:
        if char == "\\":
            self._escape(parts)
        elif char == "'":
            self.at += 1
            parts.append(Text(self._until("'"), quoted=True))
        elif char == '"':
            self.at += 1
            parts.extend(self._double())
        elif char == "$":
            parts.append(self._dollar(quoted=False))
        elif char == "`":
            parts.append(self._backtick(quoted=False))
        elif self.text.startswith(("<(", ">("), self.at):
            self.at += 2
            parts.append(Run(self.nested(")"), "<" if char == "<" else ">"))
        else:
            self.at += 1
            parts.append(Text(char))

    def _escape(self, parts: list[Part]) -> None:
        following = self.text[self.at + 1 : self.at + 2]
        self.at += 2
        if following != "\n":
            parts.append(Text(following or "\\", quoted=True))

    def _until(self, closer: str) -> str:
        end = self.text.find(closer, self.at)
        if end < 0:
            self.broken = True
            end = len(self.text)
        found = self.text[self.at : end]
        self.at = end + 1
        return found

    def _double(self) -> list[Part]:
        parts = self._expanded(_IN_DOUBLE, '"')
        if self.at >= len(self.text):
            self.broken = True
        self.at += 1
        return parts or [Text("", quoted=True)]

    def text_parts(self) -> Word:
        """The whole text as the inside of a heredoc: expansions, no quotes."""
        return tuple(self._expanded(_IN_TEXT, ""))

    def _expanded(self, plain: re.Pattern[str], closer: str) -> list[Part]:
        parts: list[Part] = []
        while self.at < len(self.text):
            match = plain.match(self.text, self.at)
            char = self.peek()
            if match:
                parts.append(Text(match[0], quoted=True))
                self.at = match.end()
            elif char == closer:
                break
            elif char == "$":
                parts.append(self._dollar(quoted=True))
            elif char == "`":
                parts.append(self._backtick(quoted=True))
            else:
                following = self.text[self.at + 1 : self.at + 2]
                kept = "" if following == "\n" else following if following in '$`"\\' else "\\" + following
                parts.append(Text(kept, quoted=True))
                self.at += 2
        return parts

    def _dollar(self, quoted: bool) -> Part:
        self.at += 1
        char = self.peek()
        if char == "'" and not quoted:
            self.at += 1
            raw = self._ansi_quoted()
            return Text(decode_ansi(raw), quoted=True, odd=spells_letters(raw))
        if char == '"' and not quoted:
            return Text("")
        if char == "(":
            return self._substitution(quoted)
        if char == "{":
            return self._braced(quoted)
        match = _NAME.match(self.text, self.at)
        if not match:
            return Text("$", quoted)
        self.at = match.end()
        return Param(match[0], quoted=quoted)

    def _ansi_quoted(self) -> str:
        end = self.at
        while end < len(self.text) and self.text[end] != "'":
            end += 2 if self.text[end] == "\\" else 1
        self.broken = self.broken or end >= len(self.text)
        found = self.text[self.at : end]
        self.at = end + 1
        return found

    def _substitution(self, quoted: bool) -> Part:
        self.at += 1
        if self.peek() == "(":
            inner = self.arithmetic()
            if inner is not None:
                return Text(f"$(({inner}))", quoted)
        return Run(self.nested(")"), "$", quoted)

    def arithmetic(self) -> str | None:
        """The text of ``((…))``, at the second bracket; None (and no move) where it has no end."""
        depth, end = 0, self.at
        while not self._no_arithmetic and end < len(self.text):
            char = self.text[end]
            depth += (char == "(") - (char == ")")
            if depth == 0:
                if self.text[end + 1 : end + 2] != ")":
                    return None
                found = self.text[self.at + 1 : end]
                self.at = end + 2
                return found
            end += 1
        self._no_arithmetic = True
        return None

    def _braced(self, quoted: bool) -> Part:
        end = self._brace_end()
        if end < 0:
            self._no_brace = self.broken = True
            return Text("$", quoted)
        body = self.text[self.at + 1 : end]
        self.at = end + 1
        match = _BRACE_NAME.match(body)
        if not match:
            return Text("${" + body + "}", quoted)
        rest = body[match.end() :]
        if match[1] == "#":
            return Param(match[2], "#length", quoted)
        return Param(match[2], rest, quoted, indirect=match[1] == "!")

    def _brace_end(self) -> int:
        depth, end = 0, self.at
        while not self._no_brace and end < len(self.text):
            char = self.text[end]
            depth += (char == "{") - (char == "}")
            if depth == 0:
                return end
            end += 2 if char == "\\" else 1
        return -1

    def _backtick(self, quoted: bool) -> Part:
        self.at += 1
        end = self.at
        while end < len(self.text) and self.text[end] != "`":
            end += 2 if self.text[end] == "\\" else 1
        self.broken = self.broken or end >= len(self.text)
        body = re.sub(r"\\([$`\\])", r"\1", self.text[self.at : end])
        self.at = end + 1
        if self.too_deep():
            return Text(body, quoted)
        reader = self.inner(body)
        script = reader.script("")
        self._learn(reader)
        return Run(script, "$", quoted)

    def _learn(self, reader: "WordReader") -> None:
        self.broken |= reader.broken
        self.deep |= reader.deep

    def await_heredoc(self, redirect: Redirect, dashed: bool) -> None:
        """After ``<<``: the delimiter is read, the body follows at the next line."""
        delimiter = self.word()
        quoted = any(part.quoted for part in delimiter)
        self._pending.append((redirect, literal(delimiter), quoted, dashed))

    def heredocs(self) -> None:
        """Just after a newline: the bodies that were waited for."""
        for redirect, delimiter, quoted, dashed in self._pending:
            body = self._heredoc_body(delimiter, dashed)
            reader = self.inner(body)
            redirect.target = (Text(body, quoted=True),) if quoted else reader.text_parts()
            self._learn(reader)
        self._pending.clear()

    def _heredoc_body(self, delimiter: str, dashed: bool) -> str:
        lines: list[str] = []
        while self.at < len(self.text):
            end = self.text.find("\n", self.at)
            end = len(self.text) if end < 0 else end
            line = self.text[self.at : end]
            self.at = end + 1
            line = line.lstrip("\t") if dashed else line
            if line == delimiter:
                break
            lines.append(line + "\n")
        self.at = min(self.at, len(self.text))
        return "".join(lines)
