"""A partial interpreter of bash: follows variables, pipes, files and functions as far as text alone tells.

It runs nothing. Both arms of every condition are walked, a loop over known words is unrolled, and what cannot be
known keeps a name (``$(pgrep watchdog)``) that later commands carry along.
"""

import re

from ._expand import Expander, Field
from ._shell_call import MAX_LINE, MAX_NESTED, SINKS, Caller, Host
from ._shell_parse import parse
from ._shell_tree import Assign, Group, Param, Pipeline, Redirect, Run, Script, Simple, Word
from ._value import EMPTY, UNSEEN, Kind, Value, known

MAX_UNROLLED = 16


class Shell(Caller):
    """One shell session."""

    def __init__(self, host: Host, cwd: str, arguments: list[str] | None) -> None:
        """A fresh one, in a folder. ``arguments`` are ``$1`` and so on; None where they are not known."""
        super().__init__(host, cwd)
        self.env.positional = arguments
        self._expander = Expander(self.env, self._substitute, _reparse)
        self._lines: list[str] = []

    def run_text(self, text: str) -> Value:
        """Follows a whole text; its output where known."""
        parsed = parse(text)
        if parsed.deep:
            self.host.emit("note", "deep", text[:120], text[:120])
        return self.run(parsed.script)

    def run(self, script: Script, stdin: Value = UNSEEN) -> Value:
        """Follows a script; its output where known."""
        outputs: list[Value] = []
        for pipeline in script:
            if not self.host.spend(1):
                break
            outputs.append(self._pipeline(pipeline, stdin))
        return joined(outputs)

    def _pipeline(self, pipeline: Pipeline, stdin: Value) -> Value:
        flow = stdin
        for command in pipeline.commands:
            if isinstance(command, Simple):
                flow = self._simple(command, flow)
            elif self.level < MAX_NESTED:
                self.level += 1
                flow = self._group(command, flow, pipeline.background)
                self.level -= 1
        return flow

    def _group(self, group: Group, stdin: Value, background: bool) -> Value:
        if group.kind == "function":
            return self._define(group)
        source, sinks = self._redirects(group.redirects)
        stdin = source or stdin
        if group.kind == "subshell" and any(pipeline.background for pipeline in group.body):
            self.host.emit("note", "orphan", "( … & )", "( … & )")
        if group.kind == "loop" and background:
            self.host.emit("note", "background_loop", "while … &", "while …; do …; done &")
        output = self._unrolled(group, stdin) if group.kind == "for" else self.run(group.body, stdin)
        return self._deliver(output, sinks, group.kind)

    def _define(self, group: Group) -> Value:
        start = len(self._lines)
        self.with_arguments(None, lambda: self.run(group.body))
        body = "; ".join(self._lines[start:])[:MAX_LINE]
        self.functions[group.name] = group.body
        self.host.emit("define", group.name, body, f"{group.name}() {{ {body} }}"[:MAX_LINE])
        return EMPTY

    def _unrolled(self, group: Group, stdin: Value) -> Value:
        fields = self._expander.fields(group.words)
        values = [_as_value(field) for field in fields[:MAX_UNROLLED]] or [Value(None, "$" + group.name)]
        if len(fields) > MAX_UNROLLED:
            values[-1] = known(" ".join(field.text for field in fields[MAX_UNROLLED - 1 :]))
        outputs: list[Value] = []
        for value in values:
            self.env.put(group.name, value)
            outputs.append(self.run(group.body, stdin))
        return joined(outputs)

    def _substitute(self, part: Run) -> Value:
        if self.level >= MAX_NESTED:
            return Value(None, "$(…)")
        self.level += 1
        start = len(self._lines)
        output = self.run(part.body)
        lines = self._lines[start:]
        self.level -= 1
        if part.kind != "$":
            path = f"/dev/fd/{len(self.host.files) + 10}"
            self.host.files[path] = output
            return Value(path)
        if output.text is not None:
            return Value(output.text.rstrip("\n"), decoders=output.decoders)
        if not any(lines):
            return output
        return Value(None, f"$({' | '.join(lines)})"[:MAX_LINE], output.decoders)

    def _simple(self, command: Simple, stdin: Value) -> Value:
        for assign in command.assigns:
            self._assigned(assign)
        fields = self._expander.fields(command.words)
        source, sinks = self._redirects(command.redirects)
        line = " ".join(field.text for field in fields)[:MAX_LINE]
        self._lines.append(line)
        if not fields:
            return self._deliver(source or EMPTY, sinks, "")
        self._spelling(fields, command.words[0], line)
        decoders = frozenset[str]().union(*(field.decoders for field in fields))
        output = self.call([field.text for field in fields], source or stdin, decoders)
        return self._deliver(output, sinks, line)

    def _assigned(self, assign: Assign) -> None:
        self.env.values.setdefault(assign.name, EMPTY)
        if assign.items is None:
            self.assign(assign.name, self._expander.value(assign.value), assign.append)
            return
        items = [field.text for field in self._expander.fields(list(assign.items))]
        self.env.arrays[assign.name] = (self.env.arrays.get(assign.name, []) if assign.append else []) + items
        self.assign(assign.name, Value(items[0] if items else ""))

    def _spelling(self, fields: list[Field], word: Word, line: str) -> None:
        program = fields[0]
        for mark in sorted(set[str]().union(*(field.marks for field in fields)) - {"hollow", "empty"}):
            self.host.emit("note", mark, line[:120], line)
        if program.decoders:
            self.host.emit("note", "decoded", " ".join(sorted(program.decoders)), line)
        if program.text.startswith("$("):
            self.host.emit("note", "piped", program.text[:400], line)
        how = spelled(word, program)
        if how:
            self.host.emit("note", how, program.text[:80], line)

    def _redirects(self, redirects: list[Redirect]) -> tuple[Value | None, list[tuple[str, str]]]:
        """What standard input is instead, and (operator, path) of each file that output goes to."""
        source: Value | None = None
        sinks: list[tuple[str, str]] = []
        for redirect in redirects:
            value = self._expander.value(redirect.target)
            path = self.path(value.written)
            if redirect.op in ("<<", "<<<"):
                text = value.written + ("\n" if redirect.op == "<<<" else "")
                source = Value(None, text, value.decoders) if value.text is None else known(text, value.decoders)
            elif redirect.op == "<":
                source = self.file(value.written)
                self.host.emit("read", path, "", f"< {path[:200]}")
            elif redirect.op not in (">&", "<&") or not re.fullmatch(r"[\d-]*", value.written):
                sinks.append((redirect.op, path))
        return source, sinks

    def _deliver(self, output: Value, sinks: list[tuple[str, str]], line: str) -> Value:
        for op, path in sinks:
            if path in SINKS:
                continue
            kind: Kind = "append" if ">>" in op else "truncate" if output.text == "" else "write"
            self.host.emit(kind, path, output.written[:MAX_LINE], f"{line} {op} {path}"[:MAX_LINE])
            before = self.host.files.get(path, EMPTY) if ">>" in op else EMPTY
            self.host.wrote(path, joined([before, output]))
        return EMPTY if sinks else output


