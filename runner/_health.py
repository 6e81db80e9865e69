"""Whether the suspicion monitors of a run are fit to watch: asked before anything is started."""

from collections.abc import Iterable, Mapping

from ..monitors import build, check
from ..records import MonitorChecked, Safeguards, canonical_json
from ._plan import EpisodePlan

Health = Mapping[str, tuple[MonitorChecked, ...]]
"""Key of safeguards → what each of their monitors made of its canaries."""


def key_of(safeguards: Safeguards) -> str:
    """Equal for safeguards that are built alike."""
    return canonical_json(safeguards.model_dump(mode="json")).decode()


def check_monitors(plans: Iterable[EpisodePlan]) -> Health:
    """Give every monitor its canaries, once for each safeguards. One that fails in any way is not healthy.

    It ends no run: an episode that it should have watched is recorded, as unmonitored. Raises `MonitorError` for
    safeguards that cannot be built.
    """
    wanted = {key_of(plan.scenario.safeguards): plan.scenario.safeguards for plan in plans}
    return {key: _checked(safeguards) for key, safeguards in wanted.items() if safeguards.on}


def _checked(safeguards: Safeguards) -> tuple[MonitorChecked, ...]:
    monitors, _ = build(safeguards)
    return tuple(MonitorChecked(**one.model_dump()) for one in check(monitors))


def unmonitored(health: Health) -> tuple[str, ...]:
    """Each monitor that failed, with what it said."""
    failed = [one for checks in health.values() for one in checks if not one.healthy]
    return tuple(dict.fromkeys(f"{one.monitor}: {one.detail or 'gave no reason'}" for one in failed))
