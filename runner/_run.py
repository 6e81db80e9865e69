"""A run: an experiment played to its end, in a directory that can be resumed, verified and judged again."""

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ..environments import Lab
from ..records import RunIndex, RunPaths, RunStore, RunView, doubt_about
from ._attempt import Site, run_attempt
from ._attempts import Attempts, Standing
from ._early import EarlyEnd, Sequential
from ._executor import Executor, LocalExecutor
from ._facts import versions_of
from ._folder import ProofKeeper, begin, new_run_id, refuse_another
from ._health import Health, check_monitors, unmonitored
from ._memory import give_back
from ._outcome import EpisodeOutcome, Progress, RunReport, Watch
from ._plan import EpisodePlan, make_plan
from ._planned import planned
from ._provenance import keep_sbom, refuse_another_image
from ._spec import ExperimentSpec
from ._stop import Stop
from ._subjects import Subjects, secrets_of


@dataclass
class RunOptions:
    """How an experiment is run; nothing here changes what an episode is."""

    command: str = ""
    """The exact command that repeats the run; "" for one that was started from Python."""
    resume: bool = False
    """Go on with the run that the directory holds."""
    subjects: Subjects = field(default_factory=Subjects)
    stop: Stop = field(default_factory=Stop)
    watch: Watch = lambda _: None
    executor: Executor | None = None
    """None takes threads on this machine."""
    sequence: Sequential | None = None
    """What decides ``stop_when``: failures, worlds and confidence to an interval that is valid at all moments."""
    only: Callable[[EpisodePlan], bool] = lambda _: True
    """Which of the planned episodes are run."""


def run_experiment(spec: ExperimentSpec, folder: Path, options: RunOptions | None = None) -> RunReport:
    """Run an experiment into a directory that is new or empty, or go on with the run that it holds.

    What goes wrong with one episode is recorded and does not end the run. Raises `SpecError`, `SubjectError` and
    the agents' `SetupError` before anything is started, the sandbox's errors where the engine is not usable,
    `RecordError` where the directory cannot be written, and `RunFailed` where a resumed run would not be comparable.
    """
    options = options or RunOptions()
    plans = [plan for plan in make_plan(spec) if options.only(plan)]
    options.subjects.check(plans)
    refuse_another_image(spec.image, folder, resume=options.resume)
    health = check_monitors(plans)
    for failed in unmonitored(health):
        options.watch(Progress(what="unmonitored", text=failed))
    doubt = doubt_about(folder)
    if doubt:
        options.watch(Progress(what="place", text=doubt))
    with _site(spec, folder, plans, health, options) as site:
        run = _Run(site, spec, plans, options)
        outcomes = run.play()
        if run.stopped:
            site.store.note_stop(run.stopped)
        resumed = site.store.resumed
    view = RunView.open(folder)
    RunIndex.open(view).close()
    return RunReport(
        run_id=view.manifest.run_id,
        folder=str(folder),
        root=view.manifest.root,
        planned=len(plans),
        already=run.already,
        outcomes=tuple(outcomes),
        interrupted=options.stop.reason,
        unmonitored=unmonitored(health),
        place=doubt,
        adopted=resumed.adopted,
        crashed=resumed.crashed,
        stopped=run.stopped,
    )


@contextmanager
def _site(
    spec: ExperimentSpec, folder: Path, plans: Sequence[EpisodePlan], health: Health, options: RunOptions
) -> Generator[Site]:
    """The directory and the lab of a run, both closed at the end."""
    store = RunStore.resume(folder, redactor=secrets_of()) if options.resume else None
    try:
        ahead = min(spec.parallel, len(plans) - 1)
        run_id = store.manifest.run_id if store else new_run_id(spec)
        captures = RunPaths(folder).quarantine
        with Lab.open(run_id, ahead=ahead, strict=spec.strict, captures=captures, runtime=spec.runtime) as lab:
            if lab.weaknesses:
                options.watch(Progress(what="advisory", text=lab.weaknesses))
            if store is None:
                store = begin(spec, folder, plans, lab, options.command, planned(plans, options.subjects))
            else:
                refuse_another(store, spec, plans, lab)
                keep_sbom(store, lab)
            yield Site(
                lab,
                store,
                options.subjects,
                versions_of(lab),
                options.stop,
                options.watch,
                snapshots=spec.snapshots,
                health=health,
            )
    finally:
        if store is not None:
            store.close()


class _Run:
    """What is left to do of a run, and doing it."""

    def __init__(self, site: Site, spec: ExperimentSpec, plans: Sequence[EpisodePlan], options: RunOptions) -> None:
        attempts = Attempts(site.store)
        self._standings = {plan.base: attempts.standing(plan.base) for plan in plans}
        self._to_do = [plan for plan in plans if not self._standings[plan.base].done]
        self.already = len(plans) - len(self._to_do)
        """Episodes that were done before."""
        self._early = EarlyEnd(spec.stop_when, plans, options.sequence)
        for plan in plans:
            self._early.recall(attempts, plan, self._standings[plan.base])
        self._skipped = 0
        self._site = site
        self._retries = spec.retries
        self._executor = options.executor or LocalExecutor(spec.parallel)
        self._proofs = ProofKeeper(site.store, site.lab)
        self._counter = _Counter(options.watch, self.already, len(plans))
        site.watch = self._counter.see

    @property
    def stopped(self) -> str:
        """What the sequential rule had shown when it left out the rest; empty where it left out nothing."""
        return self._early.shown if self._skipped else ""

    def play(self) -> list[EpisodeOutcome]:
        """Every planned episode that is not done yet; its attempts in the order of their ends."""
        rounds = self._executor.run(self._to_do, lambda plan: list(self._attempts(plan)), self._site.stop)
        return [outcome for outcomes in rounds for outcome in outcomes]

    def _attempts(self, plan: EpisodePlan) -> Iterator[EpisodeOutcome]:
        """Attempts at one episode, until one needs no other."""
        before: Standing = self._standings[plan.base]
        if self._early.shown:
            self._skipped += 1
            return
        for more in range(1, self._retries + 2):
            if self._site.stop.asked:
                return
            outcome = run_attempt(self._site, plan, before.attempts + more)
            self._proofs.save()
            last = not outcome.again or more > self._retries
            self._counter.ended(outcome, last=last)
            if last:
                self._early.ended(plan, outcome)
            yield outcome
            if last:
                return


class _Counter:
    """Counts what is done, and shows the watcher one thing at a time."""

    def __init__(self, watch: Watch, done: int, planned: int) -> None:
        self._watch = watch
        self._done = done
        self._planned = planned
        self._lock = threading.Lock()

    def see(self, progress: Progress) -> None:
        """Something went on in an episode."""
        with self._lock:
            self._watch(progress.model_copy(update={"done": self._done, "planned": self._planned}))

    def ended(self, outcome: EpisodeOutcome, *, last: bool) -> None:
        """An attempt ended; ``last``: and so did its episode."""
        with self._lock:
            self._done += last
            give_back(self._done)
        self.see(Progress(what="ended", episode_id=outcome.episode_id, outcome=outcome))
