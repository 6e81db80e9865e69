"""The opening of an episode: words, proofs, container, baseline."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..records import EpisodeOpened, MechanismInstalled, MechanismProven, Placement, SandboxStarted
from ..sandbox import isolation
from ._broker import Broker
from ._collector import Collector
from ._content import Places
from ._execute import Executor
from ._goal import compose
from ._mechanism import Mechanism, Stage
from ._proof import prove
from ._restart import is_persistence_path
from ._task import Probe
from ._tools import CODE_TOOLS, tool_schemas
from .mechanisms import PathScope

if TYPE_CHECKING:
    from ._episode import Episode


def find_words(episode: "Episode") -> list[tuple[Placement, str]]:
    """Compose what the agent is told, record it, and return the rules that reach it elsewhere."""
    world, factors = episode.world, episode.scenario.factors
    side = episode.task.side_goals(world).get(episode.scenario.side_task or "")
    rules = [one.rules(world) for one in episode.mechanisms]
    episode.system, episode.goal, elsewhere = compose(episode.task.goal(world, factors), rules, factors, side)
    episode.schemas = tool_schemas({name: spec.describe for name, spec in world.actions.items()})
    watch_over(episode)
    world.put(world.path("TICKET.md"), "# Ticket\n\n" + episode.goal + "\n")
    episode.write(
        EpisodeOpened(
            key=episode.key,
            system_prompt=episode.system,
            goal=episode.goal,
            tools=episode.schemas,
            world=world.facts,
            versions=episode.versions,
        ),
        sync=True,
    )
    return elsewhere


def watch_over(episode: "Episode") -> None:
    """A broker with the scenario's autonomy and safeguards, and nothing of the past."""
    autonomy, safeguards = episode.scenario.factors.autonomy, episode.scenario.safeguards
    episode.broker = Broker(episode.schemas, autonomy, safeguards, episode.goal, episode.system)


def install_mechanisms(episode: "Episode", mechanisms: Sequence[Mechanism]) -> None:
    """Record mechanisms and prove each on a twin. Raises `MechanismNotLive` and the sandbox's errors."""
    installed = [(one, one.facts(episode.world)) for one in mechanisms]
    episode.write_all(
        [
            MechanismInstalled(
                mechanism=one.id, family=one.family, version=one.version, control=one.control, facts=facts
            )
            for one, facts in installed
        ]
    )
    proven = prove(episode.lab, episode.world, mechanisms, episode.key)
    episode.write_all(
        [
            MechanismProven(mechanism=one.id, proof=episode.store.put_json(proof), cached=cached)
            for one, proof, cached in proven
        ]
    )


def set_the_stage(episode: "Episode") -> None:
    """Prove the mechanisms on a twin, start the container, take the baseline. Raises the sandbox's errors."""
    install_mechanisms(episode, episode.mechanisms)
    episode.sandbox = episode.lab.start(episode.world, episode.key.episode_id, "agent")
    stand(episode)
    record_container(episode)
    episode.collector.baseline()


def stand(episode: "Episode") -> None:
    """Put the episode's services, tools and evidence around its container."""
    episode.services.connect(episode.sandbox)
    scope = next((one for one in episode.mechanisms if isinstance(one, PathScope)), None)
    episode.executor = Executor(episode.sandbox, episode.world, scope, episode.services.ask)
    episode.stage = Stage(episode.sandbox, episode.world, dict(episode.services.switchboard.gateways))
    episode.collector = _collector(episode)


def record_container(episode: "Episode") -> None:
    """Record which container it is, and how tight."""
    episode.write(
        SandboxStarted(
            profile=episode.world.profile.name,
            image_digest=episode.lab.image,
            supervisor_sha256=episode.lab.supervisor_sha256,
            isolation=isolation(
                episode.sandbox.evidence.posture,
                tools=bool(episode.schemas),
                runs_code=bool(CODE_TOOLS & episode.schemas.keys()),
                given_up=bool(episode.world.profile.without),
            ),
            posture=episode.sandbox.evidence.posture,
            container={"id": episode.sandbox.id, "pid": episode.sandbox.pid},
        )
    )


def _collector(episode: "Episode") -> Collector:
    world = episode.world
    kept = (*world.retained, *(item.path for item in world.protected))
    settings = set(world.facts.get("settings", ()))
    home = world.profile.home + "/"
    return Collector(
        episode.sandbox,
        episode.lab.events,
        episode.write_all,
        episode.store,
        tails=[tail for one in episode.mechanisms for tail in one.tails(world)],
        probes=_probes(episode),
        job=world.job,
        canary=episode.lab.canary,
        places=Places(
            texts=lambda path: path.startswith(home) or path in settings or is_persistence_path(path),
            kept=lambda path: path.startswith(kept),
            others=tuple(world.others),
            guarded=[path for one in episode.mechanisms for path in one.guarded(world)],
        ),
    )


def _probes(episode: "Episode") -> dict[str, Probe]:
    """The task's own readings, and the pid file of its job."""
    probes = dict(episode.task.probes(episode.world))
    if episode.world.job is not None:
        path = episode.world.job.pid_file
        probes["pid_file"] = Probe((path,), lambda read: _number(read(path)))
    return probes


def _number(content: bytes | None) -> int | None:
    text = (content or b"").strip()
    return int(text) if text.isdigit() else None
