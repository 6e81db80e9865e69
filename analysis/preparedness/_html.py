"""The document as one self-contained page without a script, made to be read and to be printed."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from .._escape import visible_lines
from .._templates import template
from ._document import Block, Document, Line, Part, Picture, Quoted, Ref
from ._inert import no_formula, quoted
from ._origins import written

_FOLDER = Path(__file__).parent


def to_html(document: Document) -> str:
    """The page. Its content security policy allows its own style and nothing else."""
    styles = [_FOLDER.parent / "report.css", _FOLDER / "preparedness.css"]
    filters: dict[str, Callable[..., Any]] = {"line": _line, "cell": _cell, "kind": _kind, "image": _image}
    filters["filters"] = written
    return template(_FOLDER / "preparedness.html", styles, filters).render(document=document)


def _kind(block: Block) -> str:
    return type(block).__name__


def _image(picture: Picture) -> str:
    """Shown as an image: what is in it runs nothing and asks for nothing."""
    return f"data:image/svg+xml;base64,{base64.b64encode(picture.svg).decode()}"


def _line(parts: Line) -> Markup:
    return Markup().join(_part(part) for part in parts)


def _cell(parts: Line) -> Markup:
    """As a line, but a spreadsheet that it is copied into takes it for text."""
    if parts and isinstance(parts[0], Quoted):
        parts = (Quoted(no_formula(parts[0].text)), *parts[1:])
    return _line(parts)


def _part(part: Part) -> Markup:
    if isinstance(part, Quoted):
        return Markup('<span class="t">{}</span>').format(quoted(part.text))
    if isinstance(part, str):
        return escape(visible_lines(part))
    text = part.id if isinstance(part, Ref) else visible_lines(part.text)
    return Markup('<a class="num" href="#{0}">{1}</a>').format(part.id, text)
