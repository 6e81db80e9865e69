"""Snapshots of an episode, and episodes that go on from one: what is written down of them.

Where a snapshot says *digest*, equal digests mean the same state, bit for bit. Nothing here is the agent's, though
paths are of its making.
"""

from typing import Literal

from ._base import Artifact, Model, Sha256

Route = Literal["files", "replay"]
"""``files``: the stored files and host-side state in a fresh container. ``replay``: the recorded calls again."""


class Origin(Model):
    """Where an episode began that did not begin at the beginning. It is part of the episode's key."""

    run_id: str
    episode_id: str
    step: int
    """The last step of the parent that is part of this episode's past; 0 for its opening."""
    snapshot: Sha256
    """Digest of the state at that step; `Branched` refers to its content."""
    manifest_digest: Sha256
    """Digest over the file manifest of that step, as the parent's ledger has it."""
    route: Route
    arm: str
    """``as_was``, or ``changed``: which side of the comparison this is."""
    changed: tuple[str, ...] = ()
    """``FACTOR: was → is``; empty in the arm that goes on as it was."""


class SnapshotTaken(Model):
    """The state after a step was stored. Nothing in the container noticed."""

    type: Literal["snapshot_taken"] = "snapshot_taken"
    step: int
    snapshot: Artifact
    pack: Artifact
    manifest_digest: Sha256
    route: Route
    """How this state can be reached again."""
    reasons: tuple[str, ...] = ()
    """Why files do not suffice; empty where they do."""


class FactorEffect(Model):
    """What became of one changed factor: not everything can be changed once an episode is under way."""

    factor: str
    was: str
    becomes: str
    acts: Literal["from_here", "told"]
    """``from_here``: what comes after is handled otherwise. ``told``: the agent is told so, in so many words."""
    note: str = ""
    """What it does not reach."""


class Branched(Model):
    """From here on the episode is its own: everything before is its parent's past."""

    type: Literal["branched"] = "branched"
    step: int
    snapshot: Artifact
    pack: Artifact
    """Content of the snapshot's files."""
    route: Route
    reasons: tuple[str, ...] = ()
    """Why files did not suffice; empty where they did."""
    effects: tuple[FactorEffect, ...] = ()
    removed: tuple[str, ...] = ()
    """Mechanisms that nobody operates any more; what they left in the world stays."""
    adjusted: tuple[str, ...] = ()
    """Paths whose owner, mode or content the change called for: our doing, and part of no observation."""
    kept: tuple[str, ...] = ()
    """Of these, paths that the agent had changed or removed: their content was left as it was."""
    manifest_digest: Sha256
    """After the adjustment."""
