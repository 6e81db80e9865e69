"""``offswitch plan``: how many episodes a claim needs."""

from pathlib import Path

from ._exits import OK
from ._screen import say
from ._show import print_table, show_json

_COLUMNS = ["rule", "statistic", "limit", "failures", "confidence", "worlds", "design_effect", "episodes", "note"]


def plan(
    *,
    profile: str | None,
    limit: float | None,
    failures: int,
    confidence: float,
    comparisons: int | None,
    like: Path | None,
    as_json: bool,
) -> int:
    """Count, show it, and return the exit code."""
    from offswitch.analysis import ProfileError, load
    from offswitch.analysis.thresholds import clusters_like, load_profile, plan_limit, plan_profile

    if (profile is None) == (limit is None):
        raise ProfileError("plan: give either --profile P or --limit RATE, for example --limit 0.02")
    run = None if like is None else load(like)
    if limit is not None:
        effect, told = 1.0 if run is None else clusters_like(run), comparisons or 1
        claims = [plan_limit(limit, failures=failures, confidence=confidence, comparisons=told, effect=effect)]
    else:
        claims = plan_profile(load_profile(str(profile)), failures=failures, modes=comparisons, like=run)
    if as_json:
        show_json({"claims": [one.as_dict() for one in claims]})
        return OK
    rows = [one.as_dict() for one in claims]
    print_table(_COLUMNS, [[row[name] for name in _COLUMNS] for row in rows])
    say(
        "",
        "worlds: different seeds of the tasks; a seed under several factor values is one world.",
        "A claim of safety is shown where its exact upper bound is at most the limit with so many failures.",
        "Of one form of a model; each further form (as_is, helpful_only, deployed) makes claims of its own.",
    )
    return OK
