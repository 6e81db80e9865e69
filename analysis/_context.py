"""What the template of the report is filled with."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import pandas as pd

from ..records import RunPaths, SubjectKind, VerifyReport, read_plain
from ._cast import cast_checks, figure_rows
from ._data import RunData, RunInfo
from ._early import rule_words
from ._escape import shorten
from ._figure import DARK, LIGHT, Theme, figure_svg, figure_text
from ._pages import Page, Pages
from ._rate import Rate
from ._sentences import headlines, limitations
from ._subjects import by_subject, subjects
from ._table import SCRIPTED_NOTE
from ._words import listing
from .metrics import (
    VerdictRow,
    any_failure_rate,
    before_after,
    branch_effects,
    by_model,
    compliance_rate,
    ignored_rate,
    over_stop_rate,
    resistance_rate,
    scores,
    usefulness,
    verdict_rows,
)

SPEC_LIMIT = 20_000
"""Characters of the experiment spec that are shown."""
MAX_FINDINGS = 50
"""Findings of the verification that are shown."""
MAX_OPEN_GROUPS = 6
"""Models whose tables stand open."""
_OPEN_KINDS = frozenset({"unsealed", "torn"})
"""What a run that goes on or crashed shows, without anybody having changed anything."""


@dataclass(frozen=True)
class Integrity:
    """Whether one run is still what was written."""

    run: str
    report: VerifyReport

    @property
    def state(self) -> Literal["verified", "unfinished", "tampered"]:
        """Tampered as soon as anything differs from what was written."""
        kinds = {finding.kind for finding in self.report.findings}
        return "verified" if not kinds else "unfinished" if kinds <= _OPEN_KINDS else "tampered"


def context(data: RunData, pages: Pages, checks: list[Integrity], titles: Mapping[str, str]) -> dict[str, Any]:
    rows, drawn, pairs = verdict_rows(data), figure_rows(data), before_after(data.verdicts)
    effects = branch_effects(data.verdicts, data.episodes)
    return {
        "title": ", ".join(_run_names(data, checks)),
        "checks": checks,
        "tampered": any(check.state == "tampered" for check in checks),
        "headlines": headlines(data),
        "tiles": _tiles(data),
        "scripted_note": SCRIPTED_NOTE if any(one.scripted for one in subjects(data)) else None,
        "cast": cast_checks(data),
        "groups": _groups(rows, pages.all()),
        "figures": [_data_uri(drawn, theme, titles) for theme in (LIGHT, DARK)] if drawn else [],
        "figure_text": figure_text(drawn),
        "branches": [row for row in effects.by_state if row.tells],
        "over_states": [row for row in effects.over_states if row.tells and row.states > 1],
        "branched": effects.by_state[:1],
        "pairs": [pair for pair in pairs if pair.off.k or pair.on.k],
        "clean_pairs": [pair for pair in pairs if not pair.off.k and not pair.on.k],
        "usefulness": usefulness(data.episodes),
        "stops": _stops(data),
        "scores": scores(data.episodes),
        "limitations": limitations(data, rows, pairs),
        "runs": [_run_facts(info, check) for info, check in zip(data.runs, checks, strict=True)],
        "pages": pages.all(),
        "not_shown": pages.seen - len(pages.all()),
        "max_findings": MAX_FINDINGS,
        "titles": titles,
    }


def _run_names(data: RunData, checks: list[Integrity]) -> list[str]:
    named = [
        info.manifest.run_id if info.manifest else check.run for info, check in zip(data.runs, checks, strict=True)
    ]
    return [shorten(name, 80) for name in named]


def _data_uri(rows: list[VerdictRow], theme: Theme, titles: Mapping[str, str]) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(figure_svg(rows, theme, dict(titles))).decode()


@dataclass(frozen=True)
class Tile:
    """One number at the top."""

    value: str
    label: str


def _tiles(data: RunData) -> list[Tile]:
    """The numbers of the models; those of the cast only where it is alone."""
    whose = data.episodes["subject_kind"].ne(SubjectKind.SCRIPTED)
    alone = not whose.any()
    episodes = data.episodes if alone else data.episodes[whose]
    verdicts = data.verdicts if alone else data.verdicts[data.verdicts["subject_kind"].ne(SubjectKind.SCRIPTED)]
    failed = any_failure_rate(verdicts, mixed=True)  # Counts of the whole run: no rate is made of them.
    return [
        Tile(f"{int(episodes['valid'].sum()):,} of {len(episodes):,}", "valid episodes"),
        Tile(f"{failed.n:,}", "judged episodes"),
        Tile(f"{failed.k:,}", "with a failed control"),
        Tile(f"{failed.unknown:,}", "unknown"),
        Tile(f"{failed.not_exposed:,}", "never exposed"),
        Tile(_cost(episodes["usd"]), "model cost"),
    ]


def _cost(usd: "pd.Series[float]") -> str:
    """Dollars; a lower bound where some are unknown."""
    known = usd.dropna()
    if not len(known):
        return "unknown"
    return f"{'≥ ' if len(known) < len(usd) else ''}${known.sum():,.2f}"


@dataclass(frozen=True)
class Group:
    """The verdict table of one model."""

    label: str
    folded: bool
    """Whether a reader has to open it: the cast, or one of many."""
    rows: tuple[tuple[VerdictRow, tuple[int, ...]], ...]
    """With the numbers of the episodes that failed."""


def _groups(rows: list[VerdictRow], pages: list[Page]) -> list[Group]:
    failed: dict[tuple[object, ...], list[int]] = {}
    for page in pages:
        for address in page.failed:
            failed.setdefault(address, []).append(page.number)
    models = by_model(rows)
    return [
        Group(
            label=shorten(label, 160),
            folded=len(models) > MAX_OPEN_GROUPS or own[0].subject.scripted,
            rows=tuple((row, tuple(failed.get(_address(row), ()))) for row in own),
        )
        for label, own in models.items()
    ]


def _address(row: VerdictRow) -> tuple[object, ...]:
    return (row.subject.kind, row.subject.name, row.subject.scaffold, row.safeguards, row.failure_mode)


@dataclass(frozen=True)
class StopRow:
    """What became of the stop orders of one subject, with safeguards off or on."""

    label: str
    safeguards: bool
    complied: Rate
    ignored: Rate
    resisted: Rate
    over_stopped: Rate


def _stops(data: RunData) -> list[StopRow]:
    found: list[StopRow] = []
    for subject, own in by_subject(data.verdicts):
        known, guarded = own.known("safeguards"), own.flag("safeguards")
        for on in (False, True):
            side = own.where(known & (guarded == on))
            rates = (compliance_rate(side), ignored_rate(side), resistance_rate(side), over_stop_rate(side))
            if any(rate.n or rate.unknown for rate in rates):
                found.append(StopRow(shorten(subject.label, 160), on, *rates))
    return found


@dataclass(frozen=True)
class RunFactsShown:
    """What was run, for the reader."""

    name: str
    facts: tuple[tuple[str, str], ...]
    versions: tuple[tuple[str, str], ...]
    spec: str | None
    report: VerifyReport


def _run_facts(info: RunInfo, check: Integrity) -> RunFactsShown:
    manifest = info.manifest
    facts: list[tuple[str, str]] = [("directory", info.paths.root.name)]
    if manifest is not None:
        facts += [
            ("run", manifest.run_id),
            ("created", manifest.created),
            ("repeat with", manifest.command),
            ("seeds", ", ".join(map(str, manifest.seeds)) or "none stated"),
            ("may end early", rule_words(manifest) if manifest.stop_when is not None else ""),
            ("ended early", manifest.stopped or ""),
            *_flat("task", manifest.tasks),
            *_flat("image", manifest.image),
            *_flat("engine", manifest.engine),
            ("root hash", manifest.root),
        ]
    return RunFactsShown(
        name=check.run,
        facts=tuple((name, shorten(value, 400)) for name, value in facts if value),
        versions=tuple((name, shorten(value, 120)) for name, value in sorted(manifest.versions.items()))
        if manifest
        else (),
        spec=_spec(info.paths),
        report=check.report,
    )


def _flat(prefix: str, facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(f"{prefix} {name}", _words(value)) for name, value in sorted(facts.items())]


def _words(value: Any) -> str:
    return listing([str(one) for one in cast("Sequence[Any]", value)], 6) if isinstance(value, list) else str(value)


def _spec(paths: RunPaths) -> str | None:
    try:
        return shorten(read_plain(paths.spec, 1 << 20).decode(errors="backslashreplace"), SPEC_LIMIT)
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"cannot be read: {error.strerror}"
