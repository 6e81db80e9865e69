"""What ``offswitch bench --json`` printed, as the table and the chart of docs/performance.md: nobody types figures."""

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

Data = Mapping[str, Any]
IDLE = 0.1
"""Share of the processors in use before a run up to which its times in milliseconds count."""
_PEERS = ("inspect", "docker_exec")
_INK, _FAINT, _GRID, _OURS, _THEIRS = "#1c2430", "#5c6773", "#d9dee4", "#0b62a4", "#b4480f"
_ROW_IN, _FRAME_IN = 0.34, 0.95
_MARKS = [digit * 10.0**power for power in range(-3, 5) for digit in (1, 2, 5)]


def markdown(data: Data) -> str:
    """Two tables, of our own figures and of those beside peers, and what they were measured on."""
    details: Mapping[str, Data] = data["details"]
    own = [key for key in details if not any(name in key for name in _PEERS)]
    beside = [key for key in details if key not in own]
    blocks = [_table(data, own)]
    if beside:
        blocks += ["Beside peers:", _table(data, beside), *_stops(details), *_told_of_peers(data)]
    return "\n\n".join([*blocks, _measured_on(data)]) + "\n"


def _table(data: Data, keys: Sequence[str]) -> str:
    lines = ["| figure | measured | spread | target | | made of |", "|---|---|---|---|---|---|"]
    return "\n".join([*lines, *(_line(key, data["figures"][key], data["details"][key]) for key in keys)])


def _line(key: str, value: float, one: Data) -> str:
    unit = {"ratio": "×", "containers": ""}.get(one["unit"], f" {one['unit']}")
    spread = "–" if one["low"] is None else f"{_short(one['low'])} – {_short(one['high'])}"
    sign = "≤" if one["side"] == "at_most" else "≥"
    target = "–" if one["target"] is None else f"{sign} {one['target']:,g}"
    met = {None: "", True: "met", False: "**missed**"}[one["met"]]
    parts = ", ".join(f"{name} {_short(part)}" for name, part in one["parts"].items()) or "–"
    return f"| `{key}` | **{_short(value)}{unit}** | {spread} | {target} | {met} | {parts} |"


def _short(value: float) -> str:
    """Three digits that count, without an exponent."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{1 if abs(value) >= 10 else 2}f}" if abs(value) >= 1 else f"{value:.3g}"


def _stops(details: Mapping[str, Data]) -> list[str]:
    """What stands between a missed target and us, by the figures of the same run."""
    told: list[str] = []
    call, fork = details.get("call_over_inspect"), details.get("exec_over_fork")
    if call and fork and call["met"] is False:
        most = call["parts"]["above_ms"] / fork["parts"]["below_ms"]
        told.append(
            f"`call_over_inspect` is missed: fork and exec on the host take {_short(fork['parts']['below_ms'])} ms, "
            f"so that nothing can be more than {_short(most)} times as fast as Inspect's call."
        )
    rate = details.get("episode_rate_over_inspect")
    if rate and rate["met"] is False:
        parts = rate["parts"]
        own, alone = parts["ours_processor_ms"], parts["commands_on_host_ms"]
        told.append(
            f"`episode_rate_over_inspect` is missed: an episode of ours takes {_short(own)} ms of its process's "
            f"processor time, and one interpreter gives no more than {_short(1000 / own)} of them a second, however "
            f"many run in parallel ({_short(1000 / own / parts['inspect_per_s'])} × Inspect's rate). The twenty "
            f"commands alone, one after the other on the host in no container, take {_short(alone)} ms."
        )
    return told


def _told_of_peers(data: Data) -> list[str]:
    told: list[str] = []
    for name, one in data["peers"].items():
        bypassed = "; ".join(one["bypassed"]) or "nothing"
        told.append(
            f"`{name}` {one[name]} ({', '.join(one['packages'])}). Bypassed: {bypassed}. "
            f"Not given to it, because it has no words for it: {'; '.join(one['limits_not_taken'])}."
        )
    return told


def _measured_on(data: Data) -> str:
    on: Data = data["machine"]
    said = (
        f"Measured on: {on['processor']}, {on['cores']} cores, {on['memory_gb']:g} GB; Linux {on['kernel']}, "
        f"engine {on['engine']}, runc {on['runc']}, {on['storage_driver']}, cgroup v{on['cgroup_version']}, "
        f"Python {on['python']}; {on['in_use_before']:.0%} of it in use before."
    )
    if data["scale"] < 1:
        said += f" **A quick look**, with {data['scale']:g} of the readings: nothing to publish."
    if on["in_use_before"] <= IDLE:
        return said
    busy = "times are too long, rates too low, and ratios off by as much as one side shares the processor worse"
    return f"{said} **The machine was busy**: {busy}."


def digest(data: Data) -> str:
    """Names the data that a chart was drawn from; the chart carries it."""
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def chart(data: Data) -> bytes:
    """One call and one episode, here and through others, as SVG. Raises `KeyError` where no peer was measured."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    toolkit: Any = mpl
    panels = (
        ("One command, milliseconds: less is better (log scale)", _calls(data)),
        ("Twenty-step episodes a second, two in parallel: more is better (log scale)", _rates(data)),
    )
    heights = [_FRAME_IN + _ROW_IN * len(rows) for _, rows in panels]
    settings = {"svg.hashsalt": "offswitch", "svg.fonttype": "path", "font.family": "DejaVu Sans", "font.size": 9.5}
    with toolkit.rc_context(settings):
        figure: Any = Figure(figsize=(9.0, sum(heights)), facecolor="white", layout="constrained")
        axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
        for axis, (title, rows) in zip(axes, panels, strict=True):
            _draw(axis, title, rows)
        out = io.BytesIO()
        about = {"Date": None, "Creator": None, "Description": f"drawn from the figures {digest(data)}"}
        figure.savefig(out, format="svg", metadata=about)
    return out.getvalue()


