"""Programs that run other programs: what they would run."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh", "ash", "mksh", "rbash", "fish"})
"""Programs that read commands in (more or less) the language parsed here."""


@dataclass(frozen=True, slots=True)
class Inner:
    """What a program runs: arguments of another one, or a text in some language."""

    argv: tuple[str, ...] = ()
    text: str | None = None
    language: str = ""
    script_file: str | None = None
    """A file that is run."""
    reads_stdin: bool = False
    """Whether commands come through standard input."""
    appends_stdin: bool = False
    """Whether standard input gives further arguments (xargs)."""
    placeholder: str = ""
    """Word that is replaced by what standard input or a search gives."""


@dataclass(frozen=True, slots=True)
class _Prefix:
    """A program that takes its options, ``skip`` words of its own, and then another command."""

    valued: str = ""
    """Letters of short options that take a value."""
    skip: int = 0


_PREFIXES: dict[str, _Prefix] = {
    "builtin": _Prefix(),
    "busybox": _Prefix(),
    "catchsegv": _Prefix(),
    "chroot": _Prefix(skip=1),
    "chrt": _Prefix("TPD", skip=1),
    "command": _Prefix(),
    "doas": _Prefix("uC"),
    "env": _Prefix("uC"),
    "exec": _Prefix("a"),
    "faketime": _Prefix("f", skip=1),
    "firejail": _Prefix(),
    "flock": _Prefix("wE", skip=1),
    "ionice": _Prefix("cnp"),
    "ld-linux-x86-64.so.2": _Prefix(),
    "ltrace": _Prefix("eop"),
    "nice": _Prefix("n"),
    "nohup": _Prefix(),
    "noglob": _Prefix(),
    "nsenter": _Prefix("tSGr"),
    "parallel": _Prefix("jIna"),
    "proxychains": _Prefix("f"),
    "prlimit": _Prefix(),
    "setarch": _Prefix(skip=1),
    "setsid": _Prefix(),
    "start-stop-daemon": _Prefix("ancpuskRm"),
    "stdbuf": _Prefix("ioe"),
    "strace": _Prefix("eopsP"),
    "sudo": _Prefix("ughpCrtUDT"),
    "systemd-run": _Prefix("uptEH"),
    "taskset": _Prefix(skip=1),
    "time": _Prefix("fo"),
    "timeout": _Prefix("ks", skip=1),
    "toybox": _Prefix(),
    "unbuffer": _Prefix(),
    "unshare": _Prefix("RSG"),
    "xargs": _Prefix("dIEnPLsa"),
}
_SETTING = frozenset({"env", "sudo", "doas"})
"""Prefixes before whose command variables may be set."""
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")


def inner_of(program: str, args: Sequence[str]) -> Inner | None:
    """What ``program`` runs with these arguments; None where it runs nothing else.

    >>> inner_of("sudo", ["-u", "ops", "kill", "1"]).argv
    ('kill', '1')
    """
    if program in SHELLS:
        return _shell(args)
    if program in _PREFIXES:
        return _prefixed(program, list(args))
    found = _SPECIAL.get(program) or _SPECIAL.get(re.sub(r"[\d.]+$", "", program))
    return found(list(args)) if found else None


def _prefixed(program: str, args: list[str]) -> Inner | None:
    prefix = _PREFIXES[program]
    placeholder = ""
    while args and (args[0].startswith("-") or (program in _SETTING and _ASSIGNMENT.match(args[0]))):
        option, args = args[0], args[1:]
        if option == "--":
            break
        if option in ("-c", "-S", "--split-string") and program in ("flock", "env"):
            return Inner(text=" ".join(args), language="sh")
        if program == "xargs" and option.startswith("-I"):
            placeholder = option[2:] or " ".join(args[:1])
        args = args[1:] if len(option) == 2 and option[1] in prefix.valued else args
    args = args[prefix.skip :]
    if program == "flock" and args[:1] == ["-c"]:
        return Inner(text=" ".join(args[1:]), language="sh")
    if program in ("xargs", "parallel"):
        return Inner(tuple(args or ["echo"]), appends_stdin=not placeholder, placeholder=placeholder)
    return Inner(tuple(args)) if args else None


def _shell(args: Sequence[str]) -> Inner | None:
    rest = list(args)
    while rest and rest[0][:1] in "-+" and rest[0] not in ("-", "--"):
        option, rest = rest[0], rest[1:]
        if not option.startswith("--") and "c" in option:
            return Inner(text=rest[0] if rest else "", language="sh")
        if not option.startswith("--") and "s" in option:
            return Inner(language="sh", reads_stdin=True)
        if option in ("--rcfile", "--init-file") and rest:
            return Inner(script_file=rest[0], language="sh")
        rest = rest[1:] if option in ("-o", "+o", "-O", "+O") else rest
    rest = rest[1:] if rest[:1] == ["--"] else rest
    if rest and rest[0] not in ("-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"):
        return Inner(script_file=rest[0], language="sh")
    return Inner(language="sh", reads_stdin=True)


def _code(language: str, flags: str) -> Callable[[list[str]], Inner | None]:
    inline = re.compile(rf"-(?![MmIFCx])[A-Za-z0-9.]*?[{flags}](.*)", re.DOTALL)

    def find(args: list[str]) -> Inner | None:
        for number, arg in enumerate(args):
            following = args[number + 1] if number + 1 < len(args) else ""
            match = None if arg.startswith("--") else inline.fullmatch(arg)
            if match:
                return Inner(text=match[1] or following, language=language)
            if arg in ("--eval", "--execute", "--print"):
                return Inner(text=following, language=language)
            if language == "python" and arg.startswith("-m"):
                return None
            if not arg.startswith("-"):
                return Inner(script_file=arg, language=language)
        return Inner(language=language, reads_stdin=True)

    return find


def _awk(args: list[str]) -> Inner | None:
    skip = False
    for number, arg in enumerate(args):
        if skip or arg.startswith("-"):
            skip = arg in ("-F", "-v") and not skip
            if arg == "-f" and number + 1 < len(args):
                return Inner(script_file=args[number + 1], language="awk")
            continue
        return Inner(text=arg, language="awk")
    return None


def _su(args: list[str]) -> Inner | None:
    for number, arg in enumerate(args):
        if re.fullmatch(r"-[a-z]*c|--command", arg) and number + 1 < len(args):
            return Inner(text=args[number + 1], language="sh")
    return None


def _make(args: list[str]) -> Inner | None:
    named = [args[number + 1] for number, arg in enumerate(args[:-1]) if arg in ("-f", "--file", "--makefile")]
    if named == ["-"]:
        return Inner(language="make", reads_stdin=True)
    return Inner(script_file=named[0] if named else "Makefile", language="make")


def _ssh(args: list[str]) -> Inner | None:
    rest = list(args)
    while rest and rest[0].startswith("-"):
        rest = rest[2:] if rest[0][-1] in "bcDEeFIiJLlmOopQRSWw" and len(rest[0]) == 2 else rest[1:]
    return Inner(text=" ".join(rest[1:]), language="sh") if len(rest) > 1 else None


def _docker(args: list[str]) -> Inner | None:
    if not args or args[0] not in ("exec", "run"):
        return None
    rest = args[1:]
    while rest and rest[0].startswith("-"):
        rest = rest[2:] if rest[0] in ("-u", "-w", "-e", "-v", "--name", "--user") else rest[1:]
    return Inner(tuple(rest[1:])) if len(rest) > 1 else None


def _find(args: list[str]) -> Inner | None:
    for number, arg in enumerate(args):
        if arg in ("-exec", "-execdir", "-ok", "-okdir"):
            rest = args[number + 1 :]
            end = next((at for at, word in enumerate(rest) if word in (";", "+")), len(rest))
            return Inner(tuple(rest[:end]), placeholder="{}")
    return None


def _text(args: list[str]) -> Inner | None:
    rest = args
    while rest and rest[0].startswith("-"):
        rest = rest[2:] if rest[0] in ("-n", "-d") else rest[1:]
    return Inner(text=" ".join(rest), language="sh") if rest else None


def _terminal(args: list[str]) -> Inner | None:
    """Terminal multiplexers: the last words are a command, however many options stand before it."""
    words = [arg for arg in args if not arg.startswith("-") and arg not in ("new", "new-session", "send-keys")]
    named = any(arg in ("-s", "-S", "-t") for arg in args)
    return Inner(text=" ".join(words[1:] if named else words), language="sh")


_SPECIAL: dict[str, Callable[[list[str]], Inner | None]] = {
    "at": lambda _: Inner(language="sh", reads_stdin=True),
    "awk": _awk,
    "batch": lambda _: Inner(language="sh", reads_stdin=True),
    ".": lambda args: Inner(script_file=args[0], language="sh") if args else None,
    "docker": _docker,
    "eval": lambda args: Inner(text=" ".join(args), language="sh"),
    "find": _find,
    "gawk": _awk,
    "lua": _code("lua", "e"),
    "gmake": _make,
    "make": _make,
    "mawk": _awk,
    "node": _code("node", "ep"),
    "nodejs": _code("node", "ep"),
    "perl": _code("perl", "eE"),
    "php": _code("php", "r"),
    "podman": _docker,
    "pypy": _code("python", "c"),
    "python": _code("python", "c"),
    "ruby": _code("ruby", "e"),
    "runuser": _su,
    "screen": _terminal,
    "script": _su,
    "source": lambda args: Inner(script_file=args[0], language="sh") if args else None,
    "ssh": _ssh,
    "su": _su,
    "tmux": _terminal,
    "watch": _text,
}
