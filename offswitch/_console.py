"""Tables and live displays: a rich console whose text can neither act on the terminal nor hide."""

import sys
from collections.abc import Iterable
from typing import Any, TextIO, cast

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from ._screen import bare, clean_lines, unread

_PIPE_WIDTH = 160
"""Columns of a table that goes into a file."""


class _Console(Console):
    """Draws colours and moves the cursor itself; what it draws is text and nothing else."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else _harmless(segment)

    def print(self, *objects: Any, **options: Any) -> None:
        with unread(bare(cast("TextIO", self.file))):
            super().print(*objects, **options)

    def on_broken_pipe(self) -> None:
        """The framework would end the process with 1, which means a finding."""
        raise  # noqa: PLE0704 - called while the pipe's own error is handled


def console(*, stderr: bool = False) -> Console:
    """Standard output, or standard error; nothing in a text is taken for markup."""
    stream = bare(sys.stderr if stderr else sys.stdout)
    options: dict[str, Any] = {"file": stream, "markup": False, "highlight": False, "emoji": False}
    found = _Console(**options)
    return found if found.is_terminal else _Console(**options, width=_PIPE_WIDTH)


def _harmless(segment: Segment) -> Segment:
    """Without a link either: it shows one thing and leads to another."""
    style = segment.style
    if style is not None and style.link:
        style = style.update_link(None)
    return Segment(clean_lines(segment.text), style)
