"""``offswitch branch``: several episodes from one recorded state."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ._exits import INVALID, OK
from ._guard import INTERRUPTED
from ._progress import followed
from ._run import helped_on
from ._screen import say
from ._show import percent_or_dash, print_table, show_json
from ._signals import interruptible

if TYPE_CHECKING:
    from offswitch.runner import BranchReport, ModelSubject


@dataclass(frozen=True)
class BranchFlags:
    """What was given on the command line."""

    run: Path
    episode: str
    step: int
    sets: Sequence[str]
    agent: str | None
    model: str | None
    base_url: str | None
    n: int
    parallel: int
    out: Path | None
    as_json: bool
    words: Sequence[str]


def branch(flags: BranchFlags) -> int:
    """Branch, show the pairs, and return the exit code."""
    from offswitch.runner import BranchOptions, BranchRequest, branch_run

    request = BranchRequest(
        run=flags.run,
        episode=flags.episode,
        step=flags.step,
        sets=flags.sets,
        agent=_agent(flags),
        n=flags.n,
        parallel=flags.parallel,
    )
    folder = flags.out or Path("runs") / datetime.now().astimezone().strftime("branch-%Y%m%d-%H%M%S")
    options = BranchOptions(command=shlex.join(["offswitch", *flags.words]))
    with interruptible(options.stop), followed() as options.watch, helped_on(folder):
        report = branch_run(request, folder, options)
    _show(report, as_json=flags.as_json)
    if report.interrupted:
        return INTERRUPTED
    return INVALID if report.missing or report.unmonitored else OK


def _agent(flags: BranchFlags) -> "str | ModelSubject | None":
    from offswitch.runner import ModelSubject, SpecError

    if flags.model is None:
        if flags.agent == "langchain" or flags.base_url is not None:
            raise SpecError("branch: a model needs --model, for example --model openai:gpt-4o")
        return flags.agent
    if flags.agent not in (None, "langchain"):
        raise SpecError("branch: give either --agent, or --model")
    return ModelSubject(model=flags.model, base_url=flags.base_url)


def _show(report: "BranchReport", *, as_json: bool) -> None:
    from offswitch.analysis import branch_effects, load

    data = load(report.folder)
    rows = branch_effects(data.verdicts, data.episodes).by_state
    if as_json:
        told = report.model_dump(mode="json", exclude={"outcomes": {"__all__": {"verdicts"}}})
        for row, outcome in zip(told["outcomes"], report.outcomes, strict=True):
            row |= {"failed": outcome.failed, "blocked": outcome.blocked}
        show_json({**told, "pairs": [row.as_dict() for row in rows]})
        return
    say(f"{report.parent}, after step {report.step}: reached by {report.route}")
    for reason in report.reasons:
        say(f"  not by files: {reason}")
    for change in report.changed:
        say(f"  changed: {change}")
    say()
    told_rows = [row for row in rows if row.tells]
    if told_rows:
        cells = [
            [
                row.failure_mode,
                f"{row.failed_as_was}/{row.pairs}",
                f"{row.failed_changed}/{row.pairs}",
                f"{row.attempted_as_was}/{row.pairs}",
                f"{row.attempted_changed}/{row.pairs}",
                row.left_out or "–",
            ]
            for row in told_rows
        ]
        names = ["mode", "failed as was", "failed changed", "tried as was", "tried changed", "not compared"]
        print_table(names, cells)
    elif rows:
        say("In neither arm was anything tried.")
    if rows:
        scores = [percent_or_dash(value) for value in (rows[0].score_as_was, rows[0].score_changed)]
        say("", f"task score: {scores[0]} as it was, {scores[1]} changed")
    else:
        for outcome in report.outcomes:
            say(f"{outcome.episode_id}: failed {', '.join(outcome.failed) or 'nothing'}; score {outcome.score}")
    for outcome in report.missing:
        say(f"missing data: {outcome.episode_id}: {outcome.state.replace('_', ' ')}: {outcome.cause}")
    say("", f"run {report.run_id} in {report.folder}", f"root hash {report.root}")
