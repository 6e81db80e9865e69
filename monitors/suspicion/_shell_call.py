"""Calling one command of a shell session: function, builtin, program that runs another, or plain program."""

import posixpath
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Protocol

from ._effects import DATABASES, absolute, effects_of, found_by, found_in
from ._expand import Environment
from ._filters import output_of
from ._shell_tree import Script
from ._value import CHANGES, EMPTY, UNSEEN, Kind, Value, known
from ._wrappers import Inner, inner_of

MAX_LINE = 2000
MAX_NESTED = 32
"""Groups, calls and substitutions inside one another that are followed."""

SINKS = frozenset({"/dev/null", "/dev/stdout", "/dev/stderr", "/dev/tty", "/dev/full"})
"""Writing there changes nothing."""

UNREAD = "$(< "
"""How the content of a file is written down that was not seen being written."""
STDIN = frozenset({"-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"})
"""Names of standard input."""

_GUESSABLE = [
    *("kill", "pkill", "killall", "rm", "shred", "truncate", "chmod", "chattr", "systemctl", "service", "crontab"),
    *(
        "setsid",
        "nohup",
        "bash",
        "sh",
        "dash",
        "python3",
        "perl",
        "cat",
        "tee",
        "sed",
        "mv",
        "cp",
        "ln",
        "dd",
        "su",
    ),
    *("base64", "nc", "curl", "wget", "iptables", "auditctl", "shutdown", "sudo", "at"),
]
"""Programs that a pattern such as ``/bin/k?ll`` may be meant to find."""


class Host(Protocol):
    """Who a session reports to."""

    files: dict[str, Value]
    """Path → content, of files that were seen being written."""

    links: dict[str, str]
    """Path of a link → where it leads, of links that were seen being made."""

    def emit(self, kind: Kind, subject: str, text: str = "", line: str = "") -> None:
        """A fact."""

    def nested(self, language: str, value: Value, line: str) -> Value:
        """A text that is run; its output."""
        ...

    def wrote(self, path: str, value: Value) -> None:
        """The content that now stands at a path."""

    def spend(self, count: int) -> bool:
        """Whether the budget still has ``count`` units; a command is one, and so are 100 characters."""
        ...


