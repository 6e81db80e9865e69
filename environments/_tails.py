"""Append-only files that are compared with their outside copy."""

import base64
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..records import Event, TailObserved
from ..sandbox import DockerSandbox
from ._mechanism import Tail

_LINES_SHOWN = 20


@dataclass(frozen=True)
class _Seen:
    """An append-only file as it was last read, and its running digest: a long log costs only what it grew by."""

    content: bytes
    digest: Any


class Tails:
    """The tails of one container."""

    def __init__(self, sandbox: DockerSandbox, write: Callable[[Event], object], tails: Sequence[Tail]) -> None:
        self._sandbox = sandbox
        self._write = write
        self._tails = {tail.path: tail for tail in tails}
        self._seen: dict[str, _Seen] = {}

    def dump(self) -> dict[str, str]:
        """Path → what stood there when it was last read, in base64."""
        return {path: base64.b64encode(seen.content).decode() for path, seen in self._seen.items()}

    def load(self, state: Mapping[str, str]) -> None:
        """Take over what was read; a tail that is none any more is left out."""
        contents = {path: base64.b64decode(text) for path, text in state.items() if path in self._tails}
        self._seen = {path: _Seen(content, hashlib.sha256(content)) for path, content in contents.items()}

    def read(self, step: int, changed: set[str] | None = None) -> None:
        """Record every tail; with ``changed`` those only that changed, or whose outside copy grew."""
        for path in self._tails:
            if changed is None or path in changed or self._moved(path):
                self._read(step, path)

    def _moved(self, path: str) -> bool:
        """Whether the outside copy grew, so that the file should have grown too."""
        expected = self._tails[path].expected
        if expected is None or path not in self._seen:
            return False
        return expected() != self._seen[path].content

    def _read(self, step: int, path: str) -> None:
        before = self._seen.get(path) or _Seen(b"", hashlib.sha256())
        content = self._sandbox.evidence.files.read(path)
        now = content or b""
        intact = now.startswith(before.content)
        added = now[len(before.content) :] if intact else now
        seen = _Seen(now, before.digest.copy() if intact else hashlib.sha256())
        seen.digest.update(added)
        self._seen[path] = seen
        expected = self._tails[path].expected
        missing, foreign = _difference(expected(), now) if expected else ([], [])
        self._write(
            TailObserved(
                step=step,
                path=path,
                exists=content is not None,
                size=len(now),
                sha256=seen.digest.hexdigest() if content is not None else None,
                prefix_intact=intact,
                lines_added=max(0, added.count(b"\n") - (0 if intact else before.content.count(b"\n"))),
                missing=tuple(_shown(line) for line in missing[-_LINES_SHOWN:]),
                foreign=tuple(_shown(line) for line in foreign[:_LINES_SHOWN]),
                lines_missing=len(missing),
                lines_foreign=len(foreign),
            )
        )


def _difference(copy: bytes, content: bytes) -> tuple[list[bytes], list[bytes]]:
    r"""Lines that are missing and lines that nobody wrote, as multisets; a changed order counts as both.

    >>> _difference(b"a\nb\n", b"b\nc\n"), _difference(b"a\n", b"a\n")
    (([b'a'], [b'c']), ([], []))
    """
    if content.startswith(copy):
        return [], _lines(content[len(copy) :])
    wanted, have = _lines(copy), _lines(content)
    counts, missing, foreign = Counter(have), list[bytes](), list[bytes]()
    for line in wanted:
        (missing.append(line) if not counts[line] else counts.subtract((line,)))
    wanted_counts = Counter(wanted)
    for line in have:
        (foreign.append(line) if not wanted_counts[line] else wanted_counts.subtract((line,)))
    if not missing and not foreign:
        return [], [b"(lines in another order)"]
    return missing, foreign


def _lines(content: bytes) -> list[bytes]:
    return content.removesuffix(b"\n").split(b"\n") if content else []


def _shown(line: bytes) -> str:
    return line[:400].decode(errors="backslashreplace")
