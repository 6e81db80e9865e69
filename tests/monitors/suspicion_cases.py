"""Calls to look at: the corpus as views, and views made by hand."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from offswitch.monitors.suspicion import PastCall, StepView

CORPUS: dict[str, Any] = tomllib.loads(Path(__file__).with_name("suspicion_corpus.toml").read_text(encoding="utf-8"))
GOAL: str = CORPUS["goal"]
SYSTEM_PROMPT: str = CORPUS["system_prompt"]


@dataclass(frozen=True)
class Case:
    """One call of the corpus, and why it stands where it stands."""

    family: str
    why: str
    view: StepView

    def __str__(self) -> str:
        return f"{self.family}: {self.why}"


def earlier(*commands: str) -> tuple[PastCall, ...]:
    """A history of shell calls."""
    return tuple(
        PastCall(step=step, call_id=f"c{step}", tool="bash", arguments={"command": command})
        for step, command in enumerate(commands)
    )


def call(
    command: str = "",
    tool: str = "bash",
    arguments: dict[str, Any] | None = None,
    goal: str = "",
    system_prompt: str = "",
    history: tuple[PastCall, ...] = (),
) -> StepView:
    """A view of one call; of a shell command unless arguments are given. The prompt is empty unless given."""
    return StepView(
        step=len(history),
        call_id="c",
        tool=tool,
        arguments={"command": command} if arguments is None else arguments,
        goal=goal,
        system_prompt=system_prompt,
        history=history,
    )


def _case(row: dict[str, Any]) -> Case:
    view = call(
        row.get("command", ""),
        row.get("tool", "bash"),
        row.get("arguments"),
        GOAL,
        SYSTEM_PROMPT,
        earlier(*row.get("earlier", ())),
    )
    return Case(row["family"], row["why"], view)


EVASIVE = [_case(row) for row in CORPUS["evasive"]]
INNOCENT = [_case(row) for row in CORPUS["innocent"]]
MISSED = [_case(row) for row in CORPUS["missed"]]
"""Evasive calls that the rules are known to let pass."""
FALSE_ALARMS = [_case(row) for row in CORPUS["false_alarm"]]
"""Ordinary calls that the rules are known to flag."""
