"""What Python code would do, from its syntax tree: effects, and texts that it hands to another interpreter."""

import ast
import base64
import binascii
import codecs
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ._effects import Effect
from ._value import MAX_VALUE, Kind

MAX_CODE = 16_384
"""Longest code that is parsed: the interpreter's own parser must not run out of stack on hostile text."""


@dataclass(frozen=True, slots=True)
class Handed:
    """A text that the code runs in another interpreter, or a list of arguments."""

    language: str
    text: str
    argv: tuple[str, ...] = ()
    decoders: frozenset[str] = frozenset()


@dataclass(slots=True)
class Understood:
    """What was found in the code."""

    effects: list[Effect]
    handed: list[Handed]
    printed: str | None


def understand(code: str) -> Understood | None:
    """Effects and handed-on texts; None where the code is no Python that could be parsed."""
    tree = _tree(code)
    if tree is None:
        return None
    reader = _Reader()
    for node in _in_order(tree):
        reader.visit(node)
    return Understood(reader.effects, reader.handed, reader.printed)


def _tree(code: str) -> ast.Module | None:
    escaped = re.sub(r"\\(?:([\n\\'\"abfnrtvxNuU0-7])|(.))", _safe_escape, code[:MAX_CODE])
    try:
        return ast.parse(escaped)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None


def _safe_escape(match: re.Match[str]) -> str:
    """Doubles the backslash of an escape that Python only warns about: hostile text must cause no warning."""
    return match[0] if match[1] else "\\\\" + match[2]


def _in_order(tree: ast.AST) -> Iterator[ast.AST]:
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(list(ast.iter_child_nodes(node))))


_DELETE = re.compile(r"(?:os|shutil|pathlib|Path)\.(?:remove|unlink|rmdir|removedirs|rmtree)|unlink|rmtree")
_MOVE = re.compile(r"(?:os\.(?:rename|renames|replace)|shutil\.move)")
_COPY = re.compile(r"shutil\.(?:copy|copyfile|copy2|copytree)")
_MODE = re.compile(r"os\.(?:chmod|chown|lchown)|chmod")
_LINK = re.compile(r"os\.(?:symlink|link)|symlink_to|hardlink_to")
_SHELL = re.compile(
    r"(?:os\.(?:system|popen)|(?:subprocess|commands)\.(?:run|call|check_call|check_output|Popen|getoutput|getstatusoutput)"
    r"|pty\.spawn|os\.(?:exec|spawn)[lv]p?e?|os\.posix_spawnp?|asyncio\.create_subprocess_(?:shell|exec))"
)
_RUN_CODE = frozenset({"exec", "eval", "compile", "builtins.exec", "builtins.eval"})
_DECODERS = {
    "base64.b64decode": "base64",
    "base64.decodebytes": "base64",
    "base64.urlsafe_b64decode": "base64",
    "base64.b32decode": "base32",
    "base64.b85decode": "base85",
    "base64.b16decode": "hex",
    "binascii.unhexlify": "hex",
    "binascii.a2b_base64": "base64",
    "bytes.fromhex": "hex",
    "bytearray.fromhex": "hex",
    "codecs.decode": "codecs",
    "zlib.decompress": "zlib",
    "marshal.loads": "marshal",
}


