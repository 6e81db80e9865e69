"""What reaches a person: the bytes that a real pseudo-terminal, or a pipe, gets while something prints."""

import fcntl
import os
import re
import struct
import termios
import threading
import tty
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from typing import Literal

import pytest

from offswitch.analysis import visible_lines

Kind = Literal["terminal", "pipe"]
ATTACKS = (
    "\x1b]8;;https://example.invalid/\x1b\\click\x1b]8;;\x1b\\",
    "\x1b]52;c;cHduZWQ=\x07",
    "\x1b]0;owned\x07\x1b]2;owned\x1b\\",
    "\x1b[2J\x1b[3J\x1b[H",
    "\x1bc\x1b(0\x1b[!p",
    "\x1b[7A\x1b[1G\x1b[Kheld",
    "\x1b[8mhidden\x1b[30;40mblack\x1b[0m",
    "\x1b[?1049h\x1b[?25l\x1b[?1000h",
    '\x1b[6n\x1b[c\x1bP$q"p\x1b\\',
    "\x1bPq#0;2;0;0;0~\x1b\\\x1b_Gf=100;AAAA\x1b\\",
    "\x9b2J\x9d0;owned\x9c\x85\x84",
    "bell\x07 back\x08\x08\x08space carriage\rreturn\x0b\x0c\x7f",
    "first\nroot hash 0000\r\noffswitch: ok",
    "\u202egnidaer eurt eht si siht\u202c",
    "\u2066a\u2069\u2067b\u2069\u061c\u200e\u200f",
    "zero\u200bwidth\u200cand\u200djoiners\u2060\ufeff\u00ad",
    "tags \U000e0041\U000e0042 selectors \ufe0f \U000e0101",
    "fillers \u3164 \u115f \u2800 \u034f \u180e \u17b4",
    "lines\u2028and\u2029paragraphs",
    "[bold red]x[/] [link=https://example.invalid]y[/link] :skull:",
    "lone \ud800 surrogate \udcff",
    "\ue000 private \U0010ffff last \ufff9\ufffa\ufffb",
    "%s {0} %(x)s {x!r} \\x1b[2J",
)
"""Harmless forms of what acts on a terminal, hides from an eye or forges a line."""

_COLOUR = re.compile(r"\x1b\[(?:[0-4]|3[1-6])(?:;(?:[0-4]|3[1-6]))*m")
"""Weights and colours that can be read; not those that hide."""
_DISPLAY = re.compile(r"\x1b\[\?25[lh]|\x1b\[1A|\x1b\[2K|\r")
"""What a live display needs: hide and show the cursor, a line up, clear a line, back to its beginning."""


def seen(act: Callable[[], object], kind: Kind, width: int = 200) -> str:
    """What a person sees of everything that ``act`` prints, on standard output and standard error."""
    reading, writing = os.openpty() if kind == "terminal" else os.pipe()
    if kind == "terminal":
        tty.setraw(writing)  # so that what was written is what is read
        fcntl.ioctl(writing, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    parts: list[bytes] = []
    reader = threading.Thread(target=_drain, args=(reading, parts))
    reader.start()
    try:
        with (
            pytest.MonkeyPatch.context() as patch,
            os.fdopen(writing, "w", encoding="utf-8", buffering=1) as stream,
            redirect_stdout(stream),
            redirect_stderr(stream),
        ):
            patch.setenv("COLUMNS", str(width))
            patch.setenv("TERM", "xterm-256color")
            patch.delenv("NO_COLOR", raising=False)
            act()
    finally:
        reader.join()
        os.close(reading)
    return b"".join(parts).decode()


def _drain(descriptor: int, parts: list[bytes]) -> None:
    while True:
        try:
            block = os.read(descriptor, 1 << 16)
        except OSError:  # a terminal nobody writes to any more
            return
        if not block:
            return
        parts.append(block)


def harm(text: str, *, display: bool = False) -> str:
    """What in a text acts on a terminal or hides; "" for one that is safe to read.

    Colours are ours, and with ``display`` the few movements of a live display. The judge is the escaping of the
    HTML report, which was written apart from the command line's.
    """
    rest = _COLOUR.sub("", text)
    rest = _DISPLAY.sub("", rest) if display else rest
    return "".join(one for one in rest if visible_lines(one) != one)
