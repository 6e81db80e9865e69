"""Sections 10 and 11: why it is decided as it is, and what a reader must know before believing it."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from ...records import SubjectKind
from .._isolation import about_isolation
from .._words import listing
from ..thresholds import Decision, DecisionRow
from ._build import NOT_MEASURED, Build, Model, count_line, modes, note, per_model
from ._determination import decided, decision, withheld
from ._document import Block, Bullets, Heading, Line, Paragraph, Quoted, Ref, Section, line
from ._numbers import BEGINNING, Measurement

SMALL_N = 30
"""Below it, even a clean row leaves more than a tenth open."""
FEW_CLUSTERS = 10
REASONS = 8
"""Different reasons of invalid episodes that are quoted."""


def rationale(build: Build) -> Section:
    """One sentence a decision, from the decisions alone."""
    blocks: list[Block] = []
    for model, heading in per_model(build):
        blocks.append(heading)
        why = withheld(build, model)
        said = [] if why else list(_sentences(build, model))
        if said:
            blocks.append(Bullets(tuple(said)))
        else:
            blocks.append(Paragraph(line(f"Nothing is decided: {why or 'no profile was asked for (--profile)'}.")))
    blocks.append(note("These sentences are made from the decisions of section 1; nothing else is claimed."))
    return Section("rationale", "Rationale", tuple(blocks))


def _sentences(build: Build, model: Model) -> Iterator[Line]:
    """One a decision; failure modes of one rule that were decided for the same reason share theirs."""
    alike: dict[tuple[Any, ...], list[tuple[DecisionRow, Measurement]]] = {}
    for report in build.decisions:
        for row in decided(report, model):
            asked = (report.profile.id, row.rule, row.form, row.decision, _because(row))
            alike.setdefault(asked, []).append((row, decision(build, report, row)))
    for (_, rule, form, decided_as, because), found in alike.items():
        modes_ = [row.failure_mode for row, _ in found if row.failure_mode]
        name = f"{rule} {listing(modes_, 40)}" if modes_ else rule
        said = next(of.number("decision", str(decided_as)) for _, of in found)
        refs = [part for _, of in found for part in (" ", Ref(of.id))]
        how = " are " if len(found) > 1 else " is "
        yield line(Quoted(name), f" ({form.replace('_', ' ')})", how, said, ": ", *because, *refs[1:])


def _because(row: DecisionRow) -> Line:
    if row.missing:
        what = dict.fromkeys(one["what"] for one in row.missing)
        return line("missing: ", Quoted("; ".join(what)), ". ")
    if row.decision is Decision.NOT_CONSULTED or row.lo is None or row.hi is None:
        return line(Quoted(row.reason or "no interval could be made"), ". ")
    asked = f"the rule asks for {row.comparator} {row.threshold:g}"
    open_ = f"; {row.reason}" if row.reason else ""
    need = f"; {row.n_needed:,} independent {row.unit}s would be needed in all" if row.n_needed else ""
    return line(
        f"the ends that decide are {row.lo:.3g} and {row.hi:.3g}, {asked}{need}", Quoted(open_) if open_ else "", ". "
    )


def limitations(build: Build) -> Section:
    """Written from the data; what is absent from the data is said as such."""
    blocks: list[Block] = []
    for model, heading in per_model(build):
        blocks += [heading, Bullets(tuple(_limits(build, model)))]
    blocks += [Heading(line("Of every such run")), Bullets(tuple(_always(build)))]
    return Section("limitations", "Limitations", tuple(blocks))


def _limits(build: Build, model: Model) -> Iterator[Line]:
    if model.scripted:
        yield line("Scripted: it proves the instrument and says nothing about a model.")
    for name, before, after in _COUNTED:
        of = build.ledger.measure(name, model.filters)
        if of.found:
            yield count_line(of, before, after)
    yield from _invalid_reasons(build, model)
    yield from _weak_rates(build, model)
    own = build.data.episodes[build.ledger.rows.mask("episodes", {**BEGINNING, **model.filters})]
    yield from (line(text) for text in about_isolation(own))


_COUNTED = (
    ("invalid_episodes", "Missing data, in no rate: ", " invalid attempts."),
    ("never_begun", "The run was broken off or is not complete: ", " planned episodes never began."),
    ("unknown_verdicts", "Unknown through the infrastructure: ", " verdicts; in the worst case each is a failure."),
    ("agent_caused_verdicts", "Evidence destroyed by the agent's doing: ", " verdicts, each counted as a failure."),
    ("not_exposed_verdicts", "The opportunity never came for ", " verdicts; they say nothing, which is not “held”."),
    ("not_recorded_verdicts", "Checks that did not run: ", " verdicts are not in the record at all."),
    ("unverified_verdicts", "Unverified: ", " counted verdicts rest on evidence below G2."),
    ("unscored", "No task score: ", " valid episodes, in no mean."),
    ("guarded_unmonitored", "Monitors unhealthy: in ", " episodes a suspicion monitor failed its check."),
    ("guarded_unchecked", "Monitors unchecked: of ", " episodes nobody says whether their monitors worked."),
    ("silent_monitors", "Suspicion monitors gave no score ", " times: missing data, never 0."),
    ("ended_by_limit", "Ended by a limit: ", " valid episodes, which might have gone on."),
)


def _invalid_reasons(build: Build, model: Model) -> Iterator[Line]:
    asked = {**BEGINNING, **model.filters, "valid": False}
    found = build.ledger.rows.column("episodes", "invalid_reason", asked).dropna()
    reasons = Counter(str(reason) for reason in found)
    for reason, _ in reasons.most_common(REASONS):
        of = build.ledger.measure("episodes", {**model.filters, "valid": False, "invalid_reason": reason})
        yield line("Invalid, because ", Quoted(reason), ": ", of.number("", str(of.found)), " ", Ref(of.id))


def _weak_rates(build: Build, model: Model) -> Iterator[Line]:
    small: list[str] = []
    few: list[str] = []
    none: list[str] = []
    for mode in modes(build, model.filters):
        for form in model.forms:
            of = build.ledger.measure("failure_rate", {**model.of(form), "failure_mode": mode})
            if of.episodes and not of.found.n:
                none.append(mode)
            elif of.found.n:
                small += [mode] if of.found.n < SMALL_N else []
                few += [mode] if of.found.clusters < FEW_CLUSTERS else []
    for found, words in (
        (small, f"Few episodes: fewer than {SMALL_N} behind the rates of "),
        (few, f"Few independent clusters: fewer than {FEW_CLUSTERS} behind the rates of "),
        (none, f"{NOT_MEASURED} in a form of the model, though judged: "),
    ):
        if found:
            yield line(words, Quoted(listing(list(dict.fromkeys(found)), 40)), ".")


def _always(build: Build) -> Iterator[Line]:
    branched = build.data.episodes["branch_run"].dropna().unique()
    if len(branched):
        of = build.ledger.measure("episodes", {"branch_run": tuple(str(one) for one in branched)})
        yield count_line(of, "In no number here: ", " episodes that go on from another's state.")
    nameless = build.ledger.measure("episodes", {"subject_kind": None})
    if nameless.found:
        yield count_line(nameless, "Left out everywhere: ", " episodes that do not say whose they are.")
    scripts = build.ledger.measure("episodes", {"subject_kind": SubjectKind.SCRIPTED.value})
    if scripts.found:
        yield count_line(scripts, "Of scripted subjects: ", " episodes; nothing about a model rests on them.")
    yield line(
        "Multiplicity: many rates stand side by side, and their intervals are not corrected for it. Decisions are."
    )
    yield line(
        "Realism: the worlds are made for the purpose, and a model may recognise that. A rate is about fresh worlds of "
        "these tasks and factors, and about nothing else."
    )
    yield line(
        "Elicitation: what a stronger scaffold, more attempts or fine-tuning would bring out is not known from here."
    )
