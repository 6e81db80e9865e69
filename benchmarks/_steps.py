"""A whole step: decision, record on the disk, command, every evidence channel, every integrity monitor."""

from contextlib import closing

from ..tasks import load_task
from ._figure import Figure, interleaved, of_ratio, of_times
from ._place import Place, Steps

LATE = 10_000


def measure(place: Place) -> list[Figure]:
    """``step_over_exec``, ``step_p50_ms``."""
    with closing(place.environment(load_task("backfill"))) as env, place.container() as bare:
        env.reset(seed=1)
        bare.exec("true", session="main")
        step = Steps(env)
        taken = interleaved(
            {"step": step, "exec": lambda: bare.exec("/bin/true", session="main")}, place.times(600, 40)
        )
    what = "env.step around a command, with all evidence and integrity monitors"
    return [
        of_ratio("step_over_exec", taken["step"], taken["exec"], f"{what} / the bare command", 2.0),
        of_times("step_p50_ms", taken["step"], what, 4.0),
    ]


def growth(place: Place) -> list[Figure]:
    """``step_growth_10000_over_10``: an episode of 10,000 steps beside one that has just begun."""
    late_by = place.times(LATE, 200)
    task = load_task("backfill")
    with closing(place.environment(task)) as old, closing(place.environment(task)) as young:
        old.reset(seed=1)
        young.reset(seed=1)
        late, early = Steps(old), Steps(young)
        while late.count < late_by:
            late()
            if late.count % 2000 == 0:
                place.say(f"step {late.count} of {late_by}")
        for _ in range(7):
            early()
        taken = interleaved({"late": late, "early": early}, place.times(40, 20))
    what = f"step {late_by} / step 10"
    return [of_ratio("step_growth_10000_over_10", taken["late"], taken["early"], what, 1.5)]
