"""Containers that are up before anybody asks for them, and the dead ones that are still to be removed.

What a container costs is the engine's time. The pool spends it beside the episodes: it keeps some containers ready
for each configuration that was asked for before, each in a network namespace that a holder keeps, and removes the
dead ones behind their owners' backs. A container is given out once and never used again.
"""

import threading
import uuid
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from ._container import DockerSandbox
from ._engine import Engine
from ._errors import SandboxError
from ._holder import Holder, Holders, can_hold
from ._spec import ContainerSpec

_WORKERS = 2
_MOST_KINDS = 4
"""Configurations for which containers are kept ready; the one that was asked for longest ago gives way."""


@dataclass
class _Ready:
    """Containers of one configuration that are up, or about to be."""

    spec: ContainerSpec
    coming: deque[Future[DockerSandbox]] = field(default_factory=deque["Future[DockerSandbox]"])


class Pool:
    """Safe to use from several threads. A context manager."""

    def __init__(self, engine: Engine, holders: Holders, *, ahead: int = 0) -> None:
        """``ahead``: containers kept ready for each configuration; with 0 each is started when it is asked for."""
        self._engine = engine
        self._ahead = ahead
        self._lock = threading.Lock()
        self._ready: OrderedDict[str, _Ready] = OrderedDict()
        self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="offswitch-pool")
        self._failed: list[Callable[[], None]] = []
        """What nobody waited for and went wrong: it is tried once more at the end."""
        self._closed = False
        self._at_work = True
        """Whether the workers still take something on."""
        self.holders = holders
        self.lives = 0
        """Containers given out so far."""

    @property
    def ready(self) -> int:
        """Containers that are up and wait for somebody."""
        with self._lock:
            return sum(future.done() for one in self._ready.values() for future in one.coming)

    def take(self, spec: ContainerSpec, *, refill: bool = True) -> DockerSandbox:
        """A container that is up and not furnished, as ``spec`` wants it but for its name and its labels.

        ``refill``: begin at once with the one that takes its place; else that waits for `refill`. Raises what
        bringing it up raised, and `RuntimeError` once the pool is closed.
        """
        sandbox = self._next(spec)
        if refill:
            self.refill()
        sandbox.spec = replace(sandbox.spec, session_start=spec.session_start, session_prologue=spec.session_prologue)
        self.lives += 1
        return sandbox

    def refill(self) -> None:
        """Begin to bring up what is missing. Whoever opens an episode asks for it when that is done, not before:
        what the engine does then would be in the way."""
        with self._lock:
            for ready in () if self._closed else self._ready.values():
                while len(ready.coming) < self._ahead:
                    ready.coming.append(self._workers.submit(self._bring_up, ready.spec))

    def close(self) -> None:
        """Remove everything that nobody took, and wait for what is still to be removed. Raises what failed there."""
        with self._lock:
            self._closed = True
            unused = [future for ready in self._ready.values() for future in ready.coming]
            self._ready.clear()
        for future in unused:
            self._discard(future)
        with self._lock:
            self._at_work = False
        self._workers.shutdown(wait=True)
        errors = [error for work in (*self._failed, self.holders.close) if (error := _failure(work))]
        if errors:
            raise errors[0]

    def _next(self, spec: ContainerSpec) -> DockerSandbox:
        """One of the stock that lives. What kept another one from coming up says nothing about this moment."""
        while (future := self._claimed(spec)) is not None and _failure(future.result) is None:
            sandbox = future.result()
            if sandbox.alive:
                return sandbox
            self._keep(sandbox.close)
        return self._bring_up(spec)

    def _claimed(self, spec: ContainerSpec) -> Future[DockerSandbox] | None:
        """The container that has been ready the longest; what was asked for longest ago gives way."""
        key = repr((spec.image, spec.supervisor, spec.profile, spec.lease_s))
        with self._lock:
            if self._closed:
                raise RuntimeError("the pool is closed")
            ready = self._ready.setdefault(key, _Ready(spec))
            self._ready.move_to_end(key)
            claimed = ready.coming.popleft() if ready.coming else None
            surplus = [self._ready.popitem(last=False)[1] for _ in range(len(self._ready) - _MOST_KINDS)]
        for one in surplus:
            for future in one.coming:
                self._workers.submit(self._discard, future)
        return claimed

    def _bring_up(self, like: ContainerSpec) -> DockerSandbox:
        name = f"offswitch-{uuid.uuid4().hex[:16]}"
        spec = replace(like, name=name, session_start="", session_prologue="")
        holder = self.holders.take() if can_hold(self._engine) and not like.profile.apart else None
        try:
            sandbox = DockerSandbox.bring_up(self._engine, spec, holder)
        except BaseException:
            if holder is not None:
                self.holders.give_back(holder)
            raise
        sandbox.disposal = lambda removal: self._dispose(holder, removal)
        return sandbox

    def _dispose(self, holder: Holder | None, removal: Callable[[], None]) -> None:
        """The container is dead: its namespace is free, and the engine forgets it when there is time."""
        if holder is not None:
            self.holders.give_back(holder)
        with self._lock:
            if self._at_work:
                self._workers.submit(self._keep, removal)
                return
        removal()

    def _discard(self, future: Future[DockerSandbox]) -> None:
        """Nobody will take this one."""
        if not future.cancel() and _failure(future.result) is None:
            self._keep(future.result().close)

    def _keep(self, work: Callable[[], None]) -> None:
        """Do something that nobody waits for; what goes wrong is tried again at the end, and told if it must be."""
        if _failure(work) is not None:
            self._failed.append(work)


def _failure(work: Callable[[], object]) -> SandboxError | None:
    """Do it: what went wrong, or None."""
    try:
        work()
    except SandboxError as error:
        return error
    return None
