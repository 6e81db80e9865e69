"""The report as a file: self-contained, bounded, deterministic, and honest about tampering."""

import base64
import hashlib
import re
from pathlib import Path

import pytest

from offswitch.analysis import PageError, RunNotFoundError, report
from offswitch.records import Origin, RunPaths, verify_run

from .realistic import TITLES, realistic_run
from .synthetic import Plan, RunBuilder, failed, held, key_of, opening, scripted, write_ledger


def page_of(root: Path, out: Path | None = None) -> str:
    """The page of a run."""
    return report(root, out).read_text(encoding="utf-8")


def test_it_stands_in_the_run_and_replaces_an_older_one(run: RunBuilder) -> None:
    run.episode(verdicts=[held("S3")])
    run.close()
    first = report(run.root)
    assert first == run.paths.report
    run.paths.report.write_text("older")
    assert report(run.root).read_text(encoding="utf-8").startswith("<!doctype html>")
    assert verify_run(run.paths).ok, "the report is no part of what is verified"
    assert not list(run.root.glob(".report*"))


def branched(run: RunBuilder, state: int, pair: int, *arms: str) -> None:
    """The arms of a pair from a state in a world of its own; with more lead time the stop script was deleted."""
    for arm in arms:
        changed = ("pressure: none → deadline",) if arm == "changed" else ()
        digest = f"{state:064x}"
        origin = Origin(
            run_id="parent", episode_id=f"ep-{state}", step=3, snapshot=digest, manifest_digest=digest, route="files",
            arm=arm, changed=changed,
        )  # fmt: skip
        told = [failed("S3") if changed else held("S3")]
        run.episode(verdicts=told, branch=origin, seed=state, pair=f"pair-{state}-{pair}")


def test_branches_are_shown_by_state_and_over_the_states_by_world_with_intervals(run: RunBuilder) -> None:
    for state in (1, 2):
        for pair in range(3):
            branched(run, state, pair, "as_was", "changed")
    branched(run, 3, 0, "as_was")
    run.close()
    page = page_of(run.root)
    _, _, over = page.partition("Over the states")
    row = re.findall(r"<td[^>]*>(.*?)</td>", over.partition("<tbody>")[2].partition("</tr>")[0], flags=re.S)
    cells = [" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in row]
    assert cells[1:4] == ["S3", "2", "6"], "the third state has no changed arm"
    assert cells[6].startswith("+100 pp")
    assert cells[7:] == ["0.500", "0.500", "0"], "six pairs of two worlds flipped twice, not six times"


def test_over_one_state_alone_nothing_is_summed_up(run: RunBuilder) -> None:
    branched(run, 1, 0, "as_was", "changed")
    run.close()
    page = page_of(run.root)
    assert "From the same state" in page
    assert "Over the states" not in page


def test_a_place_that_cannot_be_written_is_named_and_an_older_report_stays(run: RunBuilder, tmp_path: Path) -> None:
    run.episode()
    (tmp_path / "file").write_text("")
    with pytest.raises(PageError, match=r"report .*file/page.html: cannot be written: "):
        report(run.root, tmp_path / "file" / "page.html")
    (tmp_path / "page.html").mkdir()
    with pytest.raises(PageError, match="Is a directory"):
        report(run.root, tmp_path / "page.html")
    assert list(tmp_path.glob(".page*")) == []


def test_numbers_at_the_top_are_those_of_the_models_alone(run: RunBuilder) -> None:
    run.episode(verdicts=[failed("S3")], subject=scripted("violator:S3.delete"), usd=0.0)
    run.episode(verdicts=[failed("S3")], subject=scripted("violator:S3.delete"), usd=0.0, seed=2)
    run.episode(verdicts=[held("S3")], usd=None)
    tiles = dict(re.findall(r"<dt>([^<]+)</dt><dd>([^<]+)</dd></dl>", page_of(run.root)))
    assert tiles["valid episodes"] == "1 of 1"
    assert (tiles["judged episodes"], tiles["with a failed control"]) == ("1", "0")
    assert tiles["model cost"] == "unknown"


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    root = realistic_run(tmp_path / "run", pairs=2)
    assert page_of(root, tmp_path / "a.html") == page_of(root, tmp_path / "b.html")


def test_it_needs_nothing_from_outside(tmp_path: Path) -> None:
    page = page_of(realistic_run(tmp_path / "run", pairs=1))
    for source in re.findall(r'(?:src|srcset|href)="([^"]*)"', page):
        assert source.startswith(("#", "data:image/svg+xml;base64,"))
    assert "<script" not in page
    assert "<link" not in page


def test_the_policy_allows_its_own_style_and_nothing_else(run: RunBuilder) -> None:
    run.episode()
    page = page_of(run.root)
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy.replace("&#39;", "'") == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    assert page.index("Content-Security-Policy") < page.index("<style>")
    assert not re.search(r"\sstyle=|\son\w+=", page)


def test_it_says_what_was_run_and_how_to_repeat_it(run: RunBuilder) -> None:
    run.episode()
    run.close()
    page = page_of(run.root)
    root = verify_run(run.paths).root
    for words in ("offswitch run spec.yaml --out runs/first", "20.10.24", "overlay2", "episodes: 3", str(root)):
        assert words in page
    assert str(run.root) not in page, "where it lay on the machine is nobody's business"


def test_a_run_without_episodes_still_gives_a_page(run: RunBuilder) -> None:
    run.close()
    page = page_of(run.root)
    assert "there is nothing to report" in page
    assert "No verdict was reached" in page


def test_a_run_of_the_cast_shows_the_check_of_the_instrument(run: RunBuilder) -> None:
    run.episode(verdicts=[failed("S3")], subject=scripted("violator:S3.overwrite"))
    run.episode(verdicts=[failed("S3")], subject=scripted("innocent:S3"))
    page = page_of(run.root)
    assert "nothing about a model" in page
    assert "as expected" in page
    assert "false alarm" in page


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        ("record", "was changed after it was written"),
        ("suffix", "is missing"),
        ("ledger", "is missing, with its"),
        ("manifest", "changed after it was written"),
        ("spec", "was changed: its digest"),
        ("artifact", "evidence"),
    ],
)
def test_whatever_was_tampered_with_is_said_first(run: RunBuilder, harm: str, words: str) -> None:
    run.episode(verdicts=[held("S3")])
    run.close()
    damage(run.paths, harm)
    page = page_of(run.root)
    assert "<title>TAMPERED" in page
    assert page.index("Nothing below can be relied on") < page.index("<main>")
    assert words in page


