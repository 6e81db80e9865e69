"""Branches: episodes that go on from one recorded state, changed in what was asked for and in nothing else."""

import tempfile
import uuid
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from ..environments import Episode, EpisodeInvalid, Lab, Stored, load_snapshot
from ..environments import take_snapshot as take
from ..records import (
    EpisodeKey,
    Ledger,
    Model,
    Route,
    RunFacts,
    RunIndex,
    RunPaths,
    RunStore,
    RunView,
    SubjectKind,
    artifacts_of,
    digest_of,
)
from ..sandbox import StateDiffers
from ..tasks import load_task
from ._attempt import Site, run_attempt
from ._attempts import split_id
from ._errors import RunFailed, SpecError
from ._executor import LocalExecutor
from ._facts import content_of, engine_of, versions_of
from ._folder import ProofKeeper, load_run_spec
from ._from_state import FromState, Late, State
from ._health import check_monitors, unmonitored
from ._outcome import EpisodeOutcome, Progress, Watch
from ._plan import EpisodePlan, make_plan
from ._prefix import Prefix, read_prefix
from ._provenance import image_here, image_of, keep_sbom, loaded_code
from ._replaying import replay
from ._settings import changed_scenario, described
from ._spec import ModelSubject
from ._stop import Stop
from ._subjects import Subjects, secrets_of
from ._words import meant

AS_WAS, CHANGED = "as_was", "changed"
_MOST_BRANCHES = 1000


@dataclass(frozen=True)
class BranchRequest:
    """What is asked for."""

    run: Path
    episode: str
    step: int
    sets: Sequence[str] = ()
    """``FACTOR=VALUE``; where there are any, or another agent, each pair has an arm that goes on as it was."""
    agent: str | ModelSubject | None = None
    """Who goes on in the changed arm; None for who it was."""
    n: int = 1
    """Pairs, or branches where nothing is changed."""
    parallel: int = 2


@dataclass
class BranchOptions:
    """How it is run; nothing here changes what an episode is."""

    command: str = ""
    subjects: Subjects = field(default_factory=Subjects)
    stop: Stop = field(default_factory=Stop)
    watch: Watch = lambda _: None


class BranchReport(Model):
    """Branches, after their end."""

    run_id: str
    folder: str
    root: str
    parent_run: str
    parent: str
    step: int
    snapshot: str
    route: Route
    reasons: tuple[str, ...]
    """Why files did not suffice; empty where they did."""
    changed: tuple[str, ...]
    outcomes: tuple[EpisodeOutcome, ...]
    interrupted: str = ""
    unmonitored: tuple[str, ...] = ()

    @property
    def missing(self) -> list[EpisodeOutcome]:
        """Branches that are missing data."""
        return [outcome for outcome in self.outcomes if outcome.state != "valid"]


def branch_run(request: BranchRequest, folder: Path, options: BranchOptions | None = None) -> BranchReport:
    """Branch a recorded episode into a run directory that is new or empty.

    Raises `SpecError` for what was asked wrongly, `RunFailed` where the state cannot be reached again, the sandbox's
    errors where the engine is not usable, and `RecordError` where a directory cannot be read or written.
    """
    options = options or BranchOptions()
    view = _parent(request)
    prefix = read_prefix(view, request.episode, request.step)
    plans = _plans(request, view, prefix)
    options.subjects.check(plan for plan in plans if plan.model is not None)
    _refuse_image(view, image_here())  # before a monitor's check may ask a model
    health = check_monitors(plans)
    with _site(request, prefix, view, plans, folder, options) as site:
        site.health = health
        state = _reach(site, view, prefix)
        proofs = ProofKeeper(site.store, site.lab)
        run = _Branches(site, request, state, proofs)
        outcomes = tuple(sorted(run.play(plans), key=lambda outcome: outcome.base))
    done = RunView.open(folder)
    RunIndex.open(done).close()
    return BranchReport(
        run_id=done.manifest.run_id,
        folder=str(folder),
        root=done.manifest.root,
        parent_run=prefix.key.run_id,
        parent=request.episode,
        step=request.step,
        snapshot=state.stored.digest,
        route=state.route,
        reasons=state.reasons,
        changed=run.changed(plans[-1]),
        outcomes=outcomes,
        interrupted=options.stop.reason,
        unmonitored=unmonitored(health),
    )


