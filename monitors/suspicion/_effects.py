"""What a plain command would change, read or signal."""

import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile

from ._value import Kind

Effect = tuple[Kind, str, str]
"""Kind, subject and text of a fact."""


def absolute(path: str, cwd: str) -> str:
    """The path from the root where that is known, without ``.`` and ``..``.

    >>> absolute("../ctl//stop.sh", "/srv/job"), absolute("ctl/x", "")
    ('/srv/ctl/stop.sh', 'ctl/x')
    """
    if not path or path.startswith(("~", "$", "-")):
        return path
    joined = path if path.startswith("/") or not cwd else f"{cwd}/{path}"
    trailing = "/" if path.endswith("/") and len(path) > 1 else ""
    normal = posixpath.normpath(joined)
    return (normal[1:] if normal.startswith("//") else normal) + (trailing if normal != "/" else "")


DATABASES = frozenset(
    {"sqlite3", "psql", "mysql", "mariadb", "duckdb", "clickhouse-client", "redis-cli", "mongosh", "mongo"}
)
"""Programs that read statements from their arguments and from standard input."""


def effects_of(program: str, args: Sequence[str]) -> list[Effect]:
    """Kind, subject and text of each effect; empty where the program is unknown. Paths as they were written."""
    found = _EFFECTS.get(program)
    return list(found(list(args))) if found else []


def _plain(args: Sequence[str], valued: str = "") -> list[str]:
    """The arguments that are no options; ``valued`` letters take the next word with them."""
    found: list[str] = []
    skip = rest = False
    for arg in args:
        if skip:
            skip = False
        elif rest or not arg.startswith("-") or arg == "-":
            found.append(arg)
        elif arg == "--":
            rest = True
        else:
            skip = len(arg) == 2 and arg[1] in valued
    return found


def _letters(args: Sequence[str]) -> str:
    return "".join(arg[1:] for arg in args if re.fullmatch(r"-[A-Za-z]+", arg))


def _on_paths(kind: Kind, valued: str = "") -> Callable[[list[str]], Iterator[Effect]]:
    def find(args: list[str]) -> Iterator[Effect]:
        options = " ".join(arg for arg in args if arg.startswith("-"))
        return ((kind, path, options) for path in _plain(args, valued))

    return find


def _reads(args: list[str]) -> Iterator[Effect]:
    return (("read", path, "") for path in _plain(args))


def _reads_after_pattern(args: list[str]) -> Iterator[Effect]:
    return (("read", path, "") for path in _plain(args, "ABCefm")[1:])


def _copies(kind: Kind, source_kind: Kind) -> Callable[[list[str]], Iterator[Effect]]:
    def find(args: list[str]) -> Iterator[Effect]:
        into = _after(args, "-t", "--target-directory")
        paths = _plain(args, "tmgoS")
        sources, target = (paths, into[0]) if into else (paths[:-1], paths[-1] if len(paths) > 1 else None)
        for source in sources:
            yield source_kind, source, "moved" if source_kind == "move" else ""
        if target is None:
            return
        yield kind, target, f"from {' '.join(sources)}"
        if into or len(sources) > 1 or target.endswith("/") or "." not in posixpath.basename(target):
            for source in sources[:16]:
                yield kind, f"{target.rstrip('/')}/{posixpath.basename(source)}", f"from {source}"

    return find


def _after(args: Sequence[str], *options: str) -> list[str]:
    """The words that stand after one of these options."""
    return [args[at + 1] for at, arg in enumerate(args[:-1]) if arg in options]


def _mode(args: list[str]) -> Iterator[Effect]:
    words = _plain([arg for arg in args if not re.fullmatch(r"-[rwxXst]+", arg)])
    flags = " ".join(arg for arg in args if arg.startswith("-"))
    if words and not re.fullmatch(r"-[rwxXst]+", args[0]):
        flags, words = f"{flags} {words[0]}".strip(), words[1:]
    return (("mode", path, flags) for path in words)


def _tee(args: list[str]) -> Iterator[Effect]:
    kind: Kind = "append" if "a" in _letters(args) or "--append" in args else "write"
    return ((kind, path, "") for path in _plain(args))


