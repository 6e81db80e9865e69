"""Bash text to a small tree, in one pass and without running anything.

Written here and not taken from a library: the text is hostile, and what matters is the odd spelling. Of the kept
parsers, one leaves evasive spellings as error nodes and takes quadratic time on ``<<`` (and is native code inside
the harness), the other knows neither ``case`` nor arithmetic. This one accepts everything and is linear: nothing
is scanned twice but what stands in backticks, heredocs and ``${…}``, at a bounded depth.
"""

import re
from typing import Literal

from ._shell_tree import Assign, Group, Parsed, Pipeline, Redirect, Script, Simple, Text, Word
from ._shell_words import PLAIN, WordReader, literal

_REDIRECT = re.compile(r"(?:\d{1,4}|\{\w{1,40}\})?(<<<|<<-|<<|<>|<&|>>|>\||>&|<(?!\()|>(?!\()|&>>?)|&>>?")
_ASSIGN = re.compile(r"([A-Za-z_]\w*)(?:\[[^\]=]{0,80}\])?(\+?)=")
_FUNCTION = re.compile(r"[ \t]*\([ \t]*\)[ \t]*")

_OPENERS: dict[str, tuple[Literal["brace", "loop", "for", "if", "case"], str]] = {
    "{": ("brace", "}"),
    "if": ("if", "fi"),
    "while": ("loop", "done"),
    "until": ("loop", "done"),
    "for": ("for", "done"),
    "select": ("for", "done"),
    "case": ("case", "esac"),
}
_CLOSERS = frozenset({"}", "fi", "done", "esac"})
_DROPPED = frozenset({"then", "else", "elif", "do", "!", "time", "coproc"})


def parse(text: str) -> Parsed:
    """The tree of ``text``. Never raises; what has no end is read to the end of the text.

    >>> [len(pipeline.commands) for pipeline in parse("a | b; c && d").script]
    [2, 1, 1]
    """
    parser = _Parser(text)
    script = parser.script("")
    if parser.broken or parser.deep:
        script.extend(_crude(text))
    return Parsed(script, parser.broken, parser.deep)


def _crude(text: str) -> Script:
    """The text once more without any syntax, so that a missing bracket hides nothing."""
    bare = re.sub(r"[\"'\\]", "", text)
    lines = (piece.split() for piece in re.split(r"[;&|\n()`{}]+", bare))
    return [Pipeline([Simple(words=[(Text(word),) for word in words])]) for words in lines if words]