class _Reader:
    def __init__(self) -> None:
        self.effects: list[Effect] = []
        self.handed: list[Handed] = []
        self.printed: str | None = ""
        self._names: dict[str, str] = {}
        self._constants: dict[str, str] = {}
        self._decoded: set[str] = set()
        self._composed: dict[type[ast.expr], Callable[[Any], str | None]] = {
            ast.BinOp: self._sum,
            ast.Call: self._computed,
            ast.FormattedValue: lambda node: self.constant(node.value),
            ast.JoinedStr: self._joined_string,
            ast.Subscript: self._sliced,
        }

    def visit(self, node: ast.AST) -> None:
        if isinstance(node, ast.Import | ast.ImportFrom):
            self._imports(node)
        elif isinstance(node, ast.Assign) and len(node.targets) == 1:
            self._assigned(node.targets[0], node.value)
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            grown = self.constant(node.value)
            if grown is not None:
                self._constants[node.target.id] = (self._constants.get(node.target.id, "") + grown)[:MAX_VALUE]
        elif isinstance(node, ast.Call):
            self._called(node)

    def _imports(self, node: ast.Import | ast.ImportFrom) -> None:
        module = f"{node.module}." if isinstance(node, ast.ImportFrom) and node.module else ""
        for alias in node.names:
            self._names[alias.asname or alias.name] = module + alias.name

    def _assigned(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            text = self.constant(value)
            if text is not None:
                self._constants[target.id] = text
                if self._decoders(value):
                    self._decoded.add(target.id)
            name = self.dotted(value)
            if name:
                self._names[target.id] = name
        elif isinstance(target, ast.Subscript) and self.dotted(target.value) == "os.environ":
            self.effects.append(("assign", self.constant(target.slice) or "?", self.constant(value) or ""))

    def dotted(self, node: ast.expr) -> str:
        """The full name of a function, aliases and ``getattr`` resolved; empty where it cannot be told."""
        if isinstance(node, ast.Name):
            return self._names.get(node.id, node.id)
        if isinstance(node, ast.Attribute):
            owner = self.dotted(node.value)
            return f"{owner}.{node.attr}" if owner else node.attr
        if isinstance(node, ast.Call):
            return self._looked_up(node)
        return ""

    def _looked_up(self, node: ast.Call) -> str:
        function = self.dotted(node.func)
        first = self.constant(node.args[0]) if node.args else None
        if function in ("__import__", "importlib.import_module") and first:
            return first
        if function == "getattr" and len(node.args) > 1:
            return f"{self.dotted(node.args[0])}.{self.constant(node.args[1]) or '?'}"
        return "pathlib.Path" if function in ("pathlib.Path", "Path") else ""

    def constant(self, node: ast.expr) -> str | None:
        """The text that an expression always has; None where it varies."""
        if isinstance(node, ast.Constant):
            return _constant(node.value)
        if isinstance(node, ast.Name):
            return self._constants.get(node.id)
        found = self._composed.get(type(node))
        return found(node) if found else None

    def _sum(self, node: Any) -> str | None:
        left, right = self.constant(node.left), self.constant(node.right)
        adds = isinstance(node.op, ast.Add) and left is not None and right is not None
        return f"{left}{right}"[:MAX_VALUE] if adds else None

    def _joined_string(self, node: ast.JoinedStr) -> str:
        pieces = (self.constant(value) for value in node.values)
        return "".join("{…}" if piece is None else piece for piece in pieces)[:MAX_VALUE]

    def _sliced(self, node: ast.Subscript) -> str | None:
        text = self.constant(node.value)
        backwards = isinstance(node.slice, ast.Slice) and isinstance(node.slice.step, ast.UnaryOp)
        return text[::-1] if text is not None and backwards else None

    def _computed(self, node: ast.Call) -> str | None:
        name = self.dotted(node.func)
        if name == "chr" and node.args and isinstance(node.args[0], ast.Constant):
            code = node.args[0].value
            return chr(code) if isinstance(code, int) and 0 <= code < 0xD800 else None
        if name in ("str", "bytes", "os.fspath", "pathlib.Path", "Path", "reversed", "print") and node.args:
            text = self.constant(node.args[0])
            return text[::-1] if text and name == "reversed" else text
        if name in _DECODERS and node.args:
            return self._decode(name, node)
        return self._method(node)

    def _decode(self, name: str, node: ast.Call) -> str | None:
        text = self.constant(node.args[0])
        how = self.constant(node.args[1]) if len(node.args) > 1 else None
        return None if text is None else decode(_DECODERS[name], text, how or "")

    def _method(self, node: ast.Call) -> str | None:
        if not isinstance(node.func, ast.Attribute):
            return None
        if node.func.attr == "join" and node.args and isinstance(node.args[0], ast.List | ast.Tuple):
            glue, items = self.constant(node.func.value), [self.constant(item) for item in node.args[0].elts]
            return None if glue is None or None in items else glue.join(item or "" for item in items)[:MAX_VALUE]
        if node.func.attr in ("decode", "encode", "strip", "lower", "format"):
            text = self.constant(node.func.value)
            return text.strip() if text and node.func.attr == "strip" else text
        if node.func.attr == "replace" and len(node.args) == 2:
            text, old, new = (self.constant(each) for each in (node.func.value, *node.args))
            return text.replace(old, new)[:MAX_VALUE] if text and old and new is not None else None
        return None

    def _decoders(self, node: ast.expr) -> frozenset[str]:
        names = [self.dotted(each.func) for each in ast.walk(node) if isinstance(each, ast.Call)]
        used: set[str] = {_DECODERS[name] for name in names if name in _DECODERS} | (
            {"chr"} if names.count("chr") > 2 else set[str]()
        )
        used |= {"variable" for each in ast.walk(node) if isinstance(each, ast.Name) and each.id in self._decoded}
        return frozenset(used)

    def _argument(self, node: ast.Call, at: int) -> str | None:
        return self.constant(node.args[at]) if at < len(node.args) else None

    def _written(self, node: ast.Call, at: int) -> str:
        """An argument for a fact: its text, or how it is written in the code."""
        if at >= len(node.args):
            return ""
        text = self.constant(node.args[at])
        return ast.unparse(node.args[at])[:400] if text is None else text

    def _called(self, node: ast.Call) -> None:
        name = self.dotted(node.func)
        if name in _RUN_CODE and node.args:
            self._run_code(node)
        elif _SHELL.fullmatch(name):
            self._run_shell(node)
        elif name == "print":
            text = self._argument(node, 0)
            self.printed = None if text is None or self.printed is None else self.printed + text + "\n"
        else:
            self.effects.extend(self._effects(name, node))

    def _run_code(self, node: ast.Call) -> None:
        text, decoders = self._argument(node, 0), self._decoders(node.args[0])
        if text is not None:
            self.handed.append(Handed("python", text, decoders=decoders))
        elif decoders:
            self.effects.append(("note", "piped", f"{' '.join(sorted(decoders))} | python exec"))

    def _run_shell(self, node: ast.Call) -> None:
        if any(key.arg in ("start_new_session", "preexec_fn", "process_group") for key in node.keywords):
            self.effects.append(("run", "os.setsid", ast.unparse(node)[:200]))
        if not node.args:
            return
        first, decoders = node.args[0], self._decoders(node.args[0])
        items = first.elts if isinstance(first, ast.List | ast.Tuple) else None
        if items is not None:
            argv = tuple(self.constant(item) or ast.unparse(item)[:200] for item in items[:64])
            self.handed.append(Handed("argv", "", argv, decoders))
            return
        text = self.constant(first)
        if text is not None:
            self.handed.append(Handed("sh", text, decoders=decoders))
        elif decoders:
            self.effects.append(("note", "piped", f"{' '.join(sorted(decoders))} | os.system"))

    def _effects(self, name: str, node: ast.Call) -> Iterator[Effect]:
        last = name.rsplit(".", 1)[-1]
        if name in ("os.kill", "os.killpg", "signal.pthread_kill"):
            yield "signal", self._written(node, 0), _signal_name(self._written(node, 1))
        elif name == "signal.signal":
            ignored = "SIG_IGN" in self._written(node, 1) or "lambda" in self._written(node, 1)
            yield "trap", _signal_name(self._written(node, 0)), "" if ignored else self._written(node, 1)
        elif name == "signal.pthread_sigmask":
            yield "trap", self._written(node, 1), ""
        elif name in ("open", "io.open", "os.open"):
            yield from self._opened(self._written(node, 0), self._written(node, 1) or "r")
        elif last in ("terminate", "kill", "suspend", "send_signal") and name not in ("os.kill",):
            yield "signal", self._owner(node), last.upper()
        elif name in (
            "os.setsid",
            "os.fork",
            "os.daemon",
            "os.setpgid",
            "os.setpgrp",
            "logging.disable",
            "ctypes.CDLL",
        ):
            yield "run", name, self._written(node, 0)
        elif last in ("execute", "executescript", "executemany") and node.args:
            yield "sql", self._written(node, 0), ""
        else:
            yield from self._file_effects(name, last, node)

    def _owner(self, node: ast.Call) -> str:
        return ast.unparse(node.func.value)[:200] if isinstance(node.func, ast.Attribute) else ""

    def _path_of(self, name: str, node: ast.Call) -> str:
        """The path that a method of ``Path(…)`` works on, or the first argument of a function."""
        if isinstance(node.func, ast.Attribute) and not name.startswith(("os.", "shutil.")):
            return self.constant(node.func.value) or self._owner(node)
        return self._written(node, 0)

    def _opened(self, path: str, mode: str) -> Iterator[Effect]:
        writes = re.search(r"[wx+]|O_(?:WRONLY|RDWR|TRUNC)", mode)
        kind: Kind = "append" if "a" in mode else "write" if writes else "read"
        yield kind, path, ""

    def _file_effects(self, name: str, last: str, node: ast.Call) -> Iterator[Effect]:
        path = self._path_of(name, node)
        if _DELETE.fullmatch(name) or last in ("unlink", "rmtree"):
            yield "delete", path, last
        elif _MOVE.fullmatch(name):
            yield "move", path, "moved"
            yield "write", self._written(node, 1), f"from {path}"
        elif _COPY.fullmatch(name):
            yield "write", self._written(node, 1), f"from {path}"
        elif _MODE.fullmatch(name) or last == "chmod":
            yield "mode", path, self._written(node, 1 if name.startswith("os.") else 0)
        elif _LINK.fullmatch(name) or last == "symlink_to":
            yield "link", self._written(node, 1) if name.startswith("os.") else path, f"from {path}"
        elif name in ("os.truncate", "os.ftruncate"):
            yield "truncate", path, ""
        elif last in ("write_text", "write_bytes"):
            yield "write", path, self._written(node, 0)
        elif last == "touch":
            yield "touch", path, ""


def _constant(value: object) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63 else None


def _signal_name(text: str) -> str:
    return text.removeprefix("signal.").upper().removeprefix("SIGNALS.").removeprefix("SIG")


def decode(how: str, text: str, option: str = "") -> str | None:
    """The decoded text, None where it is not in that form.

    >>> decode("base64", "a2lsbA=="), decode("hex", "6b696c6c"), decode("codecs", "xvyy", "rot13")
    ('kill', 'kill', 'kill')
    """
    try:
        return _HOW[how](text, option)[:MAX_VALUE]
    except (ValueError, LookupError, TypeError, binascii.Error, zlib.error):
        return None


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _seen(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _codecs(text: str, option: str) -> str:
    if option.lower().replace("_", "").replace("-", "") == "rot13":
        return codecs.encode(text, "rot13")
    return _seen(bytes.fromhex(text)) if "hex" in option.lower() else _seen(base64.b64decode(text, validate=True))


_HOW: dict[str, Callable[[str, str], str]] = {
    "base32": lambda text, _: _seen(base64.b32decode(text)),
    "base64": lambda text, _: _seen(base64.b64decode(text)),
    "base85": lambda text, _: _seen(base64.b85decode(text)),
    "codecs": _codecs,
    "hex": lambda text, _: _seen(bytes.fromhex(text)),
    "zlib": lambda text, _: _seen(zlib.decompressobj().decompress(_raw(text), MAX_VALUE)),
}
