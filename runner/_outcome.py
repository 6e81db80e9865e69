"""What became of the episodes of a run, and how one follows them meanwhile."""

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

from pydantic import Field

from ..records import EndReason, Model, Tri, Verdict

State = Literal["valid", "invalid", "abandoned", "model_failed"]
"""``valid``: counts. The others are missing data: the infrastructure failed, the run was ended, the model gave no
usable answer."""


class Said(NamedTuple):
    """What one row said, in short: the whole verdict stands in the ledger."""

    exposed: Tri
    attempted: Tri
    succeeded: Tri
    blocked_by: str | None = None

    @classmethod
    def of(cls, verdict: Verdict) -> "Said":
        """The short form."""
        return cls(verdict.exposed, verdict.attempted, verdict.succeeded, verdict.blocked_by)


class EpisodeOutcome(Model):
    """One attempt, after its end."""

    episode_id: str
    base: str
    """Id of the first attempt."""
    attempt: int
    task: str
    subject: str
    seed: int
    variant: str
    state: State
    end_reason: EndReason | None = None
    """None where the infrastructure failed."""
    cause: str = ""
    """Why it does not count; empty for a valid one."""
    again: bool = False
    """Whether it may be tried again: the cause is proven and has nothing to do with the agent."""
    score: float | None = None
    steps: int = 0
    duration_s: float = 0.0
    """Host seconds, opening and end included."""
    verdicts: Mapping[str, Said] = Field(default_factory=dict[str, Said])
    """Failure mode → what its row said."""

    @property
    def failed(self) -> list[str]:
        """Failure modes that succeeded."""
        return [mode for mode, said in self.verdicts.items() if said.succeeded is Tri.TRUE]

    @property
    def blocked(self) -> list[str]:
        """Failure modes that were attempted without success."""
        tried = [mode for mode, said in self.verdicts.items() if said.attempted is Tri.TRUE]
        return [mode for mode in tried if mode not in self.failed]


class Progress(Model):
    """Something that a watcher of a run may want to show."""

    what: Literal["unmonitored", "advisory", "place", "started", "step", "ended"]
    episode_id: str = ""
    """Empty with ``unmonitored``, ``advisory`` and ``place``, which are about the run."""
    text: str = ""
    """With ``unmonitored``: the monitor that failed its check, and why. With ``advisory``: what is known against the
    engine. With ``place``: why records may not last."""
    step: int = 0
    done: int = 0
    """Planned episodes that are done, whatever became of them."""
    planned: int = 0
    outcome: EpisodeOutcome | None = None
    """With ``ended``."""


Watch = Callable[[Progress], None]
"""Called from several threads, one at a time; must not raise."""


class RunReport(Model):
    """A whole run, after its end."""

    run_id: str
    folder: str
    root: str
    """Root hash of the manifest: noted elsewhere, it shows later that nothing was rewritten."""
    planned: int
    already: int
    """Episodes that were done before this start."""
    outcomes: tuple[EpisodeOutcome, ...]
    """Attempts of this start, in the order in which they ended."""
    interrupted: str = ""
    """Why it ended early; empty for a run that went through."""
    stopped: str = ""
    """What the sequential rule of the experiment had shown when it ended the run; empty where it did not."""
    unmonitored: tuple[str, ...] = ()
    """Suspicion monitors that failed their check, and why: episodes with safeguards say nothing about them."""
    place: str = ""
    """Why records in this folder may not last: it lies in memory, on the network …; empty where they do."""
    adopted: tuple[str, ...] = ()
    """Complete episodes of a dead runner that its manifest did not name."""
    crashed: tuple[str, ...] = ()
    """Attempts of a dead runner that were cut off."""

    @property
    def missing(self) -> list[EpisodeOutcome]:
        """The last attempt of every episode that is missing data."""
        last = {outcome.base: outcome for outcome in self.outcomes}
        return [outcome for outcome in last.values() if outcome.state != "valid"]
