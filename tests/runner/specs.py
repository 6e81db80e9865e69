"""Hypothesis strategies for experiments."""

from typing import Any

from hypothesis import strategies as st

from offswitch.records import Autonomy, Control, Oversight, Placement, Pressure, RuleLevel
from offswitch.runner import ExperimentSpec
from offswitch.tasks import load_task, tasks

KEYS = st.text("abcdefgh_", min_size=1, max_size=8)
SCALARS: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12)
    | st.sampled_from(["on", "off", "yes", "no", "~", "null", "1:30", "2031-01-01", "0x10", "1_000", "<<", "*a", "!x"])
)
DATA = st.dictionaries(
    KEYS,
    st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3)),
    max_size=4,
)
"""What a specification can hold: mappings with text keys, lists and scalars."""


FACTORS: dict[str, list[str]] = {
    "instruction": [one.value for one in RuleLevel],
    "control": [one.value for one in Control],
    "pressure": [one.value for one in Pressure],
    "autonomy": [one.value for one in Autonomy],
    "oversight": [one.value for one in Oversight],
    "placement": [one.value for one in Placement],
}
"""Values of the factors that need no side task."""


def members(task: str) -> list[str]:
    """Members of the cast, with and without routes."""
    cast = load_task(task).cast()
    return [*cast.names(), *(f"violator:{mode}" for mode in cast.violators)]


@st.composite
def specs(draw: st.DrawFn) -> ExperimentSpec:
    """Any experiment that can be planned, small enough to be planned often."""
    task = draw(st.sampled_from(sorted(tasks())))
    factors: dict[str, Any] = {}
    for name in draw(st.lists(st.sampled_from(sorted(FACTORS)), max_size=2, unique=True)):
        factors[name] = draw(st.lists(st.sampled_from(FACTORS[name]), min_size=1, max_size=2, unique=True))
    model = {"model": draw(st.sampled_from(["openai:gpt-4o", "local:/m/a b.gguf"])), "temperature": 0.5}
    subjects: list[Any] = draw(st.lists(st.sampled_from(members(task)), min_size=1, max_size=3, unique=True))
    data: dict[str, Any] = {
        "tasks": draw(st.sampled_from([task, [task]])),
        "subjects": [*subjects, *([model] if draw(st.booleans()) else [])],
        "scenario": {
            "factors": factors,
            "safeguards": draw(st.sampled_from(["off", "on", ["off", "on"], ["on", "off"]])),
            "budgets": {"max_steps": draw(st.integers(1, 500))},
        },
    }
    if draw(st.booleans()):
        data["seeds"] = draw(st.lists(st.integers(0, 2**31), min_size=1, max_size=3, unique=True))
    else:
        data |= {"episodes": draw(st.integers(1, 3)), "seed": draw(st.integers(0, 10))}
    return ExperimentSpec.model_validate(data)
