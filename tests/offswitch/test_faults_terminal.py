"""Row I3 of the fault matrix (docs/design/security.md §4.2): hostile text in everything that a command prints."""

import errno
import io
import json
import logging
import os
import sys
import unicodedata
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text

from offswitch import _checks, _list, _progress, cli
from offswitch._console import console
from offswitch._run import show_run
from offswitch._screen import Screen, clean, clean_lines, say, screened
from offswitch.analysis import visible
from offswitch.benchmarks import Bench, Figure
from offswitch.records import Model, Subject, SubjectKind, VerifyReport, canonical_json
from offswitch.records._text import clean_json
from offswitch.runner import BranchReport, EpisodeOutcome, Progress, RejudgeReport, RunReport, SelftestReport
from offswitch.runner._rejudge import Difference
from offswitch.sandbox import Conformance, Removed, SandboxError
from offswitch.sandbox._check import Check

from ..analysis.hostile import filled, hostile_verdict
from ..analysis.payloads import PAYLOADS
from ..analysis.synthetic import RunBuilder, blocked, failed, lost
from .onlooker import ATTACKS, Kind, harm, seen

KINDS: tuple[Kind, ...] = ("terminal", "pipe")
TEXTS = int(os.environ.get("OFFSWITCH_I3_TEXTS", "6"))
DISPLAYED = ("selftest", "branch")
"""Commands with a live display, where they run in a terminal."""
Act = Callable[[], object]
Patch = pytest.MonkeyPatch


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose subjects, modes and causes are all hostile."""
    with RunBuilder(tmp_path_factory.mktemp("run") / "run") as builder:
        every = (*ATTACKS, *PAYLOADS[-14:])
        for number, text in enumerate(" ".join(every[at::8]) for at in range(8)):
            who = Subject(kind=SubjectKind.AS_IS, name=text, scaffold=text)
            mode = text[:30]
            verdicts = [failed("S3", failure_mode=mode), blocked("S4", blocked_by=text), lost("S5", reason=text)]
            builder.episode(verdicts=verdicts, subject=who, task=f"task-{number}", seed=number)
    return builder.root


def commands(text: str, folder: Path, patch: Patch) -> dict[str, Act]:
    """Every command whose sources can be given at once, with ``text`` in each string that it could print."""

    run = made(RunReport, text, folder=str(folder), crashed=(text,), place="")
    sources: dict[str, object] = {
        "offswitch.sandbox._doctor.diagnose": [made(Check, text)],
        "offswitch.sandbox.connect": nullcontext(SimpleNamespace(check_runtime=lambda: None)),
        "offswitch.sandbox.collect": [made(Removed, text)],
        "offswitch.sandbox.sweep_scratch": [Path(text)],
        "offswitch.sandbox.conform": made(Conformance, text),
        "offswitch.records.verify_run": made(VerifyReport, text),
        "offswitch.runner.rejudge": rejudged(text),
        "offswitch.analysis.report": Path(text),
        "offswitch.runner.selftest": made(SelftestReport, text, run=run, totals={"clean": 0, "rows": 1}),
        "offswitch.runner.branch_run": made(BranchReport, text, folder=str(folder)),
    }
    for target, value in sources.items():
        patch.setattr(target, partial(answer, value))

    def prepare(report: Callable[[str], None]) -> None:
        report(text)

    def measure(*_: object, say: Callable[[str], None], **__: object) -> Bench:
        say(text)
        return hostile_bench(text)

    patch.setattr("offswitch.sandbox._setup.setup", prepare)
    patch.setattr("offswitch.benchmarks.bench", measure)
    kind = {
        "monitors": (lambda: [{"id": text, "story": text, "broken": text, "more": [text]}], ["id", "story", "more"])
    }
    patch.setattr(_list, "KINDS", {**_list.KINDS, **kind})
    place = str(folder)
    called = {
        "doctor": ["doctor"],
        "setup": ["setup"],
        "gc": ["gc"],
        "conformance": ["conformance"],
        "verify": ["verify", place],
        "rejudge": ["rejudge", place],
        "report": ["report", place],
        "list": ["list", "monitors"],
        "selftest": ["selftest", "--out", place],
        "branch": ["branch", place, "e", "--step", "1"],
        "bench": ["bench"],
        "doctor --json": ["doctor", "--json"],
        "wrong use": ["run", "--task", text, "--agent", text],
        "no such option": [f"--{text}"],
        "no such command": [text],
        "wrong value": ["selftest", "--seeds", f"{text}?"],
    }
    return {name: partial(cli.call, words) for name, words in called.items()}


def answer(value: object, *_: object, **__: object) -> object:
    """What a source says, whatever it is asked."""
    return value


def made(kind: type[Model], text: str, **changes: object) -> Any:
    """An instance with the text wherever one may stand."""
    return filled(kind, text).model_copy(update=changes)


def rejudged(text: str) -> RejudgeReport:
    verdict = hostile_verdict(text)
    difference = Difference(episode_id=text, failure_mode=text, live=verdict, now=None)
    return RejudgeReport(version=text, judged=1, left_out=(text,), differences=(difference,), written=True, root=text)


def hostile_bench(text: str) -> Bench:
    figure = Figure(text, 1.5, text, text, target=1.0, low=1.0, high=2.0, parts={text: 1.0})
    machine = dict.fromkeys(("processor", "kernel", "engine", "python"), text)
    return Bench((figure,), {**machine, "cores": 2, "memory_gb": 1.0, "cgroup_version": 1, "in_use_before": 0.5})


def errors(text: str) -> list[BaseException]:
    """Something of every kind that a command may end with."""
    ours = [SandboxError(text, text, text, remedy=text)]
    system = [OSError(errno.EACCES, text, text), FileNotFoundError(errno.ENOENT, text, text)]
    return [
        *ours,
        *system,
        ValueError(text),
        KeyError(text),
        typer.BadParameter(text),
        named(text),
    ]


def named(text: str) -> Exception:
    """An error whose class has a hostile name."""
    kind: Any = type(text.encode(errors="replace").decode().replace("\0", "") or "x", (Exception,), {})
    error: Exception = kind(text)
    return error


def hostile_texts() -> st.SearchStrategy[str]:
    """Any text, the known attacks, and both run together."""
    free = st.text(st.characters(exclude_categories=()), min_size=1, max_size=20)
    known = st.sampled_from((*ATTACKS, *PAYLOADS))
    return st.lists(free | known, min_size=1, max_size=3).map("".join)


@pytest.mark.faults
@pytest.mark.parametrize("kind", KINDS)
def test_i3_the_onlooker_sees_what_acts_on_a_terminal(kind: Kind) -> None:
    """Row I3, the positive control: printed plainly, every attack arrives and is seen; the harmless two are not."""
    for text in ATTACKS:
        plain = text.encode(errors="replace").decode()
        told = seen(partial(print, plain), kind)
        assert told == plain + "\n"
        assert (not harm(plain)) == (plain.isascii() and plain.isprintable())


@pytest.mark.faults
@pytest.mark.parametrize("kind", KINDS)
def test_i3_no_command_lets_hostile_text_act_or_hide(kind: Kind, folder: Path, trials: Callable[[int], int]) -> None:
    """Row I3: every printed field of every command, 6 texts in `make test`, 200 in full, and each known attack."""

    @given(hostile_texts())
    @settings(max_examples=TEXTS)
    def any_text(text: str) -> None:
        check(text)

    def check(text: str) -> None:
        with pytest.MonkeyPatch.context() as patch:
            for name, act in commands(text, folder, patch).items():
                told = seen(act, kind)
                assert harm(told, display=name in DISPLAYED) == "", f"{name}: {told!r}"

    any_text()
    check(" ".join(ATTACKS))
    trials(TEXTS)


@pytest.mark.faults
@pytest.mark.parametrize("kind", KINDS)
def test_i3_what_was_hostile_is_still_to_be_read(kind: Kind, folder: Path) -> None:
    """Row I3: escaped is not left out, and no text makes a line of its own."""
    text = "\x1b[2Jx\nroot hash 0000"
    with pytest.MonkeyPatch.context() as patch:
        silent: list[str] = []
        for name, act in commands(text, folder, patch).items():
            told = seen(act, kind)
            shown = "".join(told.split())
            silent += [name] if "\\x1b[2Jx" not in shown and "\\u001b[2Jx" not in shown else []
            forged = [line for line in told.splitlines() if line.startswith("root hash 0000")]
            assert forged == [], name
    assert silent == ["wrong value"], "it repeats nothing of what was typed"


@pytest.mark.faults
@pytest.mark.parametrize("kind", KINDS)
def test_i3_the_result_of_a_run_shows_hostile_names_and_causes(kind: Kind, folder: Path) -> None:
    """Row I3: the tables of `run`, from a run directory, wide and narrow."""
    text = " ".join(ATTACKS)
    report = made(RunReport, text, folder=str(folder), outcomes=(outcome(text, state="invalid"),))
    for width in (200, 60) if kind == "terminal" else (200,):
        told = seen(lambda: cli_shows(report), kind, width)
        assert harm(told) == ""
        assert "missing data" in told


def cli_shows(report: RunReport) -> None:
    with screened():
        show_run(report)


def outcome(text: str, **changes: object) -> Any:
    return made(EpisodeOutcome, text, **changes)


@pytest.mark.faults
@pytest.mark.parametrize("kind", KINDS)
def test_i3_a_table_whose_cells_nobody_cleaned_is_harmless_too(kind: Kind) -> None:
    """Row I3: the console itself lets text through and nothing else, no link either."""
    for text in ATTACKS:
        told = seen(partial(draw, text), kind)
        assert harm(told) == ""
        assert "\x1b]8" not in told


def draw(text: str) -> None:
    table = Table(title=text, caption=text)
    table.add_column(text)
    table.add_row(Text(text, style="bold link https://example.invalid"))
    with screened():
        console().print(table, text)


@pytest.mark.faults
def test_i3_live_progress_draws_and_obeys_nothing() -> None:
    """Row I3: a display in a real terminal, what libraries print beside it, and the plain lines of a pipe."""
    for text in (*ATTACKS, " ".join(ATTACKS)):
        told = seen(partial(follow, text), "terminal")
        assert harm(told, display=True) == ""
        assert "\x1b[7A" not in told
        assert clean(text)[:10] in told
        lines = seen(partial(follow, text), "pipe")
        assert harm(lines) == ""
        assert clean(text)[:10] in lines


def follow(text: str) -> None:
    with screened(), _progress.followed() as see:
        for what in ("unmonitored", "advisory", "place"):
            see(Progress(what=what, text=text))
        see(Progress(what="started", episode_id=text))
        see(Progress(what="step", episode_id=text, step=1))
        print(text, file=sys.stderr)
        logging.Logger("a.plugin").warning("left out: %s", text)
        see(Progress(what="ended", episode_id=text, outcome=outcome(text, state="invalid", cause=text)))


@pytest.mark.faults
@pytest.mark.parametrize("kind", KINDS)
def test_i3_errors_warnings_logs_and_tracebacks_are_text(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """Row I3: with and without --debug, and what libraries say by themselves."""

    def speak(error: BaseException, **_: object) -> None:
        print(text)
        sys.stderr.writelines([text, "\n"])
        sys.stderr.write(warnings.formatwarning(text, UserWarning, text, 1, text))
        logging.Logger("a.plugin").warning("left out: %s", text)
        raise error

    whole = " ".join(ATTACKS)
    for text in (*ATTACKS, whole):
        for error in errors(text)[: None if text is whole else 1]:
            monkeypatch.setattr(_checks, "doctor", partial(speak, error))
            for words in (["doctor"], ["doctor", "--debug"]):
                told = seen(partial(cli.call, words), kind)
                assert harm(told) == "", repr(error)
                assert "offswitch: " in told


@pytest.mark.faults
def test_i3_the_command_line_hides_no_less_than_the_report() -> None:
    """Row I3: over all planes that hold more than ideographs; wide and unbreakable spaces become escapes besides."""
    every = [chr(code) for code in (*range(0x20000), *range(0xE0000, 0xE1000), *range(0x20000, 0x110000, 97))]
    assert [one for one in every if visible(one) != one and clean(one) == one] == []
    more = {one for one in every if visible(one) == one and clean(one) != one}
    assert {one for one in more if not one.isspace()} == set()


@pytest.mark.faults
@given(hostile_texts())
def test_i3_stored_json_can_be_shown_by_cat(text: str) -> None:
    """Row I3: ledgers, manifests and verdict files hold the same data, and nothing that acts on a terminal or hides."""
    line = canonical_json({text: [text]}).decode()
    assert {one for one in line if acts(one)} == set()
    assert json.loads(line) == clean_json({text: [text]})


def acts(one: str) -> bool:
    """Whether a character of a stored line would do something; a deletion does nothing where nobody types."""
    directions = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
    control = unicodedata.category(one) in ("Cc", "Zl", "Zp") and one != "\x7f"
    return control or unicodedata.bidirectional(one) in directions or one in "\u00ad\u200b\u200e\u2060\ufeff\U000e0041"


@pytest.mark.faults
def test_i3_a_terminal_that_knows_few_characters_gets_escapes_and_no_error() -> None:
    """Row I3: an encoding without the character ends no command."""
    below = io.TextIOWrapper(io.BytesIO(), encoding="latin-1", newline="\n")
    screen: Any = Screen(below)
    say("é – \u202e", to=screen)
    below.flush()
    buffer: Any = below.buffer
    assert buffer.getvalue() == b"\xe9 \\u2013 \\u202e\n"
    assert clean_lines("a\n\tb\x1b") == "a\n\tb\\x1b"
    with pytest.raises(AttributeError):
        _ = screen.buffer