def _dd(args: list[str]) -> Iterator[Effect]:
    return (("write", arg[3:], "dd") for arg in args if arg.startswith("of="))


def _in_place(args: list[str]) -> Iterator[Effect]:
    """``sed`` and ``perl``: with ``-i`` the files are edited; without, they are read."""
    edits = any(re.match(r"-[a-zA-Z0-9]*i|--in-place", arg) for arg in args)
    given = [at + 1 for at, arg in enumerate(args[:-1]) if re.fullmatch(r"-[a-zA-Z]*[ef]", arg)]
    words = _plain(args, "ef")
    scripts = [args[at] for at in given] or words[:1]
    for path in words if given else words[1:]:
        yield ("write", path, f"edit {' '.join(scripts)}") if edits else ("read", path, "")


def _truncate(args: list[str]) -> Iterator[Effect]:
    return (("truncate", path, "") for path in _plain(args, "sr"))


def _find(args: list[str]) -> Iterator[Effect]:
    roots = list(takewhile(lambda arg: not arg.startswith(("-", "(", "!")), args))
    if "-delete" in args:
        for root in roots or ["."]:
            yield "delete", found_by([root, *args[len(roots) :]]), " ".join(args)


def found_by(args: Sequence[str]) -> str:
    """What ``{}`` stands for in a search: root and name pattern."""
    root = args[0] if args and not args[0].startswith("-") else "."
    names = _after(args, "-name", "-iname", "-path", "-wholename")
    picks = any(_PICKING.match(arg) for arg in args)
    return f"{root.rstrip('/')}/{names[0] if names else '…' if picks else '*'}"


_PICKING = re.compile(r"-(?:[acm](?:min|time|newer)|size|user|group|perm|no\w+|newer\w*|empty)")


def _kill(args: list[str]) -> Iterator[Effect]:
    signal, targets = "TERM", list(args)
    while targets and targets[0].startswith("-") and targets[0] != "--":
        option, targets = targets[0], targets[1:]
        if option in ("-l", "-L", "--list"):
            return
        if option in ("-s", "--signal", "-n") and targets:
            signal, targets = targets[0], targets[1:]
        else:
            signal = option.lstrip("-").removeprefix("signal=")
    targets = targets[1:] if targets[:1] == ["--"] else targets
    if targets:
        yield "signal", " ".join(targets), signal.upper().removeprefix("SIG")


def _pkill(args: list[str]) -> Iterator[Effect]:
    signal = "TERM"
    for at, arg in enumerate(args):
        match = re.fullmatch(r"-(\d{1,2}|(?:SIG)?[A-Z]{3,6}\d?)|--signal[=]?(\w*)", arg)
        if match:
            signal = match[1] or match[2] or " ".join(args[at + 1 : at + 2])
    yield "signal", " ".join(_plain(args, "uUgGPtsF")), signal.upper().removeprefix("SIG")


def _service(args: list[str]) -> Iterator[Effect]:
    """``systemctl stop X`` and ``service X stop`` alike."""
    words = [word for word in _plain(args) if word not in ("now",)]
    verb = next((word for word in words if word in _STOPPING), None)
    if verb:
        yield "signal", " ".join(word for word in words if word != verb), verb.upper()


_STOPPING = frozenset(["stop", "kill", "mask", "disable", "pause", "rm", "remove", "shutdown", "freeze", "unmonitor"])


def _fuser(args: list[str]) -> Iterator[Effect]:
    if "k" in _letters(args):
        yield "signal", " ".join(_plain(args)), "KILL"


def _renice(args: list[str]) -> Iterator[Effect]:
    yield "signal", " ".join(args), "RENICE"


def found_in(symbol: str) -> str:
    """For ``$(find …)`` what it finds; any other text as it is."""
    match = re.match(r"\$\(find\s+([^|)]*)", symbol)
    return found_by(match[1].split()) if match else symbol


def _compress(args: list[str]) -> Iterator[Effect]:
    """The file gives way to a packed one, unless an option keeps it."""
    if not re.search(r"[cdklt]", _letters(args)):
        for path in _plain(args, "S"):
            yield "move", path, "packed"


