"""Evidence of one container, written into the ledger after every step."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from ..records import (
    CHANNEL_GRADES,
    Channel,
    ChannelStatus,
    CountersObserved,
    EngineObserved,
    Event,
    EvidenceStore,
    ExecSeen,
    ExecsObserved,
    FileChange,
    FilesObserved,
    Grade,
    PostureAttested,
    ProbeRead,
    ProcessesObserved,
    ProcessSeen,
)
from ..sandbox import Canary, ContainerGone, DockerSandbox, EventHub, EvidenceLost, ExitWatch, unexpected
from ._content import Content, Places
from ._mechanism import Tail
from ._tails import Tails
from ._task import Probe
from ._world import Job

ACTS_IN_RECORD = 256
Moment = Literal["step", "delivery", "before_stop", "after_stop"]
_LIVE_CHANNELS = (
    Channel.CALLS,
    Channel.FILES,
    Channel.PROCESSES,
    Channel.EXECS,
    Channel.ENGINE,
    Channel.COUNTERS,
    Channel.GATEWAY,
    Channel.CLOCK,
    Channel.REPORT,
    Channel.HALT,
    Channel.POSTURE,
)


class Collector:
    """Reads every channel and writes what it found. The order of the records is the order of this code."""

    def __init__(
        self,
        sandbox: DockerSandbox,
        hub: EventHub,
        write_all: Callable[[Sequence[Event]], object],
        store: EvidenceStore,
        *,
        tails: Sequence[Tail],
        probes: Mapping[str, Probe],
        job: Job | None,
        places: Places,
        canary: Canary,
    ) -> None:
        self._sandbox = sandbox
        self._hub = hub
        self._gaps = hub.gaps
        self._write_all = write_all
        self._found: list[Event] = []
        self._together = 0
        self.exits = ExitWatch.begin(sandbox, hub)
        self._canary, self._alarms = canary, len(canary.alarms)
        self._store = store
        self._tails = Tails(sandbox, self._write, tails)
        self._content = Content(sandbox, self._write, places)
        self._others = places.others
        self._probes = probes
        self._job = job
        self.probed: dict[str, Any] = {}
        """Probe → what its last reading that succeeded said."""
        self._since: dict[int, int] = {}
        """Pid of a declared service or of the job → its start time: a pid comes back, a start time does not."""
        self._lost: dict[Channel, tuple[str, str]] = {}
        self._digest: str | None = None
        """Of the pass that was recorded last."""

    def _write(self, event: Event) -> None:
        self._found.append(event)

    @contextmanager
    def _at_once(self) -> Generator[None]:
        """What is found within is written in one go at the end, also where it ends by an error."""
        self._together += 1
        try:
            yield
        finally:
            self._together -= 1
            if not self._together and self._found:
                found, self._found = self._found, []
                self._write_all(found)

    def baseline(self) -> None:
        """Step 0: everything as it stands before the agent acts. All channels become live."""
        with self._at_once():
            for channel in _LIVE_CHANNELS:
                detail = self._weakened(channel)
                self._write(
                    ChannelStatus(step=0, channel=channel, state="live", grade=self._grade(channel), detail=detail)
                )
            for channel, weakness in self._sandbox.evidence.weak.items():
                if weakness.lost:
                    self.lose(0, channel, "infra", weakness.why)
            found = self._sandbox.evidence.files.scan()
            manifest = self._store.put(self._sandbox.evidence.files.manifest())
            self._content.first()
            self._write(FilesObserved(step=0, changes=(), manifest_digest=found.digest, manifest=manifest))
            self._digest = found.digest
            self._sandbox.evidence.acts.take()
            self._hub.take(self._sandbox.id)
            self._tails.read(0)
            self._read_probes(0, None)
            self.processes(0)

    def _weakened(self, channel: Channel) -> str:
        """What a channel that lives does not see here; "" for nothing."""
        if channel in self._sandbox.evidence.weak:
            return self._sandbox.evidence.weak[channel].why
        if channel is Channel.FILES and not self._sandbox.evidence.files.hears_writes:
            return "writes are not heard: a store through a mapping that is undone before the next pass goes unseen"
        return ""

    def _grade(self, channel: Channel) -> Grade:
        weakness = self._sandbox.evidence.weak.get(channel)
        return weakness.grade if weakness else CHANNEL_GRADES[channel]

    def dump(self) -> dict[str, Any]:
        """What is compared with from here on, apart from the files themselves, as JSON data."""
        lost = {channel.value: list(why) for channel, why in self._lost.items()}
        return {"tails": self._tails.dump(), "guarded": self._content.dump(), "lost": lost, "probed": self.probed}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over a dumped state in place of a baseline; the last pass over the files is what follows is held
        against."""
        self._tails.load(state["tails"])
        self._content.load(state["guarded"])
        self.probed = dict(state["probed"])
        self._lost = {Channel(name): (cause, detail) for name, (cause, detail) in state["lost"].items()}
        self._sandbox.evidence.acts.take()
        self._hub.take(self._sandbox.id)
        self._register_job({process.pid: process for process in self._sandbox.evidence.processes.look()})
        self._digest = self._sandbox.evidence.files.digest

    def observe(self, step: int) -> tuple[FileChange, ...]:
        """All channels after a step; returns the changes of files."""
        with self._at_once():
            running = self._sandbox.evidence.processes.look_at_rest()
            changes = self._files(step, running)
            self._processes(step, "step", running)
            self._acts(step)
            self._engine(step)
            self._counters(step)
        return changes

    def final(self, step: int) -> tuple[FileChange, ...]:
        """The pass at the end, which trusts no time stamp; returns the changes since the pass before."""
        with self._at_once():
            changes = self._files(step, final=True, whole=True)
            self._acts(step)
            self._engine(step)
        return changes

    def after_the_kill(self, step: int) -> tuple[FileChange, ...]:
        """What was changed between the final pass and the container's death; judged like everything else."""
        with self._at_once():
            changes = self._files(step, final=True)
            self._acts(step)
        return changes

    def _files(
        self, step: int, running: Sequence[ProcessSeen] = (), *, final: bool = False, whole: bool = False
    ) -> tuple[FileChange, ...]:
        """A pass over the files, and everything that is read because of it."""
        found = self._sandbox.evidence.files.scan([process.host_pid for process in running], whole=whole)
        if not found.complete:
            what = f": {'; '.join(found.unread)}" if found.unread else ""
            self.lose(
                step, Channel.FILES, "agent_caused", f"a pass over the files could not read everything{what}"[:500]
            )
        self._content.before(step, found.changes)
        changes = (*found.changes, *self._content.behind_the_times(found.changes))
        passed = tuple(path for path in found.passed if path.startswith(self._others))
        if changes or found.touched or passed or whole:
            self._write(
                FilesObserved(
                    step=step,
                    changes=changes,
                    touched=found.touched,
                    passed=passed,
                    manifest_digest=found.digest,
                    since=self._digest,
                    manifest=self._store.put(self._sandbox.evidence.files.manifest()) if whole else None,
                    complete=found.complete,
                    final=final,
                )
            )
            self._digest = found.digest
        changed = None if whole else {change.path for change in changes}
        self._tails.read(step, changed)
        self._read_probes(step, changed)
        self._content.texts(step, changes)
        return changes

    def processes(self, step: int, moment: Moment = "step") -> tuple[ProcessSeen, ...]:
        """Who runs now."""
        with self._at_once():
            return self._processes(step, moment, self._sandbox.evidence.processes.look_at_rest())

    def _processes(self, step: int, moment: Moment, running: list[ProcessSeen]) -> tuple[ProcessSeen, ...]:
        self._register_job({process.pid: process for process in running})
        seen = self._sandbox.evidence.processes.name(running)
        self._write(ProcessesObserved(step=step, moment=moment, processes=seen))
        return seen

    def posture(self, step: int, *, ended_itself: bool) -> None:
        """How the container is confined after the agent's last act: what changed makes every verdict unknown.

        ``ended_itself``: where it is gone, that is the agent's doing.
        """
        changed: tuple[str, ...] = ()
        gone = ""
        try:
            changed = tuple(self._sandbox.attest_again())
        except (ContainerGone, EvidenceLost) as error:
            gone = error.cause
        with self._at_once():
            self._write(PostureAttested(step=step, changed=changed, gone=gone))
            if gone:
                cause: Literal["infra", "agent_caused"] = "agent_caused" if ended_itself else "infra"
                self.lose(step, Channel.POSTURE, cause, f"not attested: {gone}")
            elif changed:
                self.lose(step, Channel.POSTURE, "infra", f"the container became looser: {'; '.join(changed)}"[:500])

    def close(self, step: int) -> None:
        """Say of every channel that it lived to the end, or that it did not."""
        with self._at_once():
            if self._hub.gaps != self._gaps:
                self.lose(step, Channel.ENGINE, "infra", "the engine's event stream broke")
            if len(self._canary.alarms) != self._alarms:
                for channel in _LIVE_CHANNELS:
                    self.lose(step, channel, "agent_caused", "somebody opened the canary on the host")
            for channel in _LIVE_CHANNELS:
                if channel not in self._lost:
                    grade = self._grade(channel)
                    self._write(ChannelStatus(step=step, channel=channel, state="closed", grade=grade))

    def lose(self, step: int, channel: Channel, cause: Literal["infra", "agent_caused"], detail: str) -> None:
        """A channel has a gap from here on."""
        if channel in self._lost:
            return
        self._lost[channel] = (cause, detail)
        lost = ChannelStatus(
            step=step,
            channel=channel,
            state="lost",
            grade=self._grade(channel),
            lost=1,
            cause=cause,
            detail=detail,
        )
        with self._at_once():
            self._write(lost)

    def _register_job(self, running: Mapping[int, ProcessSeen]) -> None:
        """The process that the job's pid file names counts as the job, as long as it carries the job's mark."""
        watch = self._sandbox.evidence.processes
        for pid in list(watch.services):
            process = running.get(pid)
            if process is None or self._since.setdefault(pid, process.start_ticks) != process.start_ticks:
                del watch.services[pid]
                self._since.pop(pid, None)
        content = self._sandbox.evidence.files.read(self._job.pid_file, 64) if self._job else None
        named = running.get(int(content)) if content and content.strip().isdigit() else None
        if named is None or self._job is None or named.pid in watch.services:
            return
        if any(mark in " ".join(named.argv) for mark in self._job.marks):
            watch.services[named.pid] = "job"
            self._since[named.pid] = named.start_ticks

    def _read_probes(self, step: int, changed: set[str] | None) -> None:
        for name, probe in self._probes.items():
            if changed is not None and changed.isdisjoint(probe.paths):
                continue
            try:
                value = probe.reading(self._sandbox.evidence.files.read)
                self.probed[name] = value
                self._write(ProbeRead(step=step, probe=name, value=value))
            except Exception as error:
                self._write(ProbeRead(step=step, probe=name, value=None, error=str(error)[:300]))

    def _acts(self, step: int) -> None:
        listener = self._sandbox.evidence.acts
        if not listener.alive and self._sandbox.alive:
            self.lose(step, Channel.EXECS, "infra", "the mediation listener died")
        # Also where there was none: a background job's timing must not decide how many records there are.
        acts = listener.take()
        if self._sandbox.evidence.acts.full:
            self.lose(step, Channel.EXECS, "agent_caused", "the record of mediated acts is full")
        many = len(acts) > ACTS_IN_RECORD
        log = self._store.put_json([act.model_dump(mode="json") for act in acts]) if many else None
        kinds, programs = _distinct(acts) if many else (acts, 0)
        if programs > ACTS_IN_RECORD:
            self.lose(step, Channel.EXECS, "agent_caused", f"{programs} programs, signals and connections in one step")
        shown = kinds[:ACTS_IN_RECORD]
        self._write(ExecsObserved(step=step, acts=shown, count=len(acts), log=log))

    def _engine(self, step: int) -> None:
        events = self._hub.take(self._sandbox.id)
        self.exits.heard(events)
        self._write(EngineObserved(step=step, events=tuple(events), unexpected=unexpected(events)))

    def _counters(self, step: int) -> None:
        counters = self._sandbox.evidence.cgroup.counters()
        self.exits.passed(counters)
        if counters.cpu_ns is None and counters.pids is None and self._sandbox.alive:
            self.lose(step, Channel.COUNTERS, "infra", "the kernel counts nothing for this container alone")
        self._write(
            CountersObserved(
                step=step,
                cpu_ns=counters.cpu_ns,
                memory_bytes=counters.memory_bytes,
                pids=counters.pids,
                oom_kills=counters.oom_kills,
                pids_limit_hits=counters.pids_limit_hits,
            )
        )


def _distinct(acts: Sequence[ExecSeen]) -> tuple[tuple[ExecSeen, ...], int]:
    """The first of each kind of act, and how many kinds there are whatever their arguments; these come first.

    A loop of a thousand waits must not hide what ran after it, nor a thousand different words a signal.
    """
    kinds: dict[Any, ExecSeen] = {}
    programs: dict[Any, ExecSeen] = {}
    for act in acts:
        kinds.setdefault((act.kind, act.path, act.argv, act.target, act.signal, act.address), act)
        programs.setdefault((act.kind, act.path, act.target, act.signal, act.address), act)
    first = {id(act): act for act in (*programs.values(), *kinds.values())}
    return tuple(first.values()), len(programs)
