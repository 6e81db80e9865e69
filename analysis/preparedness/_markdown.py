"""The document as Markdown, for a repository."""

from collections.abc import Iterable, Iterator

from ._document import Banner, Block, Bullets, Document, Heading, Line, Paragraph, Part, Picture, Quoted, Ref, Table
from ._inert import code_span, markdown, no_formula
from ._numbers import Measurement
from ._origins import Filter, written

ORIGIN = (
    "Each number is a field of one measure over some rows of the tables. `offswitch report RUN --kind preparedness "
    "--format json` holds the same with the episodes by name, and docs/preparedness.md shows how to recompute one."
)


def to_markdown(document: Document) -> str:
    """GitHub-flavoured Markdown without any HTML."""
    return "\n".join(_lines(document)).rstrip() + "\n"


def _lines(document: Document) -> Iterator[str]:
    yield from (f"# {markdown(document.title)}", "", _line(document.subtitle), "")
    for banner in document.banners:
        yield from _banner(banner)
    if document.brief:
        yield from ("## In brief", "")
    for block in document.brief:
        yield from _block(block)
    for number, section in enumerate(document.sections, start=1):
        yield from (f"## {number}. {markdown(section.title)}", "")
        for block in section.blocks:
            yield from _block(block)
    yield from _numbers(document)


def _numbers(document: Document) -> Iterator[str]:
    """Where each number comes from."""
    yield from (f"## {len(document.sections) + 1}. Where each number comes from", "", ORIGIN, "")
    origins = document.origins
    for scope, name in origins.scopes.items():
        yield f"- {name}: {_conditions(scope)}"
    yield from (
        "",
        "| id | measure | whose | of the rows where | printed | n | episodes |",
        "|---|---|---|---|---|---|---|",
    )
    for one in document.measurements:
        cells = (one.id, _call(one), origins.scope(one), _conditions(origins.rest(one)), _printed(one))
        yield f"| {' | '.join(cells)} | {'–' if one.n is None else one.n} | {one.episodes} |"


def _call(one: Measurement) -> str:
    given = ", ".join(f"{name}={value}" for name, value in one.parameters.items())
    return code_span(f"{one.measure}({given})" if given else one.measure, in_table=True)


def _conditions(filters: Iterable[Filter]) -> str:
    return ", ".join(code_span(one, in_table=True) for one in written(filters))


def _printed(one: Measurement) -> str:
    return ", ".join(
        f"{markdown(name or 'count', begins=False)} {markdown(number.text, begins=False)}"
        for name, number in one.printed.items()
    )


def _banner(banner: Banner) -> Iterator[str]:
    yield f"> **{markdown(banner.title)}**"
    for one in banner.lines:
        yield from (">", f"> {_line(one)}")
    yield ""


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Heading):
        yield from (f"### {_line(block.line)}", "")
    elif isinstance(block, Paragraph):
        text = _line(block.line).strip()
        yield from (f"**{text}**" if block.tone == "warning" else text, "")
    elif isinstance(block, Picture):
        if not block.empty:
            yield from (
                f"*Figure: {markdown(block.title)}* {markdown(block.words, begins=False)} {markdown(block.source)}",
                "",
            )
    elif isinstance(block, Bullets):
        yield from (f"- {_line(one).rstrip()}" for one in block.lines)
        yield ""
    else:
        yield from _table(block)


def _table(table: Table) -> Iterator[str]:
    yield from (f"*{markdown(table.caption)}*", "")
    yield f"| {' | '.join(markdown(name) for name in table.columns)} |"
    yield f"|{'---|' * len(table.columns)}"
    for row in table.rows:
        yield f"| {' | '.join(_line(cell, in_table=True) or ' ' for cell in row)} |"
    yield ""


def _line(parts: Line, *, in_table: bool = False) -> str:
    return "".join(_part(part, in_table=in_table, first=number == 0) for number, part in enumerate(parts))


def _part(part: Part, *, in_table: bool, first: bool) -> str:
    if isinstance(part, Quoted):
        return code_span(no_formula(part.text) if in_table and first else part.text, in_table=in_table)
    if isinstance(part, Ref):
        return part.id
    return markdown(part if isinstance(part, str) else part.text, begins=first and not in_table)
