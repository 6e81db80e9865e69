"""Evidence of one container, written into the ledger after every step."""

import gzip
import hashlib
import io
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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
    ProbeRead,
    ProcessesObserved,
    ProcessSeen,
    TailObserved,
)
from ..sandbox import DockerSandbox, EventHub, unexpected
from ._mechanism import Tail
from ._world import Job

ACTS_IN_RECORD = 256
TEXT_BYTES = 4096
UNPACKED_BYTES = 64 << 20
"""A ``.gz`` file that holds more than this is not unpacked: a few bytes can stand for gigabytes."""
_LINES_SHOWN = 20
Moment = Literal["step", "delivery", "before_stop", "after_stop"]
Probes = Mapping[str, tuple[str, Callable[[bytes | None], Any]]]
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
)


@dataclass(frozen=True)
class _Seen:
    """An append-only file as it was last read, and its running digest: a long log costs only what it grew by."""

    content: bytes
    digest: Any


class Collector:
    """Reads every channel and writes what it found. The order of the records is the order of this code."""

    def __init__(
        self,
        sandbox: DockerSandbox,
        hub: EventHub,
        write: Callable[[Event], object],
        store: EvidenceStore,
        *,
        tails: Sequence[Tail],
        probes: Probes,
        job: Job | None,
        texts: Callable[[str], bool],
        kept: Callable[[str], bool],
    ) -> None:
        """``texts`` names the paths whose content is recorded whenever it changes (start-up files, settings).

        ``kept`` names those whose first content is recorded by digest (records, things that cannot be made again).
        """
        self._sandbox = sandbox
        self._hub = hub
        self._gaps = hub.gaps
        self._write = write
        self._store = store
        self._tails = {tail.path: tail for tail in tails}
        self._tail_seen: dict[str, _Seen] = {}
        self._probes = probes
        self._job = job
        self._texts = texts
        self._kept = kept
        self._lost: dict[Channel, tuple[str, str]] = {}

    def baseline(self) -> None:
        """Step 0: everything as it stands before the agent acts. All channels become live."""
        for channel in _LIVE_CHANNELS:
            self._write(ChannelStatus(step=0, channel=channel, state="live", grade=CHANNEL_GRADES[channel]))
        found = self._sandbox.evidence.files.scan()
        manifest = self._store.put_json(self._sandbox.evidence.files.manifest())
        self._contents(found.changes)
        self._write(FilesObserved(step=0, changes=(), manifest_digest=found.digest, manifest=manifest))
        self._sandbox.evidence.acts.take()
        self._hub.take(self._sandbox.id)
        for path in self._tails:
            self._tail(0, path)
        self._read_probes(0, None)
        self.processes(0)

    def observe(self, step: int) -> tuple[FileChange, ...]:
        """All channels after a step; returns the changes of files."""
        found = self._sandbox.evidence.files.scan()
        if not found.complete:
            self.lose(step, Channel.FILES, "agent_caused", "a pass over the files could not read everything")
        self._unpack(step, found.changes)
        if found.changes or found.touched:
            self._write(
                FilesObserved(step=step, changes=found.changes, touched=found.touched, manifest_digest=found.digest)
            )
        changed = {change.path for change in found.changes}
        for path in self._tails:
            if path in changed or self._tail_moved(path):
                self._tail(step, path)
        self._read_probes(step, changed)
        self._read_texts(step, found.changes)
        self.processes(step)
        self._acts(step)
        self._engine(step)
        self._counters(step)
        return found.changes

    def processes(self, step: int, moment: Moment = "step") -> tuple[ProcessSeen, ...]:
        """Who runs now."""
        self._register_job()
        seen = self._sandbox.evidence.processes.scan()
        self._write(ProcessesObserved(step=step, moment=moment, processes=seen))
        return seen

    def final(self, step: int) -> tuple[FileChange, ...]:
        """The pass at the end, which trusts no time stamp; returns the changes since the pass before."""
        found = self._sandbox.evidence.files.scan(whole=True)
        if not found.complete:
            self.lose(step, Channel.FILES, "agent_caused", "the final pass could not read everything")
        self._unpack(step, found.changes)
        manifest = self._store.put_json(self._sandbox.evidence.files.manifest())
        self._write(
            FilesObserved(
                step=step,
                changes=found.changes,
                touched=found.touched,
                manifest_digest=found.digest,
                manifest=manifest,
                final=True,
            )
        )
        for path in self._tails:
            self._tail(step, path)
        self._read_probes(step, None)
        self._acts(step)
        self._engine(step)
        return found.changes

    def close(self, step: int) -> None:
        """Say of every channel that it lived to the end, or that it did not."""
        if self._hub.gaps != self._gaps:
            self.lose(step, Channel.ENGINE, "infra", "the engine's event stream broke")
        for channel in _LIVE_CHANNELS:
            if channel not in self._lost:
                self._write(ChannelStatus(step=step, channel=channel, state="closed", grade=CHANNEL_GRADES[channel]))

    def lose(self, step: int, channel: Channel, cause: Literal["infra", "agent_caused"], detail: str) -> None:
        """A channel has a gap from here on."""
        if channel in self._lost:
            return
        self._lost[channel] = (cause, detail)
        self._write(
            ChannelStatus(
                step=step,
                channel=channel,
                state="lost",
                grade=CHANNEL_GRADES[channel],
                lost=1,
                cause=cause,
                detail=detail,
            )
        )

    def _register_job(self) -> None:
        """The process that the job's pid file names counts as the job, as long as it carries the job's mark."""
        if self._job is None:
            return
        content = self._sandbox.evidence.files.read(self._job.pid_file, 64) or b""
        watch = self._sandbox.evidence.processes
        if not content.strip().isdigit() or int(content) in watch.services:
            return
        for process in watch.scan():
            if process.pid == int(content) and any(mark in " ".join(process.argv) for mark in self._job.marks):
                watch.services[process.pid] = "job"

    def _tail_moved(self, path: str) -> bool:
        """Whether the outside copy grew, so that the file should have grown too."""
        expected = self._tails[path].expected
        if expected is None:
            return False
        return expected() != self._tail_seen[path].content

    def _tail(self, step: int, path: str) -> None:
        before = self._tail_seen.get(path) or _Seen(b"", hashlib.sha256())
        content = self._sandbox.evidence.files.read(path)
        now = content or b""
        intact = now.startswith(before.content)
        added = now[len(before.content) :] if intact else now
        seen = _Seen(now, before.digest.copy() if intact else hashlib.sha256())
        seen.digest.update(added)
        self._tail_seen[path] = seen
        expected = self._tails[path].expected
        missing, foreign = _difference(expected(), now) if expected else ([], [])
        self._write(
            TailObserved(
                step=step,
                path=path,
                exists=content is not None,
                size=len(now),
                sha256=seen.digest.hexdigest() if content is not None else None,
                prefix_intact=intact,
                lines_added=max(0, added.count(b"\n") - (0 if intact else before.content.count(b"\n"))),
                missing=tuple(_shown(line) for line in missing[-_LINES_SHOWN:]),
                foreign=tuple(_shown(line) for line in foreign[:_LINES_SHOWN]),
            )
        )

    def _read_probes(self, step: int, changed: set[str] | None) -> None:
        for name, (path, reading) in self._probes.items():
            if changed is not None and path not in changed:
                continue
            try:
                value = reading(self._sandbox.evidence.files.read(path))
                self._write(ProbeRead(step=step, probe=name, value=value))
            except Exception as error:
                self._write(ProbeRead(step=step, probe=name, value=None, error=str(error)[:300]))

    def _read_texts(self, step: int, changes: Sequence[FileChange]) -> None:
        for change in changes:
            if change.after is None or change.after.kind != "file" or not self._texts(change.path):
                continue
            content = self._sandbox.evidence.files.read(change.path, TEXT_BYTES)
            if content is not None:
                text = content.decode(errors="backslashreplace")
                self._write(ProbeRead(step=step, probe=f"text:{change.path}", value=text))

    def _unpack(self, step: int, changes: Sequence[FileChange]) -> None:
        """What new ``.gz`` files hold, before the record of the change: a compressed record is not a lost one."""
        for change in changes:
            if change.after is None or change.after.kind != "file" or not change.path.endswith(".gz"):
                continue
            value, error = unpacked(self._sandbox.evidence.files.read(change.path) or b"")
            self._write(ProbeRead(step=step, probe=f"unpacked:{change.path}", value=value, error=error))

    def _contents(self, changes: Sequence[FileChange]) -> None:
        """What stands in the places to be kept before the agent acts."""
        kept = [change for change in changes if self._kept(change.path)]
        digests = {change.path: change.after.sha256 for change in kept if change.after and change.after.sha256}
        self._write(ProbeRead(step=0, probe="kept", value=digests))
        self._unpack(0, kept)

    def _acts(self, step: int) -> None:
        listener = self._sandbox.evidence.acts
        if not listener.alive and self._sandbox.alive:
            self.lose(step, Channel.EXECS, "infra", "the mediation listener died")
        acts = listener.take()
        if not acts:
            return
        many = len(acts) > ACTS_IN_RECORD
        log = self._store.put_json([act.model_dump(mode="json") for act in acts]) if many else None
        shown = _distinct(acts)[:ACTS_IN_RECORD] if many else acts
        self._write(ExecsObserved(step=step, acts=shown, count=len(acts), log=log))

    def _engine(self, step: int) -> None:
        events = self._hub.take(self._sandbox.id)
        if events:
            self._write(EngineObserved(step=step, events=tuple(events), unexpected=unexpected(events)))

    def _counters(self, step: int) -> None:
        counters = self._sandbox.evidence.cgroup.counters()
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


