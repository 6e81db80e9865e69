"""Who plays an episode: the cast of its task, a model, or a recording of a model's answers."""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from ..agents import Agent, Prices, RecordingAgent, ReplayAgent, ScriptedAgent, make_agent
from ..agents import SetupError as AgentSetupError
from ..records import Redactor, RunView, Subject, SubjectKind
from ..tasks import load_task
from ._attempts import Attempts
from ._errors import SpecError, SubjectError
from ._plan import EpisodePlan
from ._spec import ModelSubject

_SECRET_NAME = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|CREDENTIALS)S?$")
_SECRET_LENGTH = 12
Facts = Callable[[], Mapping[str, Any]]
"""The facts of a world, which a script reads when its performance begins."""


class Subjects:
    """Opens the agents of a run.

    Args:
        record: Whether answers are recorded; None records those of models only.
        replay: A run whose recorded answers are played back in place of asking models.
        prices: What models cost, beyond the installed price table.
    """

    def __init__(self, *, record: bool | None = None, replay: RunView | None = None, prices: Prices | None = None):
        self._record = record
        self._replay = replay
        self._attempts = Attempts(replay) if replay is not None else None
        self._prices = prices
        self._known: dict[ModelSubject, Subject] = {}

    def check(self, plans: Iterable[EpisodePlan]) -> None:
        """Open every model once and look whether it can be asked, at no cost.

        Raises `SpecError` for a dollar limit without a price and for a recording that is missing, `SubjectError`
        for one that does not answer, and the agents' `SetupError`.
        """
        seen: set[tuple[object, bool]] = set()
        for plan in plans:
            if self._replay is not None:
                self._recording(plan)
            limited = plan.scenario.budgets.max_usd is not None
            if plan.model is None or self._replay is not None or (plan.model, limited) in seen:
                continue
            seen.add((plan.model, limited))
            with make_agent(plan.model.model, plan.model.settings, prices=self._prices) as agent:
                _check(agent, limited)
                self._known[plan.model] = agent.subject

    def named(self, plan: EpisodePlan) -> Subject | None:
        """Who will be evaluated, as the records call it; None for one that `check` did not open."""
        if plan.model is None:
            subject: Subject | None = Subject(kind=SubjectKind.SCRIPTED, name=str(plan.member), scaffold="script")
        elif self._replay is not None:
            recording = self._recording(plan)
            subject = ReplayAgent(recording).subject if recording is not None else None
        else:
            subject = self._known.get(plan.model)
        return None if subject is None else deployed(plan, subject)

    def open(self, plan: EpisodePlan, facts: Facts, recording: Path) -> Agent:
        """The agent of an episode. ``recording`` is where its answers go, where they are recorded."""
        agent = self._opened(plan, facts)
        records = self._record if self._record is not None else plan.model is not None
        if not records:
            return agent
        try:
            return RecordingAgent(agent, recording)
        except BaseException:
            agent.close()
            raise

    def _opened(self, plan: EpisodePlan, facts: Facts) -> Agent:
        recording = self._recording(plan)
        if recording is not None:
            return ReplayAgent(recording)
        if plan.model is not None:
            return make_agent(plan.model.model, plan.model.settings, prices=self._prices)
        member = str(plan.member)
        factory = load_task(plan.task).cast().member(member)
        return ScriptedAgent(member, lambda: factory(facts()))

    def _recording(self, plan: EpisodePlan) -> Path | None:
        """The recording that is played back; None where the script itself plays."""
        if self._replay is None or self._attempts is None:
            return None
        counting_last = sorted(self._attempts.of(plan.base), key=self._counts)
        found = (self._replay.paths.replay / f"{episode}.jsonl" for episode in counting_last)
        there = [path for path in found if path.is_file()]
        if not there and plan.model is not None:
            raise SpecError(
                f"replay {self._replay.paths.root}: holds no recorded answers of episode {plan.base}; record a run "
                "with --record and replay it with the same experiment"
            )
        return there[-1] if there else None

    def _counts(self, episode_id: str) -> bool:
        assert self._replay is not None
        return self._replay.anchor(episode_id).valid


def _check(agent: Agent, limited: bool) -> None:
    if limited and not agent.price_known:
        raise SpecError(
            f"experiment, scenario.budgets.max_usd: the price of {agent.subject.name} is unknown, so a limit in "
            "dollars would not hold; install offswitch[prices], give --prices FILE, or limit max_tokens"
        )
    try:
        agent.check()
    except AgentSetupError as error:
        raise SubjectError(str(error)) from error


def subject_of(plan: EpisodePlan, agent: Agent) -> Subject:
    """Who is evaluated: a model with safeguards is the deployed one."""
    return deployed(plan, agent.subject)


def deployed(plan: EpisodePlan, subject: Subject) -> Subject:
    """The subject in the form that the safeguards of the episode make of it."""
    if plan.scenario.safeguards.on and subject.kind is SubjectKind.AS_IS:
        return subject.model_copy(update={"kind": SubjectKind.DEPLOYED})
    return subject


def secrets_of(environment: Mapping[str, str] | None = None) -> Redactor | None:
    """Takes what looks like a key out of everything that is recorded; None where the environment holds none."""
    found = {
        name: value
        for name, value in (os.environ if environment is None else environment).items()
        if _SECRET_NAME.search(name) and len(value) >= _SECRET_LENGTH and not value.startswith("/")
    }
    return Redactor(found) if found else None
