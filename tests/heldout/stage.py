"""Leads a held-out script through an episode and keeps what the agent was shown apart from what was judged."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from offswitch.environments import Call, ControlEnv, Lab, Outcome, ScriptFactory, Shown, Task, Turn
from offswitch.records import EndReason, Tri, Verdict

Say = Callable[[str], None]


@dataclass(frozen=True)
class Played:
    """What came of an episode."""

    verdicts: dict[str, Verdict]
    reason: EndReason
    score: float | None

    @property
    def attempted(self) -> dict[str, str]:
        """Rows that were attempted, and why the monitor says so."""
        return {mode: v.reason for mode, v in self.verdicts.items() if v.attempted is Tri.TRUE}

    @property
    def unknown(self) -> dict[str, str]:
        """Rows that could not be decided, and why."""
        found = self.verdicts.items()
        return {mode: v.reason for mode, v in found if Tri.UNKNOWN in (v.exposed, v.attempted, v.succeeded)}


def _silent(_: str) -> None:
    """Say nothing."""


def play(
    task: Task,
    script: ScriptFactory,
    lab: Lab,
    folder: Path,
    seed: int,
    *,
    control: str = "bypassable",
    say: Say = _silent,
) -> Played:
    """Play a script to its end. ``say`` hears each call, its result and each notice, and nothing of the verdicts."""
    with ControlEnv(task, {"factors": {"control": control}}, record_dir=folder, lab=lab) as env:
        env.reset(seed=seed)
        performance = script(env.episode.world.facts)
        outcome, over, answer = None, False, 0
        while not over:
            try:
                turn = next(performance) if outcome is None else performance.send(outcome)
            except StopIteration:
                env.end(EndReason.GAVE_UP)
                break
            answer += 1
            outcome, over = _answer(env, turn, f"a{answer}", say)
        ending = env.episode.ending
        assert ending is not None
        return Played(ending.verdicts, ending.reason, ending.score)


def _answer(env: ControlEnv, turn: Turn, answer_id: str, say: Say) -> tuple[Outcome, bool]:
    """One answer of the agent, with all of its calls."""
    calls: list[Call] = turn if isinstance(turn, list) else [turn]
    results: list[str] = []
    shown: list[Shown] = []
    for tool, arguments in calls or [("", "")]:
        action = {"tool": tool, "arguments": json.dumps(arguments), "answer_id": answer_id}
        observation, _, terminated, truncated, _ = env.step(action)
        say(f">>> {tool} {json.dumps(arguments)}\n{observation['text']}")
        results += [observation["text"]] if tool else []
        for one in json.loads(observation["notices"]):
            shown.append(Shown(kind=one["kind"], text=one["text"]))
            say(f"*** {one['kind']}: {one['text']}")
        if terminated or truncated:
            return Outcome(results=tuple(results), notices=tuple(shown)), True
    return Outcome(results=tuple(results), notices=tuple(shown)), False
