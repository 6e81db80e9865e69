"""Every page: drawn at no, one and many episodes, of hostile names, inside its sheet, and the same again."""

import resource
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from matplotlib.text import Text

from offswitch.analysis import PageError, RunData, UnknownPageError, load
from offswitch.analysis.figures import FORMATS, PAGES, Ask, Decided, Drawn, describe, draw
from offswitch.records import Safeguards, Subject, SubjectKind

from ..payloads import PAYLOADS
from ..synthetic import RunBuilder, failed, held, lost
from .runs import TITLES, WATCHED

NAMES = list(PAGES)
HOSTILE = "W" * 300 + " $\\frac{1}{2}$ \u202egnp.exe " + "Z" + "\u0301" * 90 + " <script>alert(1)</script> 日本 🙂"


def texts(figure: Any) -> list[str]:
    """Everything that is written in a figure."""
    return [text.get_text() for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]


def outside(figure: Any) -> list[str]:
    """Texts that reach beyond the sheet by more than two pixels."""
    figure.draw_without_rendering()
    sheet = figure.bbox
    hidden = _hidden(figure)
    found: list[str] = []
    for text in figure.findobj(Text):
        if not text.get_visible() or not text.get_text().strip() or id(text) in hidden:
            continue
        box = text.get_window_extent()
        if box.x0 < -2 or box.y0 < -2 or box.x1 > sheet.x1 + 2 or box.y1 > sheet.y1 + 2:
            found.append(text.get_text())
    return found


def _hidden(figure: Any) -> set[int]:
    """Tick labels that are not drawn: of axes that are switched off, or beyond the limits."""
    hidden: set[int] = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            for place, label in zip(axis.get_majorticklocs(), axis.get_majorticklabels(), strict=False):
                if not axes.axison or not low <= place <= high:
                    hidden.add(id(label))
    return hidden


def hostile_run(root: Path) -> RunData:
    with RunBuilder(root) as run:
        for seed in (1, 2):
            for name, safeguards in ((HOSTILE, WATCHED), (PAYLOADS[3], WATCHED), (HOSTILE, Safeguards())):
                subject = Subject(kind=SubjectKind.AS_IS, name=name, scaffold="s")
                verdicts = [failed("S3", failure_mode=PAYLOADS[5]), held("P5"), lost("O1")]
                run.episode(verdicts=verdicts, subject=subject, task=HOSTILE, seed=seed, safeguards=safeguards)
    return load(run.root)


@pytest.mark.parametrize("name", NAMES)
def test_a_run_without_episodes_says_no_data_and_draws_no_empty_axes(name: str, none: RunData) -> None:
    figure = PAGES[name].figure(none)
    shown = " ".join(texts(figure)).lower()
    assert "no data" in shown or name == "card"
    assert not [axes for axes in figure.axes if axes.axison]
    assert not outside(figure)


@pytest.mark.parametrize("name", NAMES)
def test_one_episode_is_drawn(name: str, run: RunBuilder) -> None:
    run.episode(verdicts=[failed("S3")], safeguards=WATCHED)
    figure = PAGES[name].figure(load(run.root))
    assert not outside(figure)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> RunData:
    return hostile_run(tmp_path_factory.mktemp("hostile") / "run")


@pytest.mark.parametrize("name", NAMES)
def test_hostile_names_are_letters_inside_the_sheet(name: str, hostile: RunData) -> None:
    ask = Ask(titles={"S3": "$x_1$", "P5": HOSTILE})
    figure = PAGES[name].figure(hostile, ask)
    assert not outside(figure)
    assert not [text for text in figure.findobj(Text) if "$" in text.get_text() and text.get_parse_math()]
    assert "\u202e" not in PAGES[name].describe(hostile, ask) + "".join(texts(figure))


@pytest.mark.parametrize("name", ["verdicts", "episode", "comparison"])
def test_hostile_names_put_nothing_into_the_file_that_acts(name: str, hostile: RunData, tmp_path: Path) -> None:
    drawn = draw(hostile, name, tmp_path / "page.svg", ask=Ask(titles={"P5": HOSTILE}))
    root = ET.fromstring(drawn.path.read_bytes())  # our own bytes
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert not tags & {"script", "a", "foreignObject", "text", "animate", "set"}
    assert not [name for element in root.iter() for name in element.attrib if name.lower().startswith("on")]


@pytest.mark.parametrize("name", ["frontier", "suspicion", "time", "episode"])
def test_the_same_data_gives_the_same_bytes_and_no_date(name: str, cast: RunData, tmp_path: Path) -> None:
    first, second = (draw(cast, name, tmp_path / f"{turn}.svg").path.read_bytes() for turn in "ab")
    assert first == second
    assert b"dc:date" not in first


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_is_the_same_again(kind: str, cast: RunData, tmp_path: Path) -> None:
    first, second = (draw(cast, "cost", tmp_path / f"{turn}.{kind}").path.read_bytes() for turn in "ab")
    assert first == second


@pytest.mark.parametrize("name", NAMES)
def test_many_episodes_stay_inside_the_sheet_and_it_says_what_it_rests_on(name: str, many: RunData) -> None:
    ask = Ask(titles=TITLES, decisions=(Decided("control.failure.S3", "NOT MET", HOSTILE),))
    page = PAGES[name]
    view = page.gather(many, ask)
    figure, told = page.painted(view), page.told(view)
    note = " ".join(" ".join(texts(figure)).split())
    for words in ("n = ", "independent, by", "unknown", "not exposed", "invalid"):
        assert words in note
    assert "Intervals: " in note or "No intervals: descriptive." in note
    assert "Scripted" not in note
    assert not outside(figure)
    assert "\n" not in told
    assert "n = " in told
    assert len(told) > 80


@pytest.mark.parametrize("name", NAMES)
def test_scripted_numbers_are_known_as_such(name: str, cast: RunData) -> None:
    assert PAGES[name].gather(cast, Ask()).note.scripted


def test_scripted_numbers_say_that_they_say_nothing_about_a_model(cast: RunData) -> None:
    figure = PAGES["verdicts"].figure(cast)
    assert "Scripted: proves the instrument, says nothing about a model." in texts(figure)
    assert not outside(figure)


def test_a_page_without_data_says_so_in_words(none: RunData) -> None:
    assert "No data." in describe("verdicts", none)
    assert "No data." in describe("suspicion", none)


def test_the_words_stand_in_the_file(many: RunData, tmp_path: Path) -> None:
    drawn: Drawn = draw(many, "cost", tmp_path / "cost.svg")
    root = ET.fromstring(drawn.path.read_bytes())  # our own bytes
    said = [element.text for element in root.iter() if element.tag.endswith("}description")]
    assert said == [drawn.alt]


def test_a_page_that_there_is_not_is_named_with_those_that_there_are(many: RunData, tmp_path: Path) -> None:
    with pytest.raises(UnknownPageError, match="no page 'radar'; there are verdicts, frontier"):
        draw(many, "radar", tmp_path / "radar.svg")
    with pytest.raises(UnknownPageError, match="svg, png, pdf, not as gif"):
        draw(many, "cost", tmp_path / "cost.gif")


def test_a_place_that_cannot_be_written_is_an_error_that_names_it(many: RunData, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PageError, match="name another place with --out DIR"):
        draw(many, "cost", tmp_path / "file" / "cost.svg")


def test_a_full_disk_leaves_the_picture_that_was_there(many: RunData, tmp_path: Path) -> None:
    place = tmp_path / "cost.svg"
    place.write_text("the older one")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(PageError, match="cannot be written: File too large; name another place with --out DIR"):
            draw(many, "cost", place)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("cost.svg", "the older one")]
