"""``offswitch bench``: the figures, their spread and their targets."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ._exits import OK
from ._screen import say, warn
from ._show import print_table, show_json

if TYPE_CHECKING:
    from offswitch.benchmarks import Bench, Figure

_QUICK = 0.1
_COLUMNS = ("figure", "value", "unit", "target", "", "p5", "p95", "readings")


def show_bench(names: Sequence[str], *, quick: bool, peers: bool, as_json: bool) -> int:
    """Measure and show; a missed target is shown and is no failure: what is fast enough is for people to say."""
    from offswitch.benchmarks import MEASUREMENTS, PEERS, bench
    from offswitch.runner import SpecError

    known = (*MEASUREMENTS, *PEERS)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SpecError(f"bench: no measurement is called {unknown[0]!r}; there are: {', '.join(known)}")
    chosen = dict.fromkeys((*(names or MEASUREMENTS), *(PEERS if peers else ())))
    found = bench(tuple(chosen), scale=_QUICK if quick else 1.0, say=lambda what: warn(f"measuring: {what}"))
    if as_json:
        show_json(_as_data(found))
    else:
        _show(found)
    return OK


def _as_data(found: "Bench") -> dict[str, Any]:
    return {
        "figures": {one.key: round(one.value, 4) for one in found.figures},
        "machine": found.machine,
        "peers": found.peers,
        "scale": found.scale,
        "details": {
            one.key: {
                "unit": one.unit,
                "meaning": one.meaning,
                "target": one.target,
                "side": one.side.value,
                "met": one.met,
                "low": one.low,
                "high": one.high,
                "readings": one.readings,
                "parts": dict(one.parts),
            }
            for one in found.figures
        },
    }


def _show(found: "Bench") -> None:
    print_table(_COLUMNS, [_cells(one) for one in found.figures])
    say()
    for one in found.figures:
        parts = ", ".join(f"{name} {value:g}" for name, value in one.parts.items())
        say(f"{one.key}: {one.meaning}{f' ({parts})' if parts else ''}")
    on = found.machine
    say(
        "",
        f"{on['processor']}, {on['cores']} cores, {on['memory_gb']:g} GB; Linux {on['kernel']}, "
        f"engine {on['engine']}, cgroup v{on['cgroup_version']}, Python {on['python']}; "
        f"{on['in_use_before']:.0%} of it in use before",
    )
    for name, told in found.peers.items():
        say(
            f"{name} {told[name]} ({', '.join(told['packages'])})",
            *(f"  bypassed: {what}" for what in told["bypassed"]),
            f"  not given to it: {'; '.join(told['limits_not_taken'])}",
        )
    if found.missed:
        say(f"missed: {', '.join(one.key for one in found.missed)}")


def _cells(one: "Figure") -> list[Any]:
    sign = "<=" if one.side.value == "at_most" else ">="
    target = "" if one.target is None else f"{sign} {one.target:g}"
    met = {None: "", True: "met", False: "MISSED"}[one.met]
    low, high = (None if bound is None else f"{bound:.3g}" for bound in (one.low, one.high))
    return [one.key, f"{one.value:.4g}", one.unit, target, met, low, high, one.readings]