class _Parser(WordReader):
    def inner(self, text: str) -> "_Parser":
        return _Parser(text, self.depth + 1)

    def script(self, until: str) -> Script:
        found: Script = []
        while True:
            self._separators()
            if self.at >= len(self.text):
                self.broken = self.broken or bool(until)
                return found
            if self.peek() == ")":
                self.at += 1
                if until == ")":
                    return found
                continue
            if until not in ("", ")") and self._take_word(until):
                return found
            pipeline = self._pipeline(until)
            if pipeline.commands:
                found.append(pipeline)

    def _separators(self) -> None:
        while True:
            self.blanks()
            char = self.peek()
            if char == "\n":
                self.at += 1
                self.heredocs()
            elif char and char in ";&|":
                self.at += 1
            elif not self._comment():
                return

    def _comment(self) -> bool:
        if self.peek() != "#":
            return False
        end = self.text.find("\n", self.at)
        self.at = len(self.text) if end < 0 else end
        return True

    def _take_word(self, word: str) -> bool:
        end = self.at + len(word)
        if not self.text.startswith(word, self.at) or PLAIN.match(self.text, end):
            return False
        self.at = end
        return True

    def _pipeline(self, until: str) -> Pipeline:
        commands: list[Simple | Group] = []
        while True:
            command = self._command(until)
            if command is not None:
                commands.append(command)
            self.blanks()
            if self.text.startswith(("||", "&&"), self.at):
                self.at += 2
                return Pipeline(commands)
            if self.peek() == "|":
                self.at += 2 if self.text.startswith("|&", self.at) else 1
                self._newlines()
                continue
            background = self.peek() == "&"
            self.at += background
            return Pipeline(commands, background)

    def _newlines(self) -> None:
        self.blanks()
        while self.peek() == "\n":
            self.at += 1
            self.heredocs()
            self.blanks()

    def _command(self, until: str) -> Simple | Group | None:
        word = self._command_word()
        if self.peek() == "(":
            return self._subshell()
        if word in _OPENERS:
            return self._compound(word)
        if word == "function":
            self.at += len(word)
            self.blanks()
            return self._function()
        if word in _CLOSERS and word != until:
            self.at += len(word)
            return None
        match = PLAIN.match(self.text, self.at)
        if match and _FUNCTION.match(self.text, match.end()):
            return self._function()
        return self._simple()

    def _command_word(self) -> str:
        while True:
            self.blanks()
            match = PLAIN.match(self.text, self.at)
            word = match[0] if match and self._ends_word(match.end()) else ""
            if word not in _DROPPED:
                return word
            self.at += len(word)
            self._newlines()

    def _ends_word(self, at: int) -> bool:
        return at >= len(self.text) or self.text[at] in " \t\r\n;&|<>()"

    def _subshell(self) -> Group:
        self.at += 1
        if self.peek() == "(" and self.arithmetic() is not None:
            return Group("brace", [])
        return self._redirected(Group("subshell", self.nested(")")))

    def _compound(self, word: str) -> Group:
        kind, closer = _OPENERS[word]
        self.at += len(word)
        group = Group(kind, [])
        if kind in ("for", "case"):
            self._loop_head(group)
        group.body = self.nested(closer)
        return self._redirected(group)

    def _loop_head(self, group: Group) -> None:
        self.blanks()
        if self.text.startswith("((", self.at):
            self.at += 1
            if self.arithmetic() is not None:
                return
        head: list[Word] = []
        while not self._at_end_of_command():
            head.append(self.word())
            if group.kind == "case" and literal(head[-1]) == "in":
                break
        group.name = literal(head[0]) if head else ""
        group.words = head[2:] if group.kind == "for" else head[:1]

    def _function(self) -> Group:
        match = PLAIN.match(self.text, self.at)
        name = match[0] if match else ""
        self.at = match.end() if match else self.at + 1
        brackets = _FUNCTION.match(self.text, self.at)
        self.at = brackets.end() if brackets else self.at
        self._newlines()
        if self.too_deep():
            return Group("function", [], name)
        self.depth += 1
        body = self._command("")
        self.depth -= 1
        return Group("function", [Pipeline([body])] if body else [], name)

    def _redirected(self, group: Group) -> Group:
        while True:
            self.blanks()
            match = _REDIRECT.match(self.text, self.at)
            if not match:
                return group
            group.redirects.append(self._redirect(match))

    def _at_end_of_command(self) -> bool:
        self.blanks()
        return self.at >= len(self.text) or self.text[self.at] in ";&|\n)"

    def _simple(self) -> Simple | None:
        command = Simple()
        while True:
            self.blanks()
            match = _REDIRECT.match(self.text, self.at)
            if match:
                command.redirects.append(self._redirect(match))
            elif self._at_end_of_command() or self._comment():
                return command if command.words or command.assigns or command.redirects else None
            elif not self._assignment(command):
                command.words.append(self.word())

    def _redirect(self, match: re.Match[str]) -> Redirect:
        op = match[1] or match[0]
        self.at = match.end()
        self.blanks()
        if op in ("<<", "<<-"):
            redirect = Redirect("<<", ())
            self.await_heredoc(redirect, dashed=op == "<<-")
            return redirect
        return Redirect(op, () if self._at_end_of_command() else self.word())

    def _assignment(self, command: Simple) -> bool:
        match = None if command.words else _ASSIGN.match(self.text, self.at)
        if not match:
            return False
        self.at = match.end()
        assign = Assign(match[1], (), bool(match[2]))
        if self.peek() == "(":
            self.at += 1
            assign.items = self._array()
        elif not self._ends_word(self.at):
            assign.value = self.word()
        command.assigns.append(assign)
        return True

    def _array(self) -> tuple[Word, ...]:
        items: list[Word] = []
        while True:
            self._newlines()
            char = self.peek()
            if char in ("", ")"):
                self.at += 1
                return tuple(items)
            if char in ";&|<>(":
                self.at += 1
            else:
                items.append(self.word())
