"""Whatever an agent wrote stays text: on the page, in Markdown, and in a spreadsheet that a table is copied into."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from offswitch.analysis import visible
from offswitch.analysis.preparedness import Format
from offswitch.analysis.preparedness._document import Banner, Bullets, Document, Quoted, Section, Table, line
from offswitch.analysis.preparedness._html import to_html
from offswitch.analysis.preparedness._inert import markdown
from offswitch.analysis.preparedness._markdown import to_markdown
from offswitch.records import EpisodeInvalidated, Subject, SubjectKind

from ..browser import chromium, opened
from ..payloads import PAYLOADS
from ..synthetic import RunBuilder, failed, held
from .runs import asked, text_of

FORMULAS = ("=cmd|'/C calc'!A0", "+1+1", "-2+3", "@SUM(1)", "\t=1", "\r=1", " =1", "\uff1d1", "|x")
OURS = ("em_open", "em_close", "strong_open", "strong_close")
"""The caption of a table, the title of a banner."""


def of(text: str) -> Document:
    """A document with a text of others in every kind of place, and as prose."""
    cells = (line(Quoted(text)), line("said ", Quoted(text)), line(text))
    blocks = (Table("a table", ("one", "two", "three"), (cells,)), Bullets((line(Quoted(text)), line(text))))
    banner = Banner("part", "a banner", (line(Quoted(text), ": ", text),))
    return Document("title", line(Quoted(text)), (banner,), (Section("here", "Section", blocks),))


READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
ADDRESS = re.compile(r"https?:|www\.|@|(?<!\S):\w+:", re.IGNORECASE)
"""What a repository's viewer makes a link, a name or a picture of beside the standard."""
SPAN = re.compile(r"(?<![\\`])(`+)(?!`).*?(?<!`)\1(?!`)")
STRUCTURE = frozenset(
    ("paragraph", "heading", "bullet_list", "list_item", "blockquote", "table", "thead", "tbody", "tr", "th", "td")
)


def texts(page: str) -> list[Token]:
    """What a reader sees of a page that has no other blocks than ours."""
    blocks = READER.parse(page)
    assert {one.type.removesuffix("_open").removesuffix("_close") for one in blocks} <= STRUCTURE | {"inline"}
    return [child for one in blocks if one.type == "inline" for child in one.children or ()]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_i1_no_payload_is_markup_in_markdown(payload: str) -> None:
    page = to_markdown(of(payload))
    assert {one.type for one in texts(page)} <= {"text", "text_special", "code_inline", "softbreak", *OURS}
    assert not ADDRESS.search(SPAN.sub("", page)), page


@given(st.text(st.characters(codec="utf-8"), max_size=60) | st.text("\\`*_[]()<>#+-.!|~&$:/=1ab ", max_size=12))
@settings(max_examples=150, deadline=None)
def test_i1_prose_is_read_as_it_was_meant(text: str) -> None:
    seen = texts(markdown(text).strip() or "empty")
    assert {one.type for one in seen} <= {"text", "text_special", "code_inline"}
    assert "".join(one.content for one in seen) == (visible(text).strip() or "empty")


@given(st.text(st.characters(codec="utf-8"), max_size=60))
@settings(max_examples=60, deadline=None)
def test_i7_any_text_stays_in_its_cell(text: str) -> None:
    rows = [row for row in to_markdown(of(text)).splitlines() if row.startswith("|")]
    assert len([row for row in rows if "said" in row]) == 1
    (row,) = [row for row in rows if "said" in row]
    assert len(re.findall(r"(?<!\\)\|", row)) == 4, row


@pytest.mark.parametrize("formula", FORMULAS)
def test_i7_a_cell_that_looks_like_a_formula_is_text_for_a_spreadsheet(formula: str) -> None:
    page = to_html(of(formula))
    cells = [re.sub(r"<[^>]*>", "", cell) for cell in re.findall(r"<td>(.*?)</td>", page, re.DOTALL)]
    assert cells[0].startswith(("&#39;", "\\x"))
    (row,) = [row for row in to_markdown(of(formula)).splitlines() if row.startswith("|") and "said" in row]
    assert row.startswith(("| `'", "| `\\x"))


def test_i3_nothing_hidden_reaches_either_form() -> None:
    hidden = "\u202eevil\u200b\x1b[2J\u2066"
    for page in (to_html(of(hidden)), to_markdown(of(hidden))):
        assert not set(hidden) & set("\u202e\u200b\x1b\u2066") & set(page)


def test_i1_a_page_of_hostile_names_runs_asks_and_goes_nowhere(tmp_path: Path) -> None:
    with RunBuilder(tmp_path / "run") as run:
        name = "".join(PAYLOADS)[:200]
        subject = Subject(kind=SubjectKind.AS_IS, name=name, scaffold=name)
        run.episode(verdicts=[failed("S3", reason=PAYLOADS[0])], subject=subject, seed=1)
        for number, payload in enumerate(PAYLOADS):
            broken = EpisodeInvalidated(phase=payload, object=payload, cause=payload, proven=True)
            run.episode(seed=1000 + number, subject=subject, invalidated=broken, verdicts=[held("S3")])
    text_of(asked(run.root, profiles=()), Format.HTML)
    with chromium() as browser, opened(browser, run.root / "out.html") as watched:
        assert watched.runs == 0
        assert watched.requests == []
        assert watched.navigations == [(run.root / "out.html").as_uri()]
        assert watched.violations == []