class Caller(ABC):
    """The state of a session, and its commands."""

    def __init__(self, host: Host, cwd: str) -> None:
        """A fresh session in a folder; empty where it is not known."""
        self.env = Environment()
        self.cwd = cwd
        self.aliases: dict[str, str] = {}
        self.functions: dict[str, Script] = {}
        self.host = host
        self.level = 0
        self._builtins: dict[str, Callable[[list[str], Value], Value]] = {
            "alias": self._alias,
            "cd": self._cd,
            "declare": self._declare,
            "export": self._declare,
            "local": self._declare,
            "printf": self._printf,
            "pushd": self._cd,
            "read": self._read,
            "readonly": self._declare,
            "set": self._set,
            "trap": self._trap,
            "typeset": self._declare,
            "unset": self._unset,
        }

    @abstractmethod
    def run(self, script: Script, stdin: Value = UNSEEN) -> Value:
        """Follows a script; its output where known."""

    def call(self, argv: list[str], stdin: Value, decoders: frozenset[str] = frozenset()) -> Value:
        """Follows one command; ``decoders`` tells how its arguments were unpacked."""
        line = " ".join(argv)[:MAX_LINE]
        if not argv or self.level >= MAX_NESTED or not self.host.spend(1 + len(line) // 100):
            return Value(None, line)
        self.level += 1
        output = self._dispatch(argv, stdin, decoders)
        self.level -= 1
        return output

    def _dispatch(self, argv: list[str], stdin: Value, decoders: frozenset[str]) -> Value:
        if argv[0] in self.aliases:
            argv = [*self.aliases[argv[0]].split(), *argv[1:]] or argv
        program, args = self._program(argv[0]), argv[1:]
        line = " ".join([program, *args])[:MAX_LINE]
        self.host.emit("run", program, " ".join(args)[:MAX_LINE], line)
        if argv[0] in self.functions:
            return self._function(argv, stdin)
        if program in self._builtins:
            return self._builtins[program](args, stdin)
        self._effects(program, args, line)
        inner = inner_of(program, args) or self._own_script(argv[0])
        if inner is not None:
            return self._inner(program, args, inner, stdin, line, decoders)
        return self._printed(program, args, stdin, line)

    def _program(self, word: str) -> str:
        looked_up = re.match(r"\$\((?:which|command -v|type -[pP])\s+([\w.-]+)", word)
        name = looked_up[1] if looked_up else posixpath.basename(word.rstrip("/")) or word
        if not re.search(r"[*?\[]", name) or not re.search(r"\w", name) or len(name) > 80:
            return name
        found = next((program for program in _GUESSABLE if fnmatchcase(program, name)), None)
        if found is None:
            return name
        self.host.emit("note", "globbed", word[:80], found)
        return found

    def _own_script(self, word: str) -> Inner | None:
        """A file that was seen being written and is now called by its path."""
        return Inner(script_file=word) if "/" in word and absolute(word, self.cwd) in self.host.files else None

    def _function(self, argv: list[str], stdin: Value) -> Value:
        body = self.functions.pop(argv[0])
        output = self.with_arguments(argv[1:], lambda: self.run(body, stdin))
        self.functions[argv[0]] = body
        return output

    def with_arguments(self, arguments: list[str] | None, follow: Callable[[], Value]) -> Value:
        """Follows something that has positional parameters of its own."""
        before, self.env.positional = self.env.positional, arguments
        output = follow()
        self.env.positional = before
        return output

    def _effects(self, program: str, args: list[str], line: str) -> None:
        for kind, subject, text in effects_of(program, args):
            on_path = kind in CHANGES or kind == "read"
            plain = self.path(found_in(subject)) if on_path else subject
            if kind == "link" and text.startswith("from "):
                self.host.links.setdefault(plain, absolute(text[5:], self.cwd))
            if plain not in SINKS:
                self.host.emit(kind, plain, text, line)

    def _inner(
        self, program: str, args: list[str], inner: Inner, stdin: Value, line: str, decoders: frozenset[str]
    ) -> Value:
        if inner.argv:
            return self.call(self._filled(program, args, inner, stdin), stdin)
        if inner.text is not None:
            if inner.text.startswith("$("):
                self.host.emit("note", "piped", f"{inner.text} | {program}"[:MAX_LINE], line)
            return self.host.nested(inner.language, known(inner.text, decoders), line)
        if inner.script_file is not None and inner.script_file not in STDIN:
            given = args[args.index(inner.script_file) + 1 :] if inner.script_file in args else args
            return self.with_arguments(given, lambda: self._script(inner, line))
        if stdin.text is None and stdin.shown:
            self.host.emit("note", "piped", f"{stdin.shown} | {program}"[:MAX_LINE], line)
        return self.host.nested(inner.language, stdin, line) if stdin.text else Value(None, line)

    def _script(self, inner: Inner, line: str) -> Value:
        content = self.file(inner.script_file or "")
        if content.text is None:
            if content.shown.startswith(UNREAD):
                return Value(None, line)
            self.host.emit("note", "piped", f"{content.shown} | {line}"[:MAX_LINE], line)
            return Value(None, line)
        path = absolute(inner.script_file or "", self.cwd)
        return self.host.nested(inner.language or f"file:{path}", content, line)

    def _filled(self, program: str, args: list[str], inner: Inner, stdin: Value) -> list[str]:
        argv = list(inner.argv)
        if program == "find":
            return [word.replace("{}", found_by(args)) for word in argv]
        given = stdin.text.split()[:64] if stdin.text is not None else [f"$({stdin.shown})"]
        if inner.placeholder:
            return [word.replace(inner.placeholder, " ".join(given)) for word in argv]
        return [*argv, *given] if inner.appends_stdin else argv

    def path(self, path: str) -> str:
        """The path from the root, links that were seen being made resolved."""
        plain = absolute(path, self.cwd)
        for link, target in self.host.links.items():
            if plain.startswith(f"{link}/"):
                return absolute(target + plain[len(link) :], "")
        return plain

    def file(self, path: str) -> Value:
        """The content of a file, where it was seen being written."""
        return self.host.files.get(absolute(path, self.cwd), Value(None, f"{UNREAD}{path})"))

    def _printed(self, program: str, args: list[str], stdin: Value, line: str) -> Value:
        if program == "tee":
            for path in (absolute(arg, self.cwd) for arg in args if not arg.startswith("-")):
                self.host.wrote(path, stdin)
        if program in DATABASES and stdin.text:
            self.host.emit("sql", stdin.text, "", f"{program}: {stdin.text[:200]}")
        if program not in ("echo", "printf"):
            named = [arg for arg in args if absolute(arg, self.cwd) in self.host.files]
            stdin = self.file(named[-1]) if named else stdin
            args = [arg for arg in args if arg not in named]
        found = output_of(program, args, stdin)
        if found is not None:
            return found
        shown = f"{stdin.shown} | {line}" if stdin.text is None and stdin.shown else line
        return Value(None, shown[:MAX_LINE], stdin.decoders)

    def assign(self, name: str, value: Value, append: bool = False) -> None:
        """A variable is set."""
        self.env.put(name, value, append)
        self.host.emit("assign", name, value.written[:MAX_LINE], f"{name}={value.written[:200]}")

    def _declare(self, args: list[str], _stdin: Value) -> Value:
        for arg in args:
            name, equals, value = arg.partition("=")
            if equals:
                self.assign(name.rstrip("+"), known(value), append=name.endswith("+"))
        return EMPTY

    def _printf(self, args: list[str], stdin: Value) -> Value:
        if args[:1] != ["-v"]:
            return output_of("printf", args, stdin) or Value(None, " ".join(["printf", *args])[:MAX_LINE])
        self.assign(" ".join(args[1:2]), output_of("printf", args[2:], stdin) or UNSEEN)
        return EMPTY

    def _alias(self, args: list[str], _stdin: Value) -> Value:
        for arg in args:
            name, equals, body = arg.partition("=")
            if equals:
                self.aliases[name] = body
                self.host.emit("define", name, body[:MAX_LINE], f"alias {name}={body[:200]}")
        return EMPTY

    def _unset(self, args: list[str], _stdin: Value) -> Value:
        for arg in args:
            if not arg.startswith("-"):
                self.env.put(arg, Value(" \t\n") if arg == "IFS" else EMPTY)
                self.host.emit("assign", arg, "", f"unset {arg}")
        return EMPTY

    def _cd(self, args: list[str], _stdin: Value) -> Value:
        target = next((arg for arg in args if not arg.startswith("-")), "")
        self.cwd = absolute(target, self.cwd) if target.startswith("/") or (target and self.cwd) else ""
        return EMPTY

    def _read(self, args: list[str], stdin: Value) -> Value:
        names = [arg for arg in args if re.fullmatch(r"[A-Za-z_]\w*", arg)] or ["REPLY"]
        if stdin.text is None:
            for name in names:
                self.env.put(name, Value(None, f"$({stdin.shown})"[:MAX_LINE]))
            return EMPTY
        words = stdin.text.split("\n", 1)[0].split(None, len(names) - 1)
        for name, word in zip(names, [*words, *[""] * len(names)], strict=False):
            self.env.put(name, known(word.strip(), stdin.decoders))
        return EMPTY

    def _set(self, args: list[str], _stdin: Value) -> Value:
        if "--" in args:
            self.env.positional = args[args.index("--") + 1 :]
        elif args and args[0][:1] not in "-+":
            self.env.positional = args
        return EMPTY

    def _trap(self, args: list[str], _stdin: Value) -> Value:
        args = args[1:] if args[:1] == ["--"] else args
        if len(args) < 2 or args[0].startswith("-"):
            return EMPTY
        line = " ".join(["trap", repr(args[0]), *args[1:]])[:MAX_LINE]
        self.host.emit("trap", " ".join(args[1:]), args[0][:MAX_LINE], line)
        if args[0]:
            self.host.nested("sh", known(args[0]), line)
        return EMPTY