def _parent(request: BranchRequest) -> RunView:
    if not 1 <= request.n <= _MOST_BRANCHES:
        raise SpecError(f"--n {request.n}: give a number from 1 to {_MOST_BRANCHES}")
    if request.step < 0:
        raise SpecError(f"--step {request.step}: give a step from 0 on; 0 is the state before the first call")
    view = RunView.open(request.run)
    known = list(view.episodes())
    if request.episode not in known:
        raise SpecError(f"run {request.run}: has no episode {request.episode[:80]!r}; {meant(request.episode, known)}")
    return view


def _plans(request: BranchRequest, view: RunView, prefix: Prefix) -> list[EpisodePlan]:
    """Pair by pair, the arm that goes on as it was first."""
    key = prefix.key
    scenario = changed_scenario(key.scenario, request.sets)
    was = _who_it_was(view, key)
    becomes = request.agent if request.agent is not None else was
    if request.agent is not None and prefix.pending is not None:
        raise SpecError(
            f"--step {request.step}: lies within an answer of {key.subject.name}, which another agent cannot finish; "
            "give the step before or after it"
        )
    arms = [(AS_WAS, key.scenario, was)]
    if scenario != key.scenario or becomes != was:
        arms.append((CHANGED, scenario, becomes))
    elif request.sets:
        raise SpecError(f"--set {' '.join(request.sets)}: the episode was run so; nothing would be changed")
    found: list[EpisodePlan] = []
    for pair in range(1, request.n + 1):
        identity = [key.run_id, key.episode_id, request.step, pair]
        for arm, one, who in arms:
            member, model = (who, None) if isinstance(who, str) else (None, who)
            found.append(
                EpisodePlan(
                    number=len(found) + 1,
                    base=f"{len(found) + 1:04d}-{key.scenario.task}-s{key.seed}-at{request.step}-{pair}-{arm}",
                    member=member,
                    model=model,
                    scenario=one,
                    seed=key.seed,
                    pair_id=digest_of(identity)[:16],
                    variant=arm,
                )
            )
    _check_members(found)
    return found


def _check_members(plans: Sequence[EpisodePlan]) -> None:
    for plan in plans:
        if plan.member is not None and plan.member not in load_task(plan.task).cast().names():
            raise SpecError(f"--agent {plan.member}: {meant(plan.member, load_task(plan.task).cast().names())}")


def _who_it_was(view: RunView, key: EpisodeKey) -> str | ModelSubject:
    if key.branch is not None:
        raise SpecError(
            f"episode {key.episode_id}: is a branch itself; branch episode {key.branch.episode_id} of run "
            f"{key.branch.run_id}, where it began"
        )
    if key.subject.kind is SubjectKind.SCRIPTED:
        return key.subject.name
    base, _ = split_id(key.episode_id)
    found = [plan.model for plan in make_plan(load_run_spec(view.paths.root)) if plan.base == base and plan.model]
    if not found:
        raise SpecError(f"run {view.paths.root}: its experiment has no episode {base}, so who played it is not known")
    return found[0]


@contextmanager
def _site(
    request: BranchRequest,
    prefix: Prefix,
    view: RunView,
    plans: Sequence[EpisodePlan],
    folder: Path,
    options: BranchOptions,
) -> Generator[Site]:
    """The new directory and a lab, both closed at the end; what the prefix refers to is copied."""
    with Lab.open(f"branch-{uuid.uuid4().hex[:8]}", ahead=min(request.parallel, len(plans))) as lab:
        _refuse_another(view, prefix, lab)
        facts = RunFacts(
            run_id=lab.run_id,
            versions=versions_of(lab),
            engine=engine_of(lab),
            image=image_of(lab),
            seeds=(prefix.key.seed,),
            tasks=content_of({prefix.key.scenario.task}),
            command=options.command,
            supervisor=lab.supervisor_sha256,
            loaded=loaded_code({prefix.key.scenario.task}),
        )
        with RunStore.create(folder, facts, _spec_text(request, prefix), redactor=secrets_of()) as store:
            keep_sbom(store, lab)
            for record in prefix.records:
                for digest in artifacts_of(record.event):
                    store.evidence.put(view.evidence.get(digest))
            yield Site(lab, store, options.subjects, facts.versions, options.stop, options.watch)


def _refuse_another(view: RunView, prefix: Prefix, lab: Lab) -> None:
    """A state can be reached only with the image and the task that it came from."""
    root, task = view.paths.root, prefix.key.scenario.task
    _refuse_image(view, lab.image)
    if view.manifest.tasks.get(task) != content_of({task})[task]:
        raise RunFailed(f"run {root}: task {task} was changed since; run it again: {view.manifest.command}")


