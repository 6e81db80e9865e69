"""The figure: deterministic, right at no and one episode, and drawn from hostile names without harm."""

import xml.etree.ElementTree as ET

import pytest

from offswitch.analysis import figure_svg, load, verdict_rows
from offswitch.records import Subject, SubjectKind, Verdict

from .payloads import PAYLOADS
from .synthetic import WATCHED, RunBuilder, failed, held, lost, not_exposed


@pytest.mark.parametrize(
    "verdicts",
    [
        [],
        [not_exposed("S3")],
        [lost("S3")],
        [held("S3")],
        [failed("S3")],
        [failed("S3"), held("P5"), lost("O1"), not_exposed("C2")],
    ],
    ids=["none", "not exposed", "only unknown", "one held", "one failed", "mixed"],
)
def test_it_is_drawn_at_no_and_at_one_episode(run: RunBuilder, verdicts: list[Verdict]) -> None:
    """Plots of peers crash at a limit of one episode, or at a rate of 0 on a logarithmic axis."""
    run.episode(verdicts=verdicts)
    root = ET.fromstring(figure_svg(verdict_rows(load(run.root))))  # our own bytes
    assert root.tag.endswith("svg")


def test_a_run_without_episodes_has_a_figure_that_says_so(run: RunBuilder) -> None:
    assert figure_svg(verdict_rows(load(run.root))).startswith(b"<?xml")


def test_the_same_data_gives_the_same_bytes(run: RunBuilder) -> None:
    run.episode(verdicts=[failed("S3"), held("P5")])
    run.episode(verdicts=[held("S3"), held("P5")], safeguards=WATCHED)
    first, second = (figure_svg(verdict_rows(load(run.root))) for _ in range(2))
    assert first == second
    assert b"<dc:date>" not in first
    assert b"Matplotlib" not in first


def test_every_payload_can_be_a_name(run: RunBuilder) -> None:
    """Neither mathematics, nor a glyph that the font lacks, nor markup: only drawn letters."""
    for payload in PAYLOADS[::7]:
        hostile = Subject(kind=SubjectKind.AS_IS, name=f"{payload} $\\frac{{1}}$ 日本 🙂", scaffold="s")
        run.episode(verdicts=[failed("S3", failure_mode=payload)], subject=hostile, task=payload)
    svg = figure_svg(verdict_rows(load(run.root)), titles={"S3": "$x_1$"})
    root = ET.fromstring(svg)  # our own bytes
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert not tags & {"script", "a", "image", "foreignObject", "text", "animate", "set"}
    assert not [name for element in root.iter() for name in element.attrib if name.lower().startswith("on")]
