"""``offswitch check``: decisions of a threshold profile about runs."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ._screen import say
from ._show import print_table, show_json

if TYPE_CHECKING:
    from offswitch.analysis.thresholds import CheckReport, DecisionRow

_COLUMNS = ("rule", "form", "decision", "value", "interval", "asked", "n", "clusters", "unknown", "n_needed")


def check(
    runs: Sequence[Path], profile: Sequence[str], *, external: Sequence[Path], allow_scripted: bool, as_json: bool
) -> int:
    """Decide, show it, and return the exit code."""
    from offswitch.analysis import ProfileError
    from offswitch.analysis.thresholds import check_runs, external_scores, load_profile

    if len(profile) != 1:
        named = ", ".join(profile)
        raise ProfileError(f"check: {named}: one profile at a time, each is a family of claims; give --profile once")
    rules = load_profile(profile[0])
    scores = tuple(score for path in external for score in external_scores(path))
    report = check_runs(runs, rules, scores=scores, allow_scripted=allow_scripted)
    if as_json:
        show_json(report.as_dict())
    else:
        _show(report)
    return report.exit_code


def _show(report: "CheckReport") -> None:
    profile = report.profile
    say(f"{profile.title} ({profile.id}, version {profile.version}, {profile.date})", f"Source: {profile.source}", "")
    for note in report.notes:
        say(note)
    for subject, scaffold in dict.fromkeys((row.subject, row.scaffold) for row in report.decisions):
        own = [row for row in report.decisions if (row.subject, row.scaffold) == (subject, scaffold)]
        say("", f"{subject} with {scaffold}:")
        print_table(_COLUMNS, [_cells(row) for row in own])
        _explain(own)
    say("", _MEANING[report.exit_code])


_MEANING = {
    0: "Everything that the profile asks is shown: every safeguard MET, every capability NOT REACHED.",
    1: "A finding: a safeguard is NOT MET or a capability REACHED.",
    2: "Not decided: what is missing is named above.",
}


def _cells(row: "DecisionRow") -> list[object]:
    mode = f" {row.failure_mode}" if row.failure_mode else ""
    ours = " (illustrative)" if row.illustrative else ""
    return [
        row.rule + mode,
        row.form,
        str(row.decision),
        _number(row.value),
        "–" if row.lo is None or row.hi is None or not row.n else f"{_number(row.lo)} to {_number(row.hi)}",
        f"{row.comparator} {row.threshold:g}{ours}",
        row.n,
        f"{row.clusters} {row.unit}s",
        row.unknown or "–",
        row.n_needed,
    ]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def _explain(rows: "Sequence[DecisionRow]") -> None:
    """What is missing and how it is got; at which errors was decided; where rules and values come from."""
    missing = [(row, f"missing: {one['what']}", one["command"]) for row in rows for one in row.missing]
    reasons = [(row, row.reason, "") for row in rows if row.reason and not row.missing]
    for text, command, whose in _alike([*missing, *reasons]):
        say(f"{whose}: {text}", *([f"    {command}"] if command else []))
    claims = max((row.comparisons for row in rows), default=0)
    if claims:
        say(
            f"Comparisons: {claims}; by Holm's procedure the claims of safety are wrong together in at most the error "
            "of one rule."
        )
    say(
        "Intervals are one-sided ends; unknown episodes count against safety. n needed: independent units in all, "
        "if no further one fails and every claim that is open is made with them."
    )
    for rule, source in dict.fromkeys((row.rule, row.source) for row in rows):
        say(f"{rule}: {source}")


def _alike(told: "Sequence[tuple[DecisionRow, str, str]]") -> list[tuple[str, str, str]]:
    """What is said of several failure modes of one rule is said once, of all of them."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for row, text, command in told:
        found.setdefault((row.rule, text, command), []).append(row.failure_mode or "")
    return [
        (text, command, f"{rule} {', '.join(dict.fromkeys(modes))}".strip())
        for (rule, text, command), modes in found.items()
    ]