def damage(paths: RunPaths, harm: str) -> None:
    """Change one thing in a finished run."""
    ledger = paths.ledger("ep-0001")
    if harm == "ledger":
        ledger.unlink()
    elif harm == "suffix":
        ledger.write_bytes(b"".join(ledger.read_bytes().splitlines(keepends=True)[:-1]))
    elif harm == "record":
        ledger.write_bytes(ledger.read_bytes().replace(b'"exit_code":0', b'"exit_code":1', 1))
    elif harm == "manifest":
        paths.manifest.write_bytes(paths.manifest.read_bytes().replace(b"run-1", b"run-2", 1))
    elif harm == "spec":
        paths.spec.write_text("task: another\n")
    else:
        next(paths.evidence.iterdir()).write_bytes(b"other evidence")


def test_a_run_that_goes_on_is_not_complete_but_not_tampered_with(run: RunBuilder) -> None:
    run.episode(verdicts=[held("S3")])
    run.close()
    write_ledger(run.paths.ledger("ep-0002"), list(opening(key_of(Plan(), "ep-0002"))))
    page = page_of(run.root)
    assert "Not complete." in page
    assert "TAMPERED" not in page


def test_a_verification_that_is_handed_over_is_the_one_that_is_shown(run: RunBuilder) -> None:
    """Only the caller can know a root that was kept elsewhere."""
    run.episode(verdicts=[held("S3")])
    run.close()
    found = verify_run(run.paths, expected_root="0" * 64)
    page = report(run.root, verification=[found]).read_text(encoding="utf-8")
    assert "this is not the run as it was noted" in page
    with pytest.raises(ValueError, match="shorter"):
        report(run.root, verification=[])


def test_two_runs_stand_in_one_page(run: RunBuilder, tmp_path: Path) -> None:
    run.episode(verdicts=[held("S3")])
    run.close()
    other = realistic_run(tmp_path / "other", pairs=1, run_id="second")
    page = report([run.root, other]).read_text(encoding="utf-8")
    assert "run-1, second" in page


def test_a_place_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunNotFoundError):
        report(tmp_path)


def test_long_text_is_cut_and_its_true_size_said(run: RunBuilder) -> None:
    run.episode(calls=[("bash", {"command": "yes"}, "<" * 3_000_000)])
    page = page_of(run.root)
    assert len(page) < 400_000
    assert "of 3,000,000 characters not shown" in page


def test_an_episode_of_many_steps_keeps_its_acts_and_counts_what_is_left_out(run: RunBuilder) -> None:
    calls = [("bash", {"command": f"echo {'<' * 500}"}, "<" * 2000)] * 600
    run.episode(calls=calls, verdicts=[failed("S3")])
    page = page_of(run.root)
    assert len(page) < 1_200_000
    assert re.search(r"\d+ records? not shown", page)
    assert "control failed" in page


def test_five_hundred_episodes_fit_in_less_than_20_mb_and_none_is_missing(tmp_path: Path) -> None:
    path = report(realistic_run(tmp_path / "run", pairs=125, steps=20), titles=TITLES)
    assert path.stat().st_size < 20_000_000
    assert path.read_text(encoding="utf-8").count('<details class="ep ') == 502
