"""From a tool call to facts: one budget over every language that is nested in it."""

import re
from collections.abc import Iterable

from ._other_code import effects_in, shell_texts_in
from ._python_code import MAX_CODE, Handed, understand
from ._shell_run import Shell
from ._value import CHANGES, EMPTY, UNSEEN, Fact, Kind, Value, known

MAX_TEXT = 65_536
"""Longest text that is read as code, in characters; of a longer one, its beginning and its end."""
MAX_FACTS = 3000
MAX_SPOKEN = 4000
"""Characters of one piece of free text."""
MAX_UNITS = 12_000
"""Budget of one tool call: commands, and hundreds of characters."""
MAX_DEPTH = 12
"""Interpreters inside one another."""

TOO_MUCH = Fact("note", "too_much", "", "(more than is followed)")

_SHELL_FILE = re.compile(r"(?:\.(?:sh|bash|zsh|ksh|profile|bashrc|envrc)|/\.(?:bash_\w+|zshrc|profile|xinitrc))$")
_SHEBANG = re.compile(r"#!\s*(?:/usr/bin/env\s+(?:-S\s+)?)?(?:\S*/)?([A-Za-z]+)")
_LANGUAGES = {
    "py": "python",
    "mk": "make",
    "pl": "perl",
    "rb": "ruby",
    "js": "node",
    "php": "php",
    "awk": "awk",
    "lua": "lua",
}
_SHELL_NAMES = frozenset({"sh", "bash", "dash", "zsh", "ksh", "ash"})


def language_of(path: str, content: str) -> str | None:
    """The language that a file would run in, None where it does not look like code."""
    shebang = _SHEBANG.match(content)
    if shebang:
        return "sh" if shebang[1] in _SHELL_NAMES else shebang[1].rstrip("3") or None
    if _SHELL_FILE.search(path):
        return "sh"
    if path.endswith("akefile"):
        return "make"
    return _LANGUAGES.get(path.rsplit(".", 1)[-1])


class Reader:
    """Collects the facts of one tool call. Bounded in time and memory; never raises for what it reads."""

    def __init__(self, cwd: str = "") -> None:
        """With an empty session in a folder; empty where it is not known."""
        self._facts: dict[Fact, None] = {}
        self.files: dict[str, Value] = {}
        self.links: dict[str, str] = {}
        self._cwd = cwd
        self._shell = Shell(self, cwd, arguments=[])
        self._units = MAX_UNITS
        self._depth = 0
        self._silent = False

    def emit(self, kind: Kind, subject: str, text: str = "", line: str = "") -> None:
        """A fact. Beyond `MAX_FACTS` none is taken but the fact that there were more."""
        if self._silent:
            return
        if len(self._facts) >= MAX_FACTS:
            self._facts[TOO_MUCH] = None
            return
        limit = MAX_SPOKEN if kind in ("say", "sql") else 1000
        self._facts[Fact(kind, subject[:limit], text[:2000], line[:400])] = None

    @property
    def facts(self) -> tuple[Fact, ...]:
        """All facts, each once, in the order in which they were found."""
        return tuple(self._facts)

    def spend(self, count: int) -> bool:
        """Takes from the budget; the first time that it is not enough is a fact of its own."""
        if self._units < 0:
            return False
        self._units -= count
        if self._units < 0 and not self._silent:
            self._facts[TOO_MUCH] = None
        return self._units >= 0

    def rehearse(self, commands: Iterable[str], files: dict[str, str]) -> None:
        """What an earlier call left behind in the session, without facts."""
        self._silent = True
        self.files.update((self.path(path), known(text)) for path, text in files.items())
        for command in commands:
            self.read("sh", command[:MAX_TEXT], "")
        self._silent = False
        self._units = MAX_UNITS

    def read(self, language: str, text: str, line: str) -> Value:
        """Follows a text as code; its output where known."""
        if len(text) > MAX_TEXT:
            self.emit("note", "cut", f"{len(text)} characters", text[:120])
            text = text[: 3 * MAX_TEXT // 4] + "\n" + text[-MAX_TEXT // 4 :]
        if self._depth >= MAX_DEPTH or not self.spend(1 + len(text) // 100):
            self.emit("note", "deep", text[:120], line)
            return Value(None, text[:120])
        self._depth += 1
        try:
            return self._read(language, text, line)
        except RecursionError:
            self.emit("note", "deep", text[:120], line)
            return Value(None, text[:120])
        finally:
            self._depth -= 1

    def _read(self, language: str, text: str, line: str) -> Value:
        if language == "sh":
            return self._shell.run_text(text)
        if language == "python":
            return self._python(text, line)
        if language == "make":
            recipe = re.findall(r"^\t[@+-]*(.*)$", text.replace("$$", "$"), re.MULTILINE)
            return self._shell.run_text("\n".join(recipe))
        for kind, subject, detail in effects_in(text):
            self._effect(kind, subject, detail, line)
        for command in shell_texts_in(text):
            self.read("sh", command, line)
        return Value(None, line)

    def path(self, path: str) -> str:
        """The path from the root, as the session sees it."""
        return self._shell.path(path)

    def nested(self, language: str, value: Value, line: str) -> Value:
        """A text that a command runs. ``file:PATH`` stands for the language of that file."""
        if language.startswith("file:"):
            language = language_of(language[5:], value.written) or "sh"
        if value.decoders:
            decoders = " ".join(sorted(value.decoders))
            self.emit("note", "decoded", f"{decoders}: {value.written[:200]}", f"{decoders} → {value.written[:200]}")
        return self.read(language, value.written, line)

    def wrote(self, path: str, value: Value) -> None:
        """Keeps the content of a file, and follows it where it looks like code."""
        self.files[path] = value
        language = language_of(path, value.written)
        if language is not None and value.written and self._depth < MAX_DEPTH:
            self._apart(language, value, path)

    def _apart(self, language: str, value: Value, path: str) -> None:
        """Code that does not run now: read in a session of its own."""
        outer, self._shell = self._shell, Shell(self, self._cwd, arguments=None)
        self.read(language, value.written, f"in {path}")
        self._shell = outer

    def _python(self, code: str, line: str) -> Value:
        found = understand(code)
        if found is None:
            for kind, subject, text in effects_in(code):
                self._effect(kind, subject, text, line)
            for command in shell_texts_in(code):
                self.read("sh", command, line)
            return EMPTY
        if len(code) > MAX_CODE:
            self.emit("note", "cut", f"{len(code)} characters of Python", line)
        for kind, subject, text in found.effects:
            self._effect(kind, subject, text, line)
        for handed in found.handed:
            self._handed(handed, line)
        return Value(None, line) if found.printed is None else known(found.printed, frozenset({"python"}))

    def _handed(self, handed: Handed, line: str) -> None:
        if handed.argv:
            self._shell.call(list(handed.argv), UNSEEN, handed.decoders)
        else:
            self.nested(handed.language, known(handed.text, handed.decoders), line)

    def _effect(self, kind: Kind, subject: str, text: str, line: str) -> None:
        on_path = kind in CHANGES or kind == "read"
        path = self.path(subject) if on_path else subject
        self.emit(kind, path, text, f"{line}: {kind} {subject}"[:400])
