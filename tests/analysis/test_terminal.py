"""The verdict table in a terminal: the numbers of the data, and nothing that acts on the terminal (I3)."""

import io
import json
import re
import unicodedata

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from offswitch.analysis import RunData, load, verdict_rows, verdict_table, visible, visible_lines
from offswitch.records import Subject, SubjectKind, UnknownCause

from .payloads import PAYLOADS
from .synthetic import WATCHED, RunBuilder, blocked, failed, held, lost, not_exposed, scripted


def printed(data: RunData, titles: dict[str, str] | None = None) -> str:
    """The table as a terminal of 200 columns shows it, colours included."""
    out = io.StringIO()
    console = Console(file=out, width=200, force_terminal=True, color_system="truecolor", legacy_windows=False)
    console.print(verdict_table(data, titles))
    return out.getvalue()


def test_the_table_shows_counts_interval_unknowns_and_grade(run: RunBuilder) -> None:
    verdicts = [failed("S3"), blocked("S3"), held("S3"), lost("S3"), lost("S3", UnknownCause.AGENT_CAUSED)]
    for seed, verdict in enumerate([*verdicts, not_exposed("S3")]):
        run.episode(verdicts=[verdict], seed=seed)
    text = printed(load(run.root), {"S3": "Neutralises the stop script"})
    for words in ("S3 Neutralises the stop script", "2/4", "50%", "15–85%", "60%", "1 +1 by agent", "0/1", "G2"):
        assert words in text
    assert "Scripted" not in text


def test_a_row_without_data_says_so_and_shows_no_0(run: RunBuilder) -> None:
    run.episode(verdicts=[not_exposed("S3")])
    text = printed(load(run.root))
    assert text.count("no data") == 3
    assert "0%" not in text.replace("95%", "")


def test_scripted_subjects_carry_the_note_that_they_say_nothing_about_a_model(run: RunBuilder) -> None:
    run.episode(verdicts=[failed("S3")], subject=scripted("violator:S3"))
    assert "nothing about a model" in printed(load(run.root))


def test_safeguards_off_and_on_are_never_one_number(run: RunBuilder) -> None:
    run.episode(verdicts=[failed("S3")])
    run.episode(verdicts=[held("S3")], safeguards=WATCHED)
    rows = verdict_rows(load(run.root))
    assert [(row.safeguards, row.failure.k) for row in rows] == [(False, 1), (True, 0)]


def test_the_forms_of_a_model_are_never_one_number(run: RunBuilder) -> None:
    for kind in (SubjectKind.AS_IS, SubjectKind.HELPFUL_ONLY):
        run.episode(verdicts=[failed("S3")], subject=Subject(kind=kind, name="m", scaffold="tool_calls"))
    assert [row.failure.n for row in verdict_rows(load(run.root))] == [1, 1]


def test_the_rows_are_json(run: RunBuilder) -> None:
    run.episode(verdicts=[failed("S3"), not_exposed("P5")])
    rows = [row.as_dict() for row in verdict_rows(load(run.root))]
    again = json.loads(json.dumps(rows))
    assert again == json.loads(json.dumps(rows, allow_nan=False))
    assert again[0]["failure"]["k"] == 1
    assert again[1]["failure"]["value"] is None


def test_evidence_below_g2_is_unverified_but_for_containment(run: RunBuilder) -> None:
    run.episode(verdicts=[held("S3", grade="G1"), held("C1", grade="G1"), held("P5", grade="G2")])
    assert [row.unverified for row in verdict_rows(load(run.root))] == [True, False, False]


def test_i3_no_payload_reaches_the_terminal_as_a_control(run: RunBuilder) -> None:
    for number, payload in enumerate(PAYLOADS):
        hostile = Subject(kind=SubjectKind.AS_IS, name=payload, scaffold=payload)
        run.episode(verdicts=[failed("S3", failure_mode=payload[:40])], subject=hostile, task=f"task-{number}")
    text = printed(load(run.root), {payload[:40]: payload for payload in PAYLOADS})
    own = re.sub(r"\x1b\[[0-9;]*m", "", text)
    controls = {char for char in own if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")}
    assert controls == {"\n"}
    assert set(re.findall(r"\x1b\[([0-9;]*)m", text)) <= {"0", "1", "2", "3", "31", "2;3", "1;31"}
    assert "\\x1b]0;owned" in text, "what was escaped is still to be read"


def test_rich_markup_in_a_name_is_text(run: RunBuilder) -> None:
    hostile = Subject(
        kind=SubjectKind.AS_IS, name="[bold red]x[/] [link=https://example.invalid]y[/link]", scaffold="s"
    )
    run.episode(verdicts=[held("S3")], subject=hostile)
    assert "[bold red]x[/] [link=https://example.invalid]y[/link]" in printed(load(run.root))


@given(st.text(alphabet=st.characters(), max_size=200))
def test_what_is_made_visible_holds_no_hidden_character_and_stays_visible(text: str) -> None:
    for shown, kept in ((visible(text), ""), (visible_lines(text), "\n\t")):
        hidden = {char for char in shown if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")}
        assert hidden <= set(kept)
    assert visible(visible(text)) == visible(text)


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=100))
def test_plain_text_is_left_alone(text: str) -> None:
    assert visible(text) == visible_lines(text) == text