def _calls(data: Data) -> list[tuple[str, float, bool]]:
    """What it is, its value, and whether it is ours."""
    parts = {key: one["parts"] for key, one in data["details"].items()}
    rows = [
        ("offswitch, one command", parts["call_over_inspect"]["below_ms"], True),
        ("offswitch, a whole step with all evidence", parts["step_over_inspect"]["below_ms"], True),
        ("docker SDK, exec_run", parts["call_over_docker_exec"]["above_ms"], False),
        ("Inspect AI, exec", parts["call_over_inspect"]["above_ms"], False),
        ("Inspect AI, what its bash tool runs", parts["step_over_inspect"]["above_ms"], False),
    ]
    if "exec_over_fork" in parts:
        rows.insert(0, ("the host itself, fork and exec", parts["exec_over_fork"]["below_ms"], False))
    return rows


def _rates(data: Data) -> list[tuple[str, float, bool]]:
    parts = {key: one["parts"] for key, one in data["details"].items()}
    return [
        ("offswitch, all evidence and verdicts", parts["episode_rate_over_inspect"]["ours_per_s"], True),
        ("docker SDK alone", parts["episode_rate_over_docker_exec"]["docker_exec_per_s"], False),
        ("Inspect AI, its sandbox alone", parts["episode_rate_over_inspect"]["inspect_per_s"], False),
        ("Inspect AI, a whole eval", parts["episode_rate_over_inspect_eval"]["inspect_eval_per_s"], False),
    ]


def _draw(axis: Any, title: str, rows: Sequence[tuple[str, float, bool]]) -> None:
    axis.set_title(title, loc="left", color=_INK, fontsize=10, fontweight="bold")
    axis.set_xscale("log")
    for place, (_, value, ours) in enumerate(rows):
        colour, marker = (_OURS, "s") if ours else (_THEIRS, "o")
        axis.plot([value], [place], marker=marker, color=colour, markersize=6.5, linestyle="none")
        axis.annotate(
            _short(value), (value, place), (8, 0), textcoords="offset points", va="center", color=colour, fontsize=9
        )
    axis.set_yticks(range(len(rows)), [name for name, _, _ in rows], color=_INK)
    axis.set_ylim(len(rows) - 0.5, -0.5)
    values = [value for _, value, _ in rows]
    least, most = min(values) / 1.6, max(values) * 2.2
    marks = [mark for mark in _MARKS if least <= mark <= most]
    axis.set_xticks(marks, [f"{mark:g}" for mark in marks])
    axis.set_xticks([], minor=True)
    axis.set_xlim(least, most)
    axis.grid(visible=True, axis="both", color=_GRID, linewidth=0.8)
    axis.set_axisbelow(True)
    axis.tick_params(length=0, which="both", colors=_FAINT)
    axis.tick_params(axis="y", colors=_INK)
    for spine in axis.spines.values():
        spine.set_visible(False)
