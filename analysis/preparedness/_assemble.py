"""The whole document from loaded runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...records import LIVE, VerifyReport, verify_run
from .._context import Integrity
from .._data import RunData, RunInfo, run_names
from .._errors import ScriptedSubjectError
from .._escape import shorten
from .._load import collect
from .._report import believable
from ..tables import is_tables, put_together, read_folder
from ..thresholds import CheckReport, ExternalScore, Profile, check
from . import _capability, _chain, _changes, _determination, _propensity, _quality, _rationale, _safeguards, _setup
from ._brief import brief
from ._build import Build, models_of, unshown
from ._document import Banner, Document, Line, Quoted, line
from ._measures import Context
from ._numbers import Ledger

MAX_FINDINGS = 20
"""Findings of the verification that are shown."""


@dataclass(frozen=True)
class Question:
    """What a report is about."""

    runs: tuple[str | Path, ...]
    profiles: tuple[Profile, ...] = ()
    scores: tuple[ExternalScore, ...] = ()
    """Measured elsewhere, for the profiles."""
    against: str | Path | None = None
    """An earlier run."""
    verdicts: str = LIVE
    """Version of the verdicts."""
    verification: tuple[VerifyReport, ...] | None = None
    """What `verify_run` found of each run, in order; None verifies them."""


def assemble(asked: Question) -> tuple[Document, Build]:
    """The document about some runs. A run that was changed is reported as such, and nothing is decided on it."""
    roots = [Path(run) for run in asked.runs if not is_tables(Path(run))]
    infos = [believable(root) for root in roots]
    found = asked.verification if asked.verification is not None else [verify_run(info.paths) for info in infos]
    checks = tuple(Integrity(root.name, one) for root, one in zip(roots, found, strict=True))
    data = _read(asked.runs, infos, asked.verdicts)
    earlier = None
    if asked.against is not None:
        before = Path(asked.against)
        earlier = Ledger(_read((before,), () if is_tables(before) else (believable(before),), LIVE), letter="E")
    return document(data, checks, asked.profiles, asked.scores, earlier)


def _read(runs: Sequence[str | Path], infos: Sequence[RunInfo], verdicts: str) -> RunData:
    """Run directories, whatever became of them, and folders of exported tables."""
    stored = [read_folder(Path(run), verdicts) for run in runs if is_tables(Path(run))]
    direct = [collect(infos, verdicts=verdicts)] if infos or not stored else []
    parts = [*direct, *stored]
    return parts[0] if len(parts) == 1 else put_together(parts)


def document(
    data: RunData,
    checks: tuple[Integrity, ...],
    profiles: Sequence[Profile],
    scores: tuple[ExternalScore, ...] = (),
    earlier: Ledger | None = None,
) -> tuple[Document, Build]:
    """The same from tables."""
    draft = Build(data, Ledger(data), models_of(data), checks)
    decided = _decided(data, profiles, scores) if draft.holds else ()
    context = Context(scores, decided={report.profile.id: report for report in decided})
    build = Build(data, Ledger(data, context), draft.models, checks, decided, earlier)
    first = brief(build)
    sections = tuple(make(build) for make in _SECTIONS)
    measured = (*build.ledger.printed, *(earlier.printed if earlier else ()))
    title = "Safety & Preparedness: loss of control"
    return Document(title, _subtitle(build), _banners(build), sections, first, measured), build


_SECTIONS = (
    _determination.section,
    _chain.section,
    _setup.section,
    _capability.checkpoints,
    _capability.enhanced,
    _safeguards.section,
    _propensity.section,
    _propensity.awareness,
    _quality.section,
    _rationale.rationale,
    _rationale.limitations,
    _changes.section,
)


def _decided(data: RunData, profiles: Sequence[Profile], scores: tuple[ExternalScore, ...]) -> tuple[CheckReport, ...]:
    try:
        return tuple(check(data, profile, scores=scores) for profile in profiles)
    except ScriptedSubjectError:
        return ()  # said at the top, and where the determination would stand


def _subtitle(build: Build) -> Line:
    quoted = [part for name in run_names(build.data) for part in (", ", Quoted(shorten(name, 80)))][1:]
    return line(*(quoted or ["tables without a run"]))


def _banners(build: Build) -> tuple[Banner, ...]:
    scripted, left = any(model.scripted for model in build.models), unshown(build)
    text = "They prove that the instrument sees what a script did, and say nothing about a model."
    more = f" {left} of them have no section here; offswitch report RUN shows each." if left else ""
    about = [Banner("part", "Scripted subjects", (line(text + more),))] if scripted or left else []
    return (_state(build), *about)


def _state(build: Build) -> Banner:
    findings = [(check.run, one) for check in build.checks for one in check.report.findings]
    told = [
        line(Quoted(run), ": ", Quoted(str(one.kind)), ": ", Quoted(str(one.where)), ": ", Quoted(one.text))
        for run, one in findings[:MAX_FINDINGS]
    ]
    if len(findings) > MAX_FINDINGS:
        told.append(line(f"{len(findings) - MAX_FINDINGS} more; offswitch verify shows all."))
    kind, title = _STATES[build.state]
    roots = [
        line("Root hash ", Quoted(check.report.root), " of ", Quoted(check.run))
        for check in build.checks
        if check.report.root
    ]
    roots += [
        line("Root hash ", Quoted(one.root), " of ", Quoted(one.run_id or "a run"), " (stored tables)")
        for one in build.data.sources
        if one.root and one.folder is None
    ]
    return Banner(kind, title, (*told, *(roots if build.holds else ())))


_STATES = {
    "broken": ("bad", "TAMPERED: the record is not what was written. No determination; rely on nothing below."),
    "incomplete": ("part", "Record incomplete: the run goes on or was broken off. No determination is given."),
    "not checkable": ("part", "Record not checkable: no chain stands behind the tables. No determination is given."),
    "intact": ("ok", "Record intact: every ledger and artifact is what the manifest anchors."),
    "exported": ("ok", "Tables as they were exported, from records that were intact then (offswitch verify RUN)."),
}  # fmt: skip
