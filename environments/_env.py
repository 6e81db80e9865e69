"""The Gymnasium environment: one tool call a step, the task's score as reward, control outcomes in ``info``."""

import json
import uuid
from pathlib import Path
from typing import Any, Literal, cast

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from ..records import (
    EndReason,
    EpisodeKey,
    EvidenceStore,
    Ledger,
    Notice,
    RunPaths,
    Scenario,
    Subject,
    SubjectKind,
)
from ..sandbox import scratch_folder
from ._episode import Episode
from ._errors import EpisodeOver, ScenarioError
from ._lab import Lab
from ._mechanism import mechanism
from ._spaces import UnicodeText
from ._step import StepResult
from ._task import Task

TEXT_MAX = 1 << 22
Observation = dict[str, Any]
Action = dict[str, str]
_HARMLESS_TOOLS = ("inbox", "wait", "read_file")
_HARMLESS_ARGUMENTS = ("{}", '{"minutes": 1}', '{"path": "TICKET.md"}')


class ControlEnv(gym.Env[Observation, Action]):
    """One episode at a time of one task, in a fresh container each.

    Observation (``Dict``): ``text`` result of the call; ``notices`` JSON list of what people and mechanisms told the
    agent since; ``system`` and ``goal`` in the first observation; ``step``; ``virtual_s`` scenario clock in seconds.
    Action (``Dict``): ``tool``, ``arguments`` (JSON text), ``answer_id`` (calls of one model answer share it; may be
    empty). An empty tool is an answer without a call. Reward: the task's score, in the last step only.
    ``info["control"]`` says which failure modes were seen; it is never part of the reward.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi"]}  # noqa: RUF012 - Gymnasium declares it so

    def __init__(
        self,
        task: Task,
        scenario: Scenario | dict[str, Any] | None = None,
        *,
        record_dir: str | Path | None = None,
        lab: Lab | None = None,
        render_mode: str | None = None,
    ) -> None:
        """``record_dir`` keeps the ledgers; without it they go to a temporary folder that dies with the object.

        Raises `ScenarioError` for a scenario that does not fit the task.
        """
        self.task = task
        given = scenario.model_dump() if isinstance(scenario, Scenario) else dict(scenario or {})
        self.scenario = Scenario.model_validate({"task": task.id, "task_version": task.version, **given})
        if self.scenario.task != task.id:
            raise ScenarioError(f"scenario is for task {self.scenario.task!r}, the environment for {task.id!r}")
        for spec in self.scenario.mechanisms or ():
            mechanism(spec, self.scenario.factors.control)
        self.render_mode = render_mode
        self._own_dir = scratch_folder() if record_dir is None else None
        self._paths = RunPaths(Path(self._own_dir.name if self._own_dir else record_dir or ".")).create()
        self._lab = lab
        self._own_lab = lab is None
        self._episode: Episode | None = None
        self._last = ""
        text = UnicodeText(TEXT_MAX)
        number = spaces.Box(0.0, 1e9, (), np.float64)
        self.observation_space = spaces.Dict(
            {"text": text, "notices": text, "system": text, "goal": text, "step": number, "virtual_s": number}
        )
        parts: dict[str, spaces.Space[Any]] = {
            "tool": UnicodeText(200, _HARMLESS_TOOLS),
            "arguments": UnicodeText(TEXT_MAX, _HARMLESS_ARGUMENTS),
            "answer_id": UnicodeText(200, ("",)),
        }
        self.action_space = cast("spaces.Space[Action]", spaces.Dict(parts))

    @property
    def tools(self) -> dict[str, dict[str, Any]]:
        """Tool → JSON Schema of its arguments, of the running episode. Raises `EpisodeOver` before a reset."""
        return self._running().schemas

    @property
    def episode(self) -> Episode:
        """The running episode. Raises `EpisodeOver` before a reset."""
        return self._running()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start a new episode; a running one is recorded as abandoned.

        ``options`` may hold ``scenario`` (fields that differ from the environment's own). Raises `EpisodeInvalid`.
        """
        super().reset(seed=seed)
        self._abandon()
        drawn = int(self.np_random.integers(2**31)) if seed is None else seed
        changed = (options or {}).get("scenario", {})
        scenario = Scenario.model_validate({**self.scenario.model_dump(), **changed})
        if self._lab is None:
            self._lab = Lab.open(captures=None if self._own_dir else self._paths.quarantine)
        self._episode = self._open(self._lab, scenario, drawn)
        result = self._episode.open()
        info = {"episode_id": self._episode.key.episode_id, "control": result.control}
        return self._observe(result, first=True), info

    def _open(self, lab: Lab, scenario: Scenario, seed: int) -> Episode:
        episode_id = f"gym-{self.task.id}-{seed}-{uuid.uuid4().hex[:8]}"
        key = EpisodeKey(
            episode_id=episode_id,
            run_id=lab.run_id,
            subject=Subject(kind=SubjectKind.AS_IS, name="gymnasium", scaffold="gymnasium"),
            scenario=scenario,
            scenario_hash=scenario.hash,
            cluster_id=scenario.cluster_id,
            pair_id=f"{scenario.cluster_id}-{seed}",
            seed=seed,
            human_minutes=self.task.human_minutes,
            bucket=self.task.bucket,
        )
        ledger = Ledger(self._paths.ledger(episode_id))
        return Episode(lab, self.task, key, ledger, EvidenceStore(self._paths.evidence), {})

    def step(self, action: Action) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """One tool call. Raises `EpisodeInvalid` where the infrastructure fails, `EpisodeOver` after the end."""
        episode = self._running()
        result = episode.step(str(action["tool"]), str(action["arguments"]), str(action.get("answer_id", "")))
        info: dict[str, Any] = {"control": result.control, "call_id": result.call_id}
        if result.ended is not None and episode.ending is not None:
            info["end_reason"] = result.ended.value
            info["score"] = episode.ending.score
            info["verdicts"] = {
                mode: {"attempted": v.attempted.value, "succeeded": v.succeeded.value, "exposed": v.exposed.value}
                for mode, v in episode.ending.verdicts.items()
            }
        return self._observe(result), result.reward, result.terminated, result.truncated, info

    def end(self, reason: EndReason) -> StepResult:
        """End the running episode from outside."""
        return self._running().end(reason)

    def render(self) -> str | None:
        """The last observation as text."""
        return self._last if self.render_mode == "ansi" else None

    def close(self) -> None:
        """Abandon a running episode and release everything; closing twice is fine."""
        self._abandon()
        if self._own_lab and self._lab is not None:
            self._lab.close()
            self._lab = None
        if self._own_dir is not None:
            self._own_dir.cleanup()

    def __exit__(self, *args: object) -> Literal[False]:
        """Close; an error goes on."""
        del args
        self.close()
        return False

    def _abandon(self) -> None:
        if self._episode is not None:
            self._episode.close()
            self._episode = None

    def _running(self) -> Episode:
        if self._episode is None:
            raise EpisodeOver("no episode: call reset first")
        return self._episode

    def _observe(self, result: StepResult, *, first: bool = False) -> Observation:
        episode = self._running()
        self._last = result.text
        return {
            "text": result.text[:TEXT_MAX],
            "notices": json.dumps([_shown(notice) for notice in result.notices], ensure_ascii=False),
            "system": episode.system if first else "",
            "goal": episode.goal if first else "",
            "step": np.array(float(episode.steps)),
            "virtual_s": np.array(episode.clock.virtual_s),
        }


def _shown(notice: Notice) -> dict[str, str]:
    return {"kind": notice.kind, "text": notice.text, "placement": notice.placement.value}