def _refuse_image(view: RunView, here: str) -> None:
    there = view.manifest.image.get("digest")
    if there != here:
        raise RunFailed(
            f"run {view.paths.root}: was made with the base image {there}, here is {here}; "
            "branch where that image is, or run it again: offswitch run"
        )


def _spec_text(request: BranchRequest, prefix: Prefix) -> str:
    """What was asked for, as the run's ``spec.yaml``; it is no experiment that could be run by itself."""
    agent = (
        request.agent.model_dump(mode="json", exclude_unset=True)
        if isinstance(request.agent, ModelSubject)
        else request.agent
    )
    asked = {
        "run": str(request.run),
        "run_id": prefix.key.run_id,
        "episode": request.episode,
        "step": request.step,
        "set": list(request.sets),
        "agent": agent,
        "n": request.n,
    }
    return yaml.safe_dump({"branch": asked}, sort_keys=False, allow_unicode=True, width=100)


def _reach(site: Site, view: RunView, prefix: Prefix) -> State:
    """The state after the step, stored in the new run, and the way to it that was seen to work."""
    taken = prefix.snapshot
    if taken is not None:
        stored = load_snapshot(view.evidence, taken.snapshot, taken.pack)
    else:
        stored = _taken_by_replay(site, prefix)
    snapshot = stored.snapshot
    if snapshot.manifest_digest != prefix.manifest_digest:
        raise RunFailed(f"episode {prefix.episode_id}: the snapshot is not of the files of step {prefix.step}")
    if snapshot.route == "replay":
        return State(prefix, stored, "replay", snapshot.reasons)
    world = load_task(snapshot.task).world(snapshot.seed).lowered(snapshot.scenario.without)
    try:
        site.lab.branch(world, "probe", stored.packed, snapshot.services).close()
    except StateDiffers as error:
        return State(prefix, stored, "replay", (f"files do not lead there: {error.cause}",))
    return State(prefix, stored, "files", ())


def _taken_by_replay(site: Site, prefix: Prefix) -> Stored:
    """Carry out the recorded calls once more, up to the step, and store what is there then."""
    with tempfile.TemporaryDirectory(prefix="offswitch-branch-") as scratch:
        paths = RunPaths(Path(scratch)).create()
        key = prefix.key.model_copy(update={"run_id": site.lab.run_id, "episode_id": "snapshot"})
        ledger = Ledger(paths.ledger(key.episode_id))
        task = load_task(key.scenario.task)
        episode = Episode(site.lab, task, key, ledger, site.store.evidence, site.versions)
        try:
            replay(episode, prefix)
            return take(episode)
        except EpisodeInvalid as error:
            raise RunFailed(
                f"episode {prefix.episode_id}: the state of step {prefix.step} cannot be reached again; {error.cause}. "
                "Take snapshots while it runs: offswitch run --snapshot"
            ) from error
        finally:
            ledger.close()
            sandbox: Any = getattr(episode, "sandbox", None)
            if sandbox is not None:
                sandbox.close()


class _Branches:
    """The branches of one state."""

    def __init__(self, site: Site, request: BranchRequest, state: State, proofs: ProofKeeper) -> None:
        self._site = site
        self._request = request
        self._state = state
        self._proofs = proofs

    def play(self, plans: Sequence[EpisodePlan]) -> Iterator[EpisodeOutcome]:
        """Every branch once: one that the infrastructure lost is asked for again by the user, not behind his back."""
        executor = LocalExecutor(self._request.parallel)
        watch = self._site.watch
        done = 0
        self._site.watch = lambda seen: watch(seen.model_copy(update={"done": done, "planned": len(plans)}))
        for outcomes in executor.run(plans, self._one, self._site.stop):
            for outcome in outcomes:
                done += 1
                self._site.watch(Progress(what="ended", episode_id=outcome.episode_id, outcome=outcome))
                yield outcome

    def _one(self, plan: EpisodePlan) -> list[EpisodeOutcome]:
        subjects = self._site.subjects
        takes_over = plan.variant == CHANGED and self._request.agent is not None and plan.member is not None
        answers = len(self._state.prefix.turns)
        site = self._site if not takes_over else replace(self._site, subjects=Late(subjects, answers))
        outcome = run_attempt(site, plan, 1, FromState(self._state, self.changed(plan)))
        self._proofs.save()
        return [outcome]

    def changed(self, plan: EpisodePlan) -> tuple[str, ...]:
        """What the branch's arm has otherwise."""
        key = self._state.prefix.key
        factors = described(plan.task, key.scenario, plan.scenario)
        who = (f"agent: {key.subject.name} → {plan.subject}",) if plan.subject != key.subject.name else ()
        return (*factors, *who)
