"""The one way to a person's terminal: whatever is printed is shown by it, and obeyed by nothing.

What an agent, an engine, a plug-in or somebody else's run directory wrote ends up in tables, errors and live progress.
`say` makes each line of ours one line; `screened` does the same for all that others print beside us, warnings, logs
and tracebacks among them. Only `say` may print: the linter keeps it so. Tables go through `_console`.
"""

import errno
import os
import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Any, TextIO, cast

_BLANK = frozenset(
    (
        *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0),
        *(*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)),
    )
)
"""Letters and marks that Python calls printable, and that show nothing. The report has a table of its own: the first
line of a command must cost no import."""


class _Table(dict[int, str]):
    """Translation table that decides each character once."""

    def __init__(self, kept: str) -> None:
        super().__init__({ord(one): one for one in kept})

    def __missing__(self, code: int) -> str:
        text = chr(code)
        seen = text.isprintable() and code not in _BLANK
        self[code] = text if seen else text.encode("unicode_escape", "backslashreplace").decode()
        return self[code]


_LINE, _LINES = _Table(""), _Table("\n\t")
_NOBODY = frozenset({errno.EIO, errno.EPIPE})
"""A terminal that was closed, a pipe without a reader."""


def clean(text: str) -> str:
    r"""One line that a terminal shows and does not obey: what acts on it or hides from an eye becomes an escape.

    >>> clean("a\x1b[2Jb\u202ec\n")
    'a\\x1b[2Jb\\u202ec\\n'
    """
    return text.translate(_LINE)


def clean_lines(text: str) -> str:
    r"""As `clean`, but line feeds and tabs stay what they are.

    >>> clean_lines("a\n\tb\r\x9b2J")
    'a\n\tb\\r\\x9b2J'
    """
    return text.translate(_LINES)


def say(*lines: str, to: TextIO | None = None) -> None:
    """Print lines, each of which stays one, on standard output or ``to``. Without any, an empty one."""
    stream = to or sys.stdout
    with unread(bare(stream)):
        print(*map(clean, lines or ("",)), sep="\n", file=stream, flush=True)


@contextmanager
def unread(stream: TextIO) -> Generator[None]:
    """That the reader of a stream has gone changes no result and no exit code: what is still printed goes nowhere."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NOBODY:
            raise
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, stream.fileno())
        os.close(nothing)


def warn(*lines: str) -> None:
    """`say` on standard error."""
    say(*lines, to=sys.stderr)


class Screen:
    """A text stream on which nothing but text, line feeds and tabs reach the one below."""

    def __init__(self, below: TextIO) -> None:
        self.below = below

    def write(self, text: str, /) -> int:
        """Write text; characters that the stream's encoding lacks become escapes too."""
        encoding = self.below.encoding or "utf-8"
        self.below.write(clean_lines(text).encode(encoding, "backslashreplace").decode(encoding))
        return len(text)

    def writelines(self, lines: Iterable[str], /) -> None:
        """Write texts one after another."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        """What else somebody asks a stream for, but for the bytes below, which would pass us by."""
        if name in ("buffer", "detach"):
            raise AttributeError(name)
        return getattr(self.below, name)


def bare(stream: TextIO | Screen) -> TextIO:
    """The stream below every screen: for what has made its text harmless by itself."""
    while isinstance(stream, Screen):
        stream = stream.below
    return stream


@contextmanager
def screened() -> Generator[None]:
    """Standard output and standard error behind a screen."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (cast("TextIO", Screen(stream)) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
