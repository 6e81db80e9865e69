"""The document as one self-contained page without a script, made to be read and to be printed."""

import base64
import hashlib
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from .._escape import visible_lines
from ._document import Block, Document, Line, Part, Picture, Quoted, Ref
from ._inert import no_formula, quoted

_FOLDER = Path(__file__).parent


def to_html(document: Document) -> str:
    """The page. Its content security policy allows its own style and nothing else."""
    style = "".join((folder / name).read_text("utf-8") for folder, name in _STYLES)
    environment: Any = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(line=_line, cell=_cell, kind=_kind, image=_image)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    page: str = environment.get_template("preparedness.html").render(
        document=document,
        style=Markup(style),  # noqa: S704 # our own file
        style_hash=f"sha256-{digest}",
    )
    return page


_STYLES = ((_FOLDER.parent, "report.css"), (_FOLDER, "preparedness.css"))


def _finalize(value: Any) -> Any:
    """Every expression of the template passes here: no text gets around it."""
    return visible_lines(value) if isinstance(value, str) and not isinstance(value, Markup) else value


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