def _distinct(acts: Sequence[ExecSeen]) -> tuple[ExecSeen, ...]:
    """The first of each kind of act: a loop of a thousand waits must not hide what ran after it."""
    first: dict[Any, ExecSeen] = {}
    for act in acts:
        first.setdefault((act.kind, act.path, act.argv, act.target, act.signal, act.address), act)
    return tuple(first.values())


def unpacked(content: bytes) -> tuple[dict[str, Any] | None, str | None]:
    """Size and SHA-256 of what a ``.gz`` file holds, or why it cannot be told."""
    digest, size = hashlib.sha256(), 0
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as packed:
            while block := packed.read(1 << 20):
                digest.update(block)
                size += len(block)
                if size > UNPACKED_BYTES:
                    return None, f"more than {UNPACKED_BYTES} bytes"
    except (OSError, EOFError, zlib.error) as error:
        return None, str(error)[:300]
    return {"sha256": digest.hexdigest(), "size": size}, None


def _difference(copy: bytes, content: bytes) -> tuple[list[bytes], list[bytes]]:
    r"""Lines that are missing and lines that nobody wrote, as multisets; a changed order counts as both.

    >>> _difference(b"a\nb\n", b"b\nc\n"), _difference(b"a\n", b"a\n")
    (([b'a'], [b'c']), ([], []))
    """
    if content.startswith(copy):
        return [], _lines(content[len(copy) :])
    wanted, have = _lines(copy), _lines(content)
    counts, missing, foreign = Counter(have), list[bytes](), list[bytes]()
    for line in wanted:
        (missing.append(line) if not counts[line] else counts.subtract((line,)))
    wanted_counts = Counter(wanted)
    for line in have:
        (foreign.append(line) if not wanted_counts[line] else wanted_counts.subtract((line,)))
    if not missing and not foreign:
        return [], [b"(lines in another order)"]
    return missing, foreign


def _lines(content: bytes) -> list[bytes]:
    return content.removesuffix(b"\n").split(b"\n") if content else []


def _shown(line: bytes) -> str:
    return line[:400].decode(errors="backslashreplace")
