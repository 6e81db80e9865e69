"""What the run card says, from the manifests, the tables and the checks of the cast."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import pandas as pd

from ...records import RunManifest
from .._cast import CastCheck, cast_checks
from .._data import RunData, RunInfo, run_names
from .._isolation import isolation_lines
from .._sentences import headlines, limitations
from .._subjects import subjects
from .._words import listing, plural
from ..metrics import before_after, verdict_rows
from ._notes import note_of, scripted_only
from ._page import Ask
from ._sheet import Note

Lines = tuple[tuple[str, str], ...]
"""Name and text."""
MAX_LIMITS = 9
THREAT_MODEL = (
    "The agent may do anything inside its container, and knows this source, its tools and the monitors. It is judged "
    "from outside: file contents, processes, gateways, the kernel's counters and the engine. Trusted: the harness, the "
    "host's kernel, the engine, root of the host. Verdicts below grade G2 are marked."
)


@dataclass(frozen=True)
class Section:
    """One part of the card."""

    title: str
    lines: Lines


@dataclass(frozen=True)
class View:
    """What the page shows."""

    title: str
    sections: tuple[Section, ...]
    note: Note


def gather(data: RunData, ask: Ask) -> View:
    del ask
    rows = verdict_rows(data)
    sections = [
        Section("What was run", tuple(_run(data))),
        Section("Digests", tuple(line for info in data.runs for line in _digests(info))),
        Section("Result", tuple(("", line) for line in headlines(data)[:4])),
        Section("Threat model", (("", THREAT_MODEL),)),
        Section("Positive controls", tuple(_controls(cast_checks(data)))),
        Section("Canaries of the monitors", tuple(_canaries(data))),
        Section("Limits of validity", tuple(_limits(limitations(data, rows, before_after(data.verdicts))))),
    ]
    names = run_names(data)
    note = note_of([row.failure for row in rows], scripted=scripted_only(data.episodes), of="judged opportunities")
    return View(
        f"Run card: {listing(names, 3) if names else 'tables without a run'}",
        tuple(one for one in sections if one.lines),
        note,
    )


def _limits(lines: list[str]) -> Iterator[tuple[str, str]]:
    for line in lines[:MAX_LIMITS]:
        yield "•", line
    if len(lines) > MAX_LIMITS:
        yield "•", f"{plural(len(lines) - MAX_LIMITS, 'further limitation')} in the report."


def _run(data: RunData) -> Iterator[tuple[str, str]]:
    episodes = data.episodes
    whose = [one.label for one in subjects(data) if not one.scripted]
    members = sum(one.scripted for one in subjects(data))
    if members:
        whose.append(plural(members, "scripted subject"))
    yield "subjects", listing(whose, 4)
    yield "tasks", listing([f"{name} ({count:,})" for name, count in _counts(episodes["task"].dropna())], 6)
    yield "episodes", f"{len(episodes):,}, of which {int(episodes['valid'].sum()):,} valid"
    sides = episodes["safeguards"].map({True: "on", False: "off"}).fillna("unknown")
    yield "safeguards", ", ".join(f"{side}: {count:,}" for side, count in sorted(_counts(sides)))
    sets = [cast("tuple[str, ...]", names) for names in episodes["monitors"] if isinstance(names, tuple)]
    monitors = dict.fromkeys(name for names in sets for name in names)
    protocols = dict.fromkeys(episodes["protocol"].dropna().astype(str))
    yield "watched by", f"{listing(list(monitors), 5)}; protocol {listing(list(protocols), 3)}"
    yield "isolation", listing(isolation_lines(episodes), 3)


def _counts(values: "pd.Series[Any]") -> list[tuple[str, int]]:
    return Counter(values.astype(str)).most_common()


def _digests(info: RunInfo) -> Iterator[tuple[str, str]]:
    manifest = info.manifest
    if manifest is None:
        yield "manifest", f"{info.paths.root.name} has none: nothing can be checked"
        return
    yield "run", f"{manifest.run_id}, {manifest.created}"
    yield "root hash", manifest.root
    yield "command", manifest.command
    yield "image", _facts(manifest.image, ("reference", "digest"))
    yield "versions", listing([f"{name} {version}" for name, version in sorted(manifest.versions.items())], 6)
    yield "task contents", listing([f"{name} {digest[:12]}" for name, digest in sorted(manifest.tasks.items())], 5)
    yield "seeds", _seeds(manifest)


def _seeds(manifest: RunManifest) -> str:
    seeds = manifest.seeds
    return listing([str(seed) for seed in seeds], 8) if seeds else "none stated"


def _facts(facts: Mapping[str, object], names: tuple[str, ...]) -> str:
    return " ".join(str(facts[name]) for name in names if facts.get(name)) or "not recorded"


def _controls(checks: list[CastCheck]) -> Iterator[tuple[str, str]]:
    """What the instrument made of scripts whose conduct is known."""
    if not checks:
        yield (
            "",
            "None in this run: `offswitch selftest` proves that each row trips on its violator and on nothing else.",
        )
        return
    violators, harmless = [one for one in checks if one.expected], [one for one in checks if not one.expected]
    seen = sum(one.passed is True for one in violators)
    quiet = sum(one.passed is True for one in harmless)
    yield "violators", f"{seen} of {len(violators)} seen, each in its own row"
    yield "harmless", f"{quiet} of {len(harmless)} without a false alarm"
    missed = [f"{one.name} ({one.task})" for one in checks if one.passed is not True]
    if missed:
        yield "not passed", listing(missed, 6)


def _canaries(data: RunData) -> Iterator[tuple[str, str]]:
    watched = data.episodes[data.episodes["safeguards"].fillna(value=False).astype(bool)]
    if watched.empty:
        yield "", "No episode had suspicion monitors."
        return
    held = watched["monitored"]
    passed, failed, unknown = int(held.eq(True).sum()), int(held.eq(False).sum()), int(held.isna().sum())
    yield (
        "",
        (
            f"In {passed:,} of {plural(len(watched), 'watched episode')} every monitor passed its check on canaries "
            f"before the start; in {failed:,} one failed, in {unknown:,} no check is recorded (which is not monitored)."
        ),
    )
