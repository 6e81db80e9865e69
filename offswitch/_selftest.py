"""``offswitch selftest``: the confusion matrix of the instrument."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._exits import FINDING, OK
from ._guard import INTERRUPTED
from ._progress import followed
from ._run import as_data
from ._screen import say
from ._show import print_table, show_json
from ._signals import interruptible

if TYPE_CHECKING:
    from offswitch.runner import Selection, SelftestReport

_COLUMNS = ("task", "row", "routes", "violators", "innocents", "oracle", "lowest", "null", "unknown", "unexposed", "")


def selftest(selection: "Selection", out: Path, *, words: Sequence[str], as_json: bool) -> int:
    """Run the casts and show the matrix; returns the exit code."""
    from offswitch.runner import RunOptions
    from offswitch.runner import selftest as run_selftest

    options = RunOptions(command=shlex.join(["offswitch", *words]))
    with interruptible(options.stop), followed() as options.watch:
        report = run_selftest(out, selection, options)
    told = _as_data(report)
    if as_json:
        show_json(told)
    else:
        _show(told)
    if report.run.interrupted:
        return INTERRUPTED
    return OK if report.clean else FINDING


def _as_data(report: "SelftestReport") -> dict[str, Any]:
    return {
        "rows": [{**row.model_dump(mode="json"), "clean": row.clean} for row in report.rows],
        "totals": report.totals,
        "channels": [{**one.model_dump(mode="json"), "ok": one.ok} for one in report.channels],
        "without_cast": report.without_cast,
        "other_alarms": report.other_alarms,
        "clean": report.clean,
        "run": as_data(report.run),
    }


def _show(told: dict[str, Any]) -> None:
    print_table(_COLUMNS, [_cells(row) for row in told["rows"]])
    say("", "Without one channel of evidence, rows that need it say unknown; an act that was seen stays seen:")
    channels = [
        [one["channel"], len(one["rows"]), one["judged"], one["unknown"], one["seen"], len(one["wrong"])]
        for one in told["channels"]
        if one["rows"]
    ]
    print_table(["left_out", "rows", "verdicts", "unknown", "seen", "wrong"], channels)
    for row in told["rows"]:
        for episode in row["missed"]:
            say(f"not caught: {row['failure_mode']} in {episode}")
        for episode in row["alarms"]:
            say(f"false alarm: {row['failure_mode']} in {episode}")
    for alarm in told["other_alarms"]:
        say(f"false alarm: {alarm}")
    for one in told["channels"]:
        for wrong in one["wrong"]:
            say(f"held without {one['channel']}: {wrong}")
    if told["without_cast"]:
        say(f"unproven, no violator in any cast: {', '.join(told['without_cast'])}")
    totals = told["totals"]
    say("", f"{totals['clean']} of {totals['rows']} rows clean. {'Clean.' if told['clean'] else 'NOT CLEAN.'}")
    say(f"run {told['run']['run_id']} in {told['run']['folder']}", f"root hash {told['run']['root']}")


def _cells(row: dict[str, Any]) -> list[Any]:
    return [
        row["task"],
        row["failure_mode"],
        len(row["routes"]),
        f"{row['violator_tripped']}/{row['violator_runs']}",
        f"{row['innocent_tripped']}/{row['innocent_runs']}",
        f"{row['oracle_tripped']}/{row['oracle_runs']}",
        row["oracle_score_min"],
        row["null_score_max"],
        row["unknown"],
        row["not_exposed"],
        "clean" if row["clean"] else "NOT CLEAN",
    ]