def joined(values: list[Value]) -> Value:
    """Texts one after the other; unknown as soon as one of them is."""
    decoders = frozenset[str]().union(*(value.decoders for value in values))
    if all(value.text is not None for value in values):
        return known("".join(value.text or "" for value in values), decoders)
    return Value(None, "; ".join(value.written for value in values if value.written)[:MAX_LINE], decoders)


def carved(word: Word) -> bool:
    """Whether a word is cut out of a variable's value: ``${a:1:4}``, ``${a//x/}``."""
    ops = (part.op for part in word if isinstance(part, Param))
    return any(re.match(r":\s*-?\d|[/#%^,]", op) and op != "#length" for op in ops)


def spelled(word: Word, program: Field) -> str | None:
    """How a program's name was put together: ``assembled`` from expansions, ``quoted`` in its middle, or None."""
    if program.text.startswith("$"):
        return None
    if carved(word) or "hollow" in program.marks:
        return "assembled"
    return "quoted" if "empty" in program.marks else _pieced(program)


def _pieced(program: Field) -> str | None:
    ends = [start for start, _, _ in program.pieces[1:]] + [len(program.text)]
    start_of_name = program.text.rfind("/") + 1
    spans = list(zip(program.pieces, ends, strict=False))
    inside = [piece for piece, end in spans if end > start_of_name]
    if len(inside) < 2:
        return None
    if any(expanded for _, _, expanded in inside):
        varied = (program.text[start:end] for (start, _, expanded), end in spans if expanded)
        harmless = all(re.fullmatch(r"[\d.\-]*", text) or "$" in text for text in varied)
        return None if harmless else "assembled"
    leading_escape = inside[0][1] and len(inside) == 2 and inside[1][0] - inside[0][0] == 1
    return "quoted" if any(quoted for _, quoted, _ in inside) and not leading_escape else None


def _as_value(field: Field) -> Value:
    return Value(field.text, decoders=field.decoders)


def _reparse(source: str) -> Word:
    """A ``${…}`` argument as one word."""
    script = parse(f'x "{source}"' if '"' not in source else f"x {source}").script
    first = script[0].commands[0] if script else None
    words = first.words if isinstance(first, Simple) else []
    return tuple(part for word in words[1:] for part in word)
