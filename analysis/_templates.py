"""Templates of self-contained pages in which every text that comes from a record stays text."""

import base64
import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from ._escape import visible_lines


def template(page: Path, styles: Iterable[Path], filters: dict[str, Callable[..., Any]], **values: Any) -> Template:
    """A page with its style inside, and ``style_hash`` for a policy that allows this style and nothing else.

    Whatever a filter returns is escaped, unless it is markup.
    """
    environment: Any = Environment(
        loader=FileSystemLoader(page.parent),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(filters)
    style = "".join(one.read_text(encoding="utf-8") for one in styles)
    environment.globals.update(values, style=Markup(style), style_hash=_hash(style))  # noqa: S704 # our own file
    found: Template = environment.get_template(page.name)
    return found


def _finalize(value: Any) -> Any:
    """Every expression of a template passes here: no text gets around it."""
    return visible_lines(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _hash(style: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
