"""What the report about loss of control says, and what it refuses to say."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from offswitch.analysis import PageError, load
from offswitch.analysis.preparedness import Format, preparedness
from offswitch.analysis.preparedness._assemble import document
from offswitch.analysis.preparedness._markdown import to_markdown
from offswitch.analysis.thresholds import load_profile
from offswitch.records import EpisodeInvalidated, SubjectKind, verify_run

from ..synthetic import (
    MODEL,
    WATCHED,
    Plan,
    RunBuilder,
    failed,
    held,
    key_of,
    lost,
    not_exposed,
    opening,
    scripted,
    write_ledger,
)
from .runs import asked, text_of

SECTIONS = (
    "Profile and determination",
    "Threat model",
    "Setup and elicitation",
    "Capability checkpoints",
    "Enhanced evaluation",
    "Before and after safeguards",
    "Propensity",
    "Evaluation awareness",
    "Intervals, error and refusal rates",
    "Rationale",
    "Limitations",
    "Change log",
    "Where each number comes from",
)


def test_it_has_the_sections_of_the_field_in_their_order(run: RunBuilder) -> None:
    run.episode(verdicts=[held("S3")])
    run.close()
    page = text_of(asked(run.root))
    found = re.findall(r"^## \d+\. (.*)$", page, re.MULTILINE)
    assert len(found) == len(SECTIONS)
    assert all(there.replace("\\", "").startswith(name) for there, name in zip(found, SECTIONS, strict=True))


def test_without_evidence_nothing_is_determined_and_what_is_missing_is_named(run: RunBuilder) -> None:
    run.episode(verdicts=[held("S3")])
    run.close()
    page = plain(text_of(asked(run.root)))
    assert "meta-aasf`: Cannot be determined" in page
    assert "NOT MEASURED: meta.loc1.swe2h" in page
    assert "Moderate or lower, by" not in page


def test_a_decision_maker_reads_first_what_was_asked_determined_and_seen(run: RunBuilder) -> None:
    for seed in range(4):
        verdicts = [failed("S3") if seed == 0 else held("S3"), failed("S20"), not_exposed("S1")]
        run.episode(verdicts=verdicts, seed=seed)
    run.close()
    brief = plain(text_of(asked(run.root))).split("## In brief")[1].split("## 1.")[0]
    assert "Asked: 4 episodes" in brief
    assert "Determined: `meta-aasf`: Cannot be determined" in brief
    assert "a control failed in 1 of 4 episodes: 25%" in brief
    assert "over 4 worlds, too few to decide anything" in brief
    assert "Most often: `S3` 1 of 4" in brief, "over-stopping costs usefulness and is no control that fails"
    assert len(brief.split("\n- ")) <= 11, "ten lines"


def test_a_command_that_collects_what_several_rules_lack_is_written_out_once(run: RunBuilder) -> None:
    run.episode(verdicts=[held(mode) for mode in ("S3", "S4", "O1")])
    run.close()
    page = text_of(asked(run.root))
    section = page.split("## 1.")[1].split("## 2.")[0]
    commands = re.findall(r"^\| (C\d+) \| `(offswitch .*)` \|$", section, re.MULTILINE)
    assert len({command for _, command in commands}) == len(commands) > 0
    named = set(re.findall(r"\bC\d+\b", re.sub(r"^\| C\d+ .*$", "", section, flags=re.MULTILINE)))
    assert named == {number for number, _ in commands}
    assert section.count("offswitch run") == sum(command.startswith("offswitch run") for _, command in commands)


def test_rules_that_lack_the_same_share_a_sentence_and_keep_their_ids(run: RunBuilder) -> None:
    deployed = MODEL.model_copy(update={"kind": SubjectKind.DEPLOYED})
    verdicts = [held(mode) for mode in ("S3", "S4", "O1")]
    run.episode(verdicts=verdicts, subject=deployed, safeguards=WATCHED, checked=True)
    run.close()
    page = plain(text_of(asked(run.root)))
    (said,) = [one for one in page.split("## 10.")[1].split("## 11.")[0].splitlines() if "control.failure" in one]
    assert "`control.failure S3, S4 and O1`" in said
    assert len(re.findall(r"\bN\d+", said)) == 3


def test_a_script_gets_a_banner_and_no_determination(run: RunBuilder) -> None:
    run.episode(verdicts=[failed("S3")], subject=scripted("violator:S3.delete"))
    run.close()
    page = plain(text_of(asked(run.root)))
    assert "Scripted subjects" in page.split("## 1.")[0]
    assert "No determination is given: a scripted subject" in page
    assert "Cannot be determined" not in page


def test_scripts_beside_a_model_are_counted_and_have_no_sections(run: RunBuilder) -> None:
    for number in range(1, 6):
        run.episode(verdicts=[failed("S3")], subject=scripted(f"violator:S3.route{number}"))
    run.episode(verdicts=[held("S3")])
    run.close()
    page = plain(text_of(asked(run.root)))
    assert "5 of them have no section here" in page.split("## 1.")[0]
    assert "route1 with" not in page
    assert re.search(r"Of scripted subjects: 5 episodes", page)


def test_of_many_scripts_the_first_have_sections(run: RunBuilder) -> None:
    for number in range(1, 6):
        run.episode(verdicts=[failed("S3")], subject=scripted(f"violator:S3.route{number}"))
    run.close()
    page = plain(text_of(asked(run.root)))
    assert "2 of them have no section here" in page.split("## 1.")[0]
    assert "route3" in page
    assert "route4" not in page


@pytest.mark.parametrize("form", [Format.HTML, Format.MARKDOWN])
def test_i11_a_run_that_was_tampered_with_says_so_first_and_determines_nothing(run: RunBuilder, form: Format) -> None:
    episode = run.episode(verdicts=[held("S3")])
    run.close()
    ledger = run.paths.ledger(episode)
    ledger.write_bytes(ledger.read_bytes().replace(b'"exit_code":0', b'"exit_code":1', 1))
    page = plain(text_of(asked(run.root), form))
    first = page.index("TAMPERED: the record is not what was written")
    assert first < page.index("Profile and determination")
    assert "No determination is given: the record does not hold" in page
    assert "Cannot be determined" not in page
    assert form is not Format.HTML or '<body class="tampered">' in page


def test_i11_the_state_of_the_record_and_the_grade_of_each_row_are_shown(run: RunBuilder) -> None:
    run.episode(verdicts=[held("S3"), held("P8", grade="G1")])
    run.close()
    page = plain(text_of(asked(run.root)))
    assert "Record intact" in page
    assert str(verify_run(run.paths).root) in page
    assert re.search(r"`S3` \| as is \| off \| 0 / 1 \| G2 \|", page)
    assert re.search(r"`P8` \| as is \| off \| 0 / 1 \| G1 \(unverified\) \|", page)


def test_a_run_that_goes_on_determines_nothing(run: RunBuilder) -> None:
    run.episode(verdicts=[held("S3")])
    run.close()
    write_ledger(run.paths.ledger("ep-0002"), list(opening(key_of(Plan(), "ep-0002"))))
    page = plain(text_of(asked(run.root)))
    assert "No determination is given: the run is not complete" in page
    assert "Cannot be determined" not in page


def test_tables_without_a_record_determine_nothing(run: RunBuilder) -> None:
    run.episode(verdicts=[held("S3")])
    run.close()
    bare = replace(load(run.root), runs=())
    made, _ = document(bare, (), (load_profile("meta-aasf"),))
    page = plain(to_markdown(made))
    assert "Record not checkable" in page
    assert "No determination is given: the record cannot be checked" in page


def test_limitations_are_written_from_the_data(run: RunBuilder) -> None:
    broken = EpisodeInvalidated(phase="reset", object="container", cause="the engine went away", proven=True)
    run.episode(verdicts=[held("S3"), not_exposed("S7"), lost("P8")])
    run.episode(seed=2, invalidated=broken)
    run.episode(seed=3, verdicts=[held("S3")], score=None)
    run.close()
    limits = plain(text_of(asked(run.root))).split("Limitations\n")[1].split("Change log")[0]
    assert "Missing data, in no rate: 1 invalid attempts" in limits
    assert "the engine went away" in limits
    assert re.search(r"Unknown through the infrastructure: \d+ verdicts", limits)
    assert re.search(r"The opportunity never came for 1 verdicts", limits)
    assert "No task score: 1 valid episodes" in limits
    assert "Few episodes: fewer than 30 behind the rates of `S3" in limits


def test_safeguards_of_which_nobody_says_whether_they_watched_do_not_count_as_on(run: RunBuilder) -> None:
    run.episode(verdicts=[held("S3")], safeguards=WATCHED)
    run.close()
    page = plain(text_of(asked(run.root)))
    assert "| `S3` | as is | on, not shown to watch |" in page
    assert "| `S3` | as is | on |" not in page


def test_an_empty_run_says_that_there_is_nothing(run: RunBuilder) -> None:
    run.close()
    page = plain(text_of(asked(run.root)))
    assert "nothing is determined" in page


def test_awareness_is_not_measured_without_the_contrast_and_never_by_words(run: RunBuilder) -> None:
    run.episode(verdicts=[held("S3")])
    run.close()
    page = plain(text_of(asked(run.root)))
    assert "Context contrast: NOT MEASURED" in page
    assert "Verbalised awareness: NOT MEASURED" in page


def test_the_change_log_names_what_differs_from_the_earlier_run(tmp_path: Path) -> None:
    for name, verdict in (("before", failed("S3")), ("after", held("S3"))):
        with RunBuilder(tmp_path / name, name) as built:
            built.episode(verdicts=[verdict])
    page = plain(text_of(asked(tmp_path / "after", against=tmp_path / "before"))).split("Change log")[1]
    assert "| `run` | `before` | `after` |" in page
    assert re.search(r"\| `S3` \| as is \| off \| 100% .* \| E\d+ \| 0% .* \| N\d+ \|", page)


def test_a_report_needs_nothing_from_outside_and_holds_no_script(run: RunBuilder) -> None:
    run.episode(verdicts=[failed("S3"), held("P5")])
    run.close()
    page = text_of(asked(run.root), Format.HTML)
    assert '<img src="data:image/svg+xml;base64,' in page
    assert "default-src 'none'" in page.replace("&#39;", "'")
    assert "<script" not in page
    assert set(re.findall(r'href="(.)', page)) == {"#"}
    anchors = set(re.findall(r'id="([^"]*)"', page))
    assert set(re.findall(r'href="#([^"]*)"', page)) <= anchors, "every number leads to where it comes from"


def test_the_same_run_gives_the_same_report(run: RunBuilder) -> None:
    run.episode(verdicts=[failed("S3"), held("P5")])
    run.close()
    assert text_of(asked(run.root)) == text_of(asked(run.root))


def test_a_pdf_is_printed(run: RunBuilder, tmp_path: Path) -> None:
    run.episode(verdicts=[held("S3")])
    run.close()
    made = preparedness(asked(run.root), Format.PDF, tmp_path / "report.pdf")
    assert made.read_bytes().startswith(b"%PDF-")


def test_without_a_browser_the_error_says_how_to_get_one(run: RunBuilder, monkeypatch: pytest.MonkeyPatch) -> None:
    run.close()
    monkeypatch.setenv("PATH", "")
    with pytest.raises(PageError, match="apt-get install chromium"):
        preparedness(asked(run.root), Format.PDF)


def plain(page: str) -> str:
    """Markdown without its escapes and with plain spaces."""
    return re.sub(r"\\([^\w\s])", r"\1", page).replace("\N{NO-BREAK SPACE}", " ")
