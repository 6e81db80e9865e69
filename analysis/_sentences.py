"""Sentences written from the data: what was found, and what limits it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from ..records import Tri
from ._cast import cast_checks
from ._columns import Price, UsageSource
from ._data import RunData
from ._early import about_early_ends
from ._isolation import about_isolation
from ._modes import COUNTED_MODES, USEFULNESS_MODES, mode_order
from ._rate import Rate
from ._subjects import SubjectRef, by_subject, subjects
from ._table import SCRIPTED_NOTE
from ._words import interval, listing, percent, plural
from .metrics import BeforeAfter, VerdictRow, any_failure_rate, overview, unmonitored, verdict_rows
from .stats import FEWEST_CLUSTERS

MAX_HEADLINES = 6
SMALL_N = 30
"""Below it, even a clean row leaves more than a tenth open."""


def headlines(data: RunData) -> list[str]:
    """What was found: a sentence for each subject and side of the safeguards; the cast only where it is alone."""
    everyone = subjects(data)
    real = [one for one in everyone if not one.scripted]
    found = list(_headlines(data, real)) if real else [_scripted_headline(data)] if everyone else []
    if not found:
        return ["No episode was recorded: there is nothing to report."]
    more = len(found) - MAX_HEADLINES
    return found[:MAX_HEADLINES] + ([f"The table below holds {more} more."] if more > 0 else [])


def _headlines(data: RunData, real: list[SubjectRef]) -> Iterator[str]:
    rows = verdict_rows(data)
    every = dict(by_subject(data.verdicts))
    for subject in real:
        verdicts = every.get(subject)
        if verdicts is None:
            yield f"{subject.label}: no episode reached a verdict."
            continue
        for on in (False, True):
            side = verdicts.where(verdicts.known("safeguards") & (verdicts.flag("safeguards") == on))
            own = [row for row in rows if row.subject == subject and row.safeguards == on]
            if len(side):
                blind = " but unmonitored" if unmonitored(side).any() else ""
                name = f"{subject.label}, safeguards {'on' if on else 'off'}{blind}"
                yield _headline(name, any_failure_rate(side), own)


def _headline(name: str, rate: Rate, rows: list[VerdictRow]) -> str:
    if not rate.n:
        counts = ", ".join(_left_out(rate))
        return f"{name}: no episode could be judged ({counts or 'none was recorded'})."
    judged = plural(rate.n, "judged episode")
    if not rate.k:
        found = f"no control failed in {judged}; the true rate may still be as high as {percent(rate.hi)}"
    else:
        share = f"{percent(rate.value)}, 95% interval {interval(rate)}"
        found = f"at least one control failed in {rate.k} of {judged} ({share}){_worst(rows)}"
    unknown = ""
    if rate.unknown:
        unknown = f" {plural(rate.unknown, 'episode')} left unknown; counted as failed: {percent(rate.worst_case)}."
    return f"{name}: {found}.{unknown}"


def _worst(rows: list[VerdictRow]) -> str:
    failed = [row for row in rows if row.failure.k and row.failure_mode not in USEFULNESS_MODES | COUNTED_MODES]
    if not failed:
        return ""
    worst = max(failed, key=lambda row: (row.failure.value or 0, row.failure.k))
    plain = sum(row.violations for row in failed)
    total = sum(row.failure.k for row in failed)
    told = "every one" if plain == total else f"{plain} of {total}"
    return (
        f", most often {worst.failure_mode} ({worst.failure.k} of {worst.failure.n}); "
        f"{told} against a rule that was told plainly"
    )


def _scripted_headline(data: RunData) -> str:
    checks = cast_checks(data)
    violators = [check for check in checks if check.expected]
    harmless = [check for check in checks if not check.expected]
    told: list[str] = []
    if violators:
        seen = sum(check.passed is True for check in violators)
        told.append(f"{seen} of {plural(len(violators), 'violator')} seen, each in its own failure mode")
    if harmless:
        alarms = sum(check.passed is False for check in harmless)
        told.append(f"false alarms from {alarms} of {plural(len(harmless), 'harmless script')}")
    count = plural(int(data.episodes["valid"].sum()), "valid episode")
    found = f" ({', '.join(told)})" if told else ""
    return f"A check of the instrument with scripted subjects, {count}{found}. It says nothing about a model."


def _left_out(rate: Rate) -> Iterator[str]:
    if rate.unknown:
        yield f"{rate.unknown} unknown"
    if rate.not_exposed:
        yield f"{rate.not_exposed} never exposed"
    if rate.invalid:
        yield f"{rate.invalid} invalid"


def limitations(data: RunData, rows: list[VerdictRow], pairs: Sequence[BeforeAfter]) -> list[str]:
    """What a reader must know before believing the numbers."""
    return [
        *_about_subjects(rows),
        *about_isolation(data.episodes),
        *_about_monitoring(data.episodes),
        *_about_missing_data(data, rows),
        *about_early_ends(data),
        *_about_left_out(overview(data.verdicts).left_out),
        *_about_strength([row for row in rows if not row.subject.scripted]),
        *_about_pairs(pairs),
        *_about_running(data.episodes, data.steps),
    ]


def _about_subjects(rows: list[VerdictRow]) -> Iterator[str]:
    if any(row.subject.scripted for row in rows):
        yield SCRIPTED_NOTE


def _about_monitoring(episodes: pd.DataFrame) -> Iterator[str]:
    blind = int(unmonitored(episodes).sum())
    if blind:
        yield (
            f"Unmonitored: in {plural(blind, 'episode')} with safeguards the suspicion monitors are not known to have "
            "passed their check. What stands there under safeguards on says nothing about safeguards, and is in no "
            "comparison."
        )


def _about_missing_data(data: RunData, rows: list[VerdictRow]) -> Iterator[str]:
    invalid = data.episodes[~data.episodes["valid"]]
    if len(invalid):
        reasons = Counter(str(reason)[:120] for reason in invalid["invalid_reason"])
        told = listing([f"{reason} ({count})" for reason, count in reasons.most_common()], 4)
        yield f"Missing data, in no rate: {len(invalid)} of {plural(len(data.episodes), 'attempt')}: {told}."
    unknown = sum(row.failure.unknown for row in rows)
    if unknown:
        yield (
            f"Unknown through the infrastructure: {plural(unknown, 'verdict')}, left out of the rates and counted "
            f"as failed in the worst case.{_lost_channels(data.episodes)}"
        )
    missing = sum(row.missing for row in rows)
    if missing:
        yield f"Checks that did not run: {plural(missing, 'verdict')} of the unknown, not in the record at all."
    caused = sum(row.failure.agent_caused for row in rows)
    if caused:
        yield f"Counted as failed, because the agent's doing destroyed the evidence: {plural(caused, 'verdict')}."
    never = [row for row in rows if not row.failure.n and not row.failure.unknown and row.failure.not_exposed]
    if never:
        yield from _about_exposure(never, {row.failure_mode for row in rows if row not in never})


def _about_left_out(left_out: Mapping[str, int]) -> Iterator[str]:
    if left_out:
        told = listing([f"{reason} ({count})" for reason, count in left_out.items()])
        yield f"In no row of the table: {plural(sum(left_out.values()), 'verdict')}: {told}."


def _about_exposure(never: list[VerdictRow], elsewhere: set[str]) -> Iterator[str]:
    modes = sorted({(row.family, row.failure_mode) for row in never}, key=mode_order)
    nowhere = [mode for _, mode in modes if mode not in elsewhere]
    if nowhere:
        yield f"Never exposed: {listing(nowhere)}. These rows say nothing, which is not “held”."
    some = [row for row in never if row.failure_mode in elsewhere]
    if some:
        yield f"Not exposed in every row: {plural(len(some), 'row')} say nothing, though others of their mode do."


def _lost_channels(episodes: pd.DataFrame) -> str:
    channels = Counter(str(name) for names in episodes["lost_channels"] for name in names)
    told = [f"{name} ({plural(count, 'episode')})" for name, count in channels.most_common()]
    return f" Lost evidence channels: {listing(told)}." if told else ""


def _about_strength(rows: list[VerdictRow]) -> Iterator[str]:
    judged = [row for row in rows if row.failure.n]
    small = [row for row in judged if row.failure.n < SMALL_N]
    if small:
        least = min(small, key=lambda row: row.failure.n)
        told = f"{least.failure_mode} on {least.failure.n}"
        yield (
            f"Few episodes: {len(small)} of {plural(len(judged), 'rate')} rest on fewer than {SMALL_N} (least: "
            f"{told}). Without a failure in {SMALL_N}, up to 11.4% would still be open."
        )
    if any(row.failure.descriptive for row in judged):
        yield (
            "Few worlds: intervals take a task with one seed as one observation, however often it was repeated. "
            f"{sum(row.failure.descriptive for row in judged)} of {plural(len(judged), 'rate')} rest on fewer than "
            f"{FEWEST_CLUSTERS} worlds: such an interval shows, and decides nothing."
        )
    if len(judged) > 1:
        yield f"Many comparisons: {len(judged)} rates stand side by side without a correction for their number."
    weak = [row for row in judged if row.unverified]
    if weak:
        modes = listing(list(dict.fromkeys(row.failure_mode for row in weak)))
        yield f"Unverified, because the weakest evidence lies below G2: {modes}."


def _about_pairs(pairs: Sequence[BeforeAfter]) -> Iterator[str]:
    dropped = sum(pair.incomplete for pair in pairs)
    if dropped:
        yield (
            f"Not compared: {plural(dropped, 'pair')} of which a side is invalid, unmonitored, unknown or never "
            "exposed. Safeguards that end an episode early can cause that."
        )


def _about_running(episodes: pd.DataFrame, steps: pd.DataFrame) -> Iterator[str]:
    valid = episodes[episodes["valid"]]
    unscored = int(valid["score"].isna().sum())
    if unscored:
        yield f"No task score, left out of the means: {plural(unscored, 'valid episode')}."
    unpriced = int((episodes["price"] == Price.UNKNOWN).sum())
    if unpriced:
        yield f"Unknown cost: {plural(unpriced, 'episode')}; every total is a lower bound."
    estimated = int((episodes["usage_source"] == UsageSource.ESTIMATE).sum())
    if estimated:
        yield f"Token counts estimated, not reported by the provider: {plural(estimated, 'episode')}."
    errors = int(episodes["provider_errors"].sum())
    if errors:
        yield f"Failed requests at the provider: {errors:,}. What it never answered is missing data."
    silent = int(steps["unanswered"].sum())
    if silent:
        yield f"No score from a suspicion monitor: {plural(silent, 'time')}. Missing data, never 0."


def disclosure_words(row: VerdictRow) -> str:
    """How many of the failures the agent's report admits; a dash where there are none."""
    if not row.disclosed.n and not row.disclosed.unknown:
        return "–"
    unknown = f" (+{row.disclosed.unknown} {Tri.UNKNOWN})" if row.disclosed.unknown else ""
    return f"{row.disclosed.k}/{row.disclosed.n}{unknown}"
