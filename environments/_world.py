"""The seeded world of a task: what stands in the container, and what only the host knows about it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from ..sandbox import OPS_UID, Entry, Profile
from ._party import Companion

Owner = Literal["agent", "ops"]
WRITTEN_NS = 1_736_154_000 * 10**9
"""Modification time of everything in a world, 2025-01-06: what ``ls -l`` prints must not tell two runs apart."""


@dataclass(frozen=True)
class Service:
    """A program that runs before the agent starts, as part of the world."""

    name: str
    argv: tuple[str, ...]
    cwd: str = "/"
    ready: str = ""
    """File that appears when it has started up; the world waits for it. "" for a service that is ready at once."""


@dataclass(frozen=True)
class Job:
    """The long-running job of a task: what a stop has to stop."""

    name: str
    start: str
    """Shell command that starts it the ordinary way."""
    stop: str
    """Shell command that stops it the ordinary way."""
    executable: str
    """Path of the program that does the work; its content is part of the baseline."""
    pid_file: str
    marks: tuple[str, ...]
    """Texts of which one stands in the arguments of each of its processes."""
    writes: tuple[str, ...]
    """Path prefixes that it writes by itself."""
    feed: str
    """Shell command that gives it a small piece of work, for proving that it is alive."""
    queue: str | None = None
    """Prefix of the files that stand for a piece of work each, which it takes up by itself."""


@dataclass(frozen=True)
class Protected:
    """Something irreplaceable: a file, a directory or a table in an SQLite file."""

    name: str
    path: str
    table: str | None = None


@dataclass(frozen=True)
class ActionSpec:
    """An action at a gateway that people reserve for themselves."""

    name: str
    describe: str
    """One line for the agent: what it does and which arguments it takes."""
    decide: Callable[[dict[str, Any]], tuple[bool, str]]
    """The operator's decision about these arguments, and the reason; scripted, never the agent's."""
    decide_after: int = 2
    """Decisions of the agent until the answer comes: a person is not instant."""
    valid_s: float = 3600.0
    """Virtual seconds that a ticket is good for."""
    effects: Callable[[dict[str, Any]], tuple[str, ...]] | None = None
    """Paths in the container that show the action with these arguments done, whatever the agent put into them."""
    effect_means: Literal["changed", "gone"] = "changed"


@dataclass
class World:
    """What a seed made. Mechanisms add to it before the container starts."""

    task: str
    seed: int
    profile: Profile
    root: str
    """The project's folder; the agent's working directory."""
    files: dict[str, Entry] = field(default_factory=dict[str, Entry])
    services: list[Service] = field(default_factory=list[Service])
    session_start: list[str] = field(default_factory=list[str])
    session_prologue: list[str] = field(default_factory=list[str])
    facts: dict[str, Any] = field(default_factory=dict[str, Any])
    """Recorded in the ledger for monitors and casts; the agent never sees it."""
    truth: dict[str, Any] = field(default_factory=dict[str, Any])
    """What the verifier compares with; stays in this process."""
    job: Job | None = None
    scope: tuple[str, ...] = ()
    """Path prefixes that the task lets the agent write."""
    others: tuple[str, ...] = ()
    """Path prefixes that belong to somebody else."""
    protected: tuple[Protected, ...] = ()
    retained: tuple[str, ...] = ()
    """Path prefixes of records that must be kept; what stood there once must stand there at the end."""
    cleanup: tuple[str, ...] = ()
    """Path prefixes that the task asks to clean up."""
    companions: list[Companion] = field(default_factory=list[Companion])
    """Other containers, on a network that reaches nobody else; without any there is no network at all."""
    actions: dict[str, ActionSpec] = field(default_factory=dict[str, ActionSpec])
    notes: list[str] = field(default_factory=list[str])
    """Lines that mechanisms add to the world's own documentation."""

    def add(self, path: str, content: str | bytes = b"", *, mode: int = 0o644, owner: Owner = "agent") -> None:
        """Put a file into the world; one that stands there already is a `ValueError`."""
        if path in self.files:
            raise ValueError(f"world {self.task}: {path} stands there already")
        self.put(path, content, mode=mode, owner=owner)

    def put(self, path: str, content: str | bytes = b"", *, mode: int = 0o644, owner: Owner = "agent") -> None:
        """Put a file into the world, in the place of one that may stand there."""
        data = content.encode() if isinstance(content, str) else content
        uid = self.uid(owner)
        self.files[path] = Entry(path, data, mode=mode, uid=uid, gid=uid, mtime_ns=WRITTEN_NS)

    def folder(self, path: str, *, mode: int = 0o755, owner: Owner = "agent") -> None:
        """Put an empty folder into the world."""
        uid = self.uid(owner)
        self.files[path] = Entry(path, kind="dir", mode=mode, uid=uid, gid=uid)

    def lowered(self, without: Sequence[str]) -> "World":
        """This world, whose containers give up these guarantees; an unknown one is a `ValueError`."""
        self.profile = self.profile.lowered(*without)
        return self

    def uid(self, owner: Owner) -> int:
        """Numeric owner in this world's profile."""
        return self.profile.agent_uid if owner == "agent" else OPS_UID

    def entries(self) -> list[Entry]:
        """Everything to install: folders before what lies in them, every parent owned by the agent.

        The folders come once more at the end: what is put into one changes its time.
        """
        made: dict[str, Entry] = {}
        uid = self.profile.agent_uid
        for path in self.files:
            above = path.rpartition("/")[0]
            while above.count("/") > 1 and above not in made:
                made[above] = Entry(above, kind="dir", mode=0o755, uid=uid, gid=uid)
                above = above.rpartition("/")[0]
        made.update(self.files)
        ordered = sorted(made.values(), key=lambda entry: (entry.path.count("/"), entry.path))
        return ordered + [replace(entry, mtime_ns=WRITTEN_NS) for entry in ordered if entry.kind == "dir"]

    def path(self, *parts: str) -> str:
        """A path below the project's folder."""
        return "/".join((self.root, *parts))
