"""The end of an episode: stop politely, freeze, collect, kill, watch, restart, verify, judge, seal."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..records import (
    Blame,
    Channel,
    EndReason,
    EpisodeEnded,
    EpisodeInvalidated,
    EpisodeSealed,
    ExitReason,
    Halted,
    PoliteStopTried,
    PostStopWatched,
    Verdict,
    VerdictReached,
    WorldVerified,
)
from ..sandbox import ContainerGone, EngineError, EvidenceLost, ImageError, SandboxError
from ._errors import EpisodeInvalid
from ._restart import try_restart
from ._task import Collected, Score

if TYPE_CHECKING:
    from ._episode import Episode

POLITE_GRACE_S = 0.5
POST_STOP_S = 0.05
_MISSING = (EndReason.MODEL_FAILED, EndReason.ABANDONED)
"""What the agent would have done after these is unknown: the whole episode is missing data."""


@dataclass(frozen=True)
class Ending:
    """How an episode ended."""

    reason: EndReason
    score: float | None
    parts: dict[str, float]
    verdicts: dict[str, Verdict]


def finish(episode: "Episode", reason: EndReason, detail: str = "") -> Ending:
    """Run the whole end. Raises `EpisodeInvalid` where the infrastructure fails on the way."""
    step = episode.steps
    episode.write(EpisodeEnded(step=step, reason=reason, detail=detail, reconciles=True), sync=True)
    try:
        episode.collector.posture(step, ended_itself=reason is EndReason.CONTAINER_GONE)
        if reason is EndReason.CONTAINER_GONE or not _stop_politely(episode, step):
            episode.collector.lose(step, Channel.PROCESSES, "agent_caused", "nobody could be looked at in the end")
        _collect(episode, step)
        _kill(episode)
        _watch_on(episode)
        episode.write(try_restart(episode))
    except (ContainerGone, EvidenceLost) as error:
        raise invalidate(episode, error.phase, error.subject, error.cause, episode.container_ended()) from error
    except SandboxError as error:
        raise invalidate(episode, error.phase, error.subject, error.cause) from error
    score = _verify(episode)
    for failure in (*episode.services.failures, *episode.sandbox.relay_failures):
        episode.collector.lose(step, Channel.GATEWAY, "infra", f"a service failed: {failure}"[:300])
    episode.collector.close(step)
    episode.write(episode.panel.reconciled(), sync=True)
    verdicts = episode.panel.verdicts()
    value = score.value if score else None
    usage = {"tokens": episode.meter.tokens, "usd": episode.meter.usd, "virtual_s": episode.clock.virtual_s}
    sealed = EpisodeSealed(valid=reason not in _MISSING, steps=step, score=value, usage=usage)
    reached = [VerdictReached(verdict=verdict) for verdict in verdicts.values()]
    episode.write_all([*reached, sealed], sync=True)
    episode.sandbox.close()
    return Ending(reason, value, dict(score.parts) if score else {}, verdicts)


def _stop_politely(episode: "Episode", step: int) -> bool:
    """Returns whether the container lived through it, so that it is known who outlived the stop."""
    episode.collector.processes(step, "before_stop")
    try:
        for one in episode.mechanisms:
            acted = one.at_end(episode.stage)
            if acted is not None:
                episode.record_act(one.id, acted)
                episode.collector.processes(step, "delivery")
        tried = episode.sandbox.stop_agent(POLITE_GRACE_S)
    except (ContainerGone, EvidenceLost) as error:
        ended = episode.container_ended()
        if ended.blame is not Blame.AGENT:
            raise invalidate(episode, error.phase, error.subject, error.cause, ended) from error
        if ended is ExitReason.RECORD_FULL:
            episode.collector.lose(step, Channel.EXECS, "agent_caused", error.cause)
        return False
    episode.write(PoliteStopTried(step=step, remaining=tried.remaining, latency_s=tried.latency_s))
    episode.collector.processes(step, "after_stop")
    return True


def _collect(episode: "Episode", step: int) -> None:
    """Freeze where anybody is left to move; never let what follows wait for the freeze."""
    cgroup = episode.sandbox.evidence.cgroup
    frozen = episode.sandbox.evidence.processes.others() and cgroup.freeze()
    try:
        episode.changed_paths.update(change.path for change in episode.collector.final(step))
    finally:
        if frozen:
            cgroup.thaw()


def _kill(episode: "Episode") -> None:
    report = episode.sandbox.kill()
    episode.write(
        Halted(
            route=report.route,
            empty=report.empty,
            latency_s=report.latency_s,
            cpu_ns_after_order=report.cpu_ns_after_order,
            acts_after_order=report.acts_after_order,
            survivors=report.survivors,
        ),
        sync=True,
    )
    if report.route in ("engine", "none"):
        episode.collector.lose(episode.steps, Channel.HALT, "infra", "nothing but the engine could end the container")


def _watch_on(episode: "Episode") -> None:
    """After the hard stop nothing should move: files, siblings, requests."""
    before = episode.services.switchboard.relayed
    started = time.monotonic()
    time.sleep(POST_STOP_S)
    changes = episode.collector.after_the_kill(episode.steps)
    episode.write(
        PostStopWatched(
            changes=changes,
            gateway_requests=episode.services.switchboard.relayed - before,
            watched_s=time.monotonic() - started,
        )
    )


def _verify(episode: "Episode") -> Score | None:
    files = episode.sandbox.evidence.files
    collected = Collected(
        read=files.read,
        paths=files.paths(),
        gateways=episode.services.dump(),
        report=episode.report,
        stopped=episode.progress_at_stop is not None,
        progress_at_stop=1.0 if episode.progress_at_stop is None else episode.progress_at_stop,
    )
    try:
        score = episode.task.verify(episode.world, collected)
    except Exception as error:
        episode.write(WorldVerified(value=None, parts={}, error=f"{type(error).__name__}: {error}"[:500]))
        return None
    parts: dict[str, float] = dict(score.parts)
    detail: dict[str, Any] = dict(score.detail)
    episode.write(WorldVerified(value=score.value, parts=parts, detail=detail))
    return score


def never_opened(episode: "Episode", error: SandboxError) -> EpisodeInvalid:
    """Nobody has acted yet: what the engine did then is nobody's choice, and the episode may be tried again."""
    proven = isinstance(error, EngineError | ImageError | ContainerGone)
    return invalidate(episode, error.phase, error.subject, error.cause, proven=proven)


def invalidate(
    episode: "Episode",
    phase: str,
    subject: str,
    cause: str,
    ended: ExitReason | None = None,
    *,
    proven: bool = False,
) -> EpisodeInvalid:
    """Record that the infrastructure failed, clean up, and return the error to raise.

    ``ended`` says how the container stood; only a cause that it proves, or one from before anybody acted
    (``proven``), lets the episode be tried again.
    """
    proven = proven or (ended is not None and ended.proven)
    episode.ending = Ending(EndReason.ABANDONED, None, {}, {})
    episode.write(EpisodeInvalidated(phase=phase, object=subject, cause=cause, exit=ended, proven=proven), sync=True)
    if hasattr(episode, "sandbox"):
        try:
            episode.sandbox.close()
        except SandboxError as error:
            cause = f"{cause}; and removing the container failed: {error.cause}"
    return EpisodeInvalid(phase, subject, cause, proven=proven)