def _archive(args: list[str]) -> Iterator[Effect]:
    if args and ("x" in args[0] or "x" in _letters(args) or {"--extract", "--get"} & set(args)):
        for path in _after(args, "-C", "--directory", "-d"):
            yield "write", path, "unpacked"


def _awk(args: list[str]) -> Iterator[Effect]:
    paths = [path for path in _plain(args, "Fvfi") if path != "inplace"][1:]
    kind: Kind = "write" if _after(args, "-i") == ["inplace"] else "read"
    return ((kind, path, "") for path in paths)


def _mount(args: list[str]) -> Iterator[Effect]:
    return (("link", path, "mounted") for path in _plain(args, "otLU")[-1:])


def _git(args: list[str]) -> Iterator[Effect]:
    if {"checkout", "restore", "reset", "clean", "stash", "apply"} & set(args):
        for folder in _after(args, "-C"):
            yield "write", folder, "git"


def _download(args: list[str]) -> Iterator[Effect]:
    return (("write", path, "downloaded") for path in _after(args, "-o", "-O", "--output"))


def _sort(args: list[str]) -> Iterator[Effect]:
    return (("write", path, "") for path in _after(args, "-o"))


def _crontab(args: list[str]) -> Iterator[Effect]:
    if args and args[-1] != "-l" and "-l" not in args:
        yield "write", "/var/spool/cron/crontabs/", " ".join(args)


_STATEMENT = re.compile(r"\b(?:select|insert|update|delete|drop|alter|truncate|create|pragma|grant|vacuum)\b", re.I)


def _sql(args: list[str]) -> Iterator[Effect]:
    return (("sql", arg, "") for arg in args if _STATEMENT.search(arg))


_READERS = (
    *("cat", "less", "more", "head", "tail", "tac", "nl", "od", "strings", "xxd", "base64", "wc", "view"),
    *("sha256sum", "md5sum", "file", "diff", "cmp", "zcat"),
)
_EDITORS = ("vi", "vim", "nano", "ed", "ex", "emacs", "patch", "sponge")
_SERVICES = ["systemctl", "service", "supervisorctl", "rc-service", "sv", "docker", "podman", "monit", "initctl"]

_EFFECTS: dict[str, Callable[[list[str]], Iterator[Effect]]] = {
    **dict.fromkeys(_READERS, _reads),
    **dict.fromkeys(_EDITORS, _on_paths("write")),
    **dict.fromkeys(DATABASES, _sql),
    **dict.fromkeys(_SERVICES, _service),
    "awk": _awk,
    "gawk": _awk,
    "git": _git,
    "mount": _mount,
    "umount": _mount,
    "chattr": _mode,
    "chgrp": _mode,
    "chmod": _mode,
    "chown": _mode,
    "cp": _copies("write", "read"),
    "crontab": _crontab,
    "curl": _download,
    "dd": _dd,
    "find": _find,
    "fuser": _fuser,
    "grep": _reads_after_pattern,
    "gzip": _compress,
    "install": _copies("write", "read"),
    "kill": _kill,
    "killall": _pkill,
    "killall5": _pkill,
    "link": _copies("link", "read"),
    "ln": _copies("link", "read"),
    "mkdir": _on_paths("touch", "m"),
    "mkfifo": _on_paths("touch", "m"),
    "mknod": _on_paths("touch", "m"),
    "mv": _copies("write", "move"),
    "perl": _in_place,
    "pkill": _pkill,
    "rename": _on_paths("move"),
    "renice": _renice,
    "rm": _on_paths("delete"),
    "rmdir": _on_paths("delete"),
    "rsync": _copies("write", "read"),
    "scp": _copies("write", "read"),
    "sed": _in_place,
    "setfacl": _on_paths("mode", "mx"),
    "shred": _on_paths("delete", "ns"),
    "skill": _pkill,
    "sort": _sort,
    "srm": _on_paths("delete"),
    "tar": _archive,
    "tee": _tee,
    "touch": _on_paths("touch", "drt"),
    "truncate": _truncate,
    "unlink": _on_paths("delete"),
    "unzip": _archive,
    "wget": _download,
    "xz": _compress,
}
