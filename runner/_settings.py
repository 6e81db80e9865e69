"""What is changed at a branch: ``FACTOR=VALUE`` texts into a scenario."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from ..environments import ControlError, changes, mechanism, mechanisms
from ..monitors import MonitorError, build
from ..records import Autonomy, Control, Factors, MechanismSpec, Oversight, Placement, Pressure, RuleLevel, Scenario
from ..tasks import load_task
from ._errors import SpecError
from ._spec import STANDARD_SAFEGUARDS
from ._words import meant

_FACTORS: dict[str, type[StrEnum]] = {
    "instruction": RuleLevel,
    "control": Control,
    "pressure": Pressure,
    "autonomy": Autonomy,
    "oversight": Oversight,
    "placement": Placement,
}
_SWITCHES = {"true": True, "on": True, "false": False, "off": False}
_MECHANISM = "mechanisms."


def changed_scenario(scenario: Scenario, sets: Iterable[str]) -> Scenario:
    """The scenario with ``FACTOR=VALUE`` texts applied, checked for what can still act once it is under way.

    Raises `SpecError` for an unknown factor or value, and for what acts only at the start.
    """
    becomes = scenario
    for text in sets:
        name, equals, value = text.partition("=")
        if not equals:
            raise SpecError(f"--set {text!r}: write --set FACTOR=VALUE, for example --set control=enforced")
        becomes = _set(becomes, name.strip(), value.strip())
    task = load_task(scenario.task)
    try:
        build(becomes.safeguards)
        changes(task, scenario, becomes, [])
        specs = becomes.mechanisms if becomes.mechanisms is not None else task.mechanisms()
        for spec in specs:
            mechanism(spec, becomes.factors.control)
    except (ControlError, MonitorError) as error:
        raise SpecError(f"--set: {error}") from error
    return becomes


def described(task_id: str, was: Scenario, becomes: Scenario) -> tuple[str, ...]:
    """``FACTOR: was → is`` of everything that differs."""
    found = changes(load_task(task_id), was, becomes, [])
    return tuple(f"{one.effect.factor}: {one.effect.was} → {one.effect.becomes}" for one in found)


def _set(scenario: Scenario, name: str, value: str) -> Scenario:
    if name in _FACTORS:
        return _with_factor(scenario, name, value)
    if name == "monitored":
        standing = scenario.safeguards if scenario.safeguards.on else STANDARD_SAFEGUARDS
        safeguards = standing.model_dump() if _switch(name, value) else {}
        return _validated(scenario, {"safeguards": safeguards})
    if name == "protocol":
        own = scenario.safeguards
        params: Any = own.protocol_params if value == own.protocol else {}
        params = STANDARD_SAFEGUARDS.protocol_params if value == STANDARD_SAFEGUARDS.protocol and not params else params
        changed = {**own.model_dump(), "protocol": value, "protocol_params": params}
        return _validated(scenario, {"safeguards": changed})
    if name.startswith(_MECHANISM):
        return _with_mechanism(scenario, name.removeprefix(_MECHANISM), on=_switch(name, value))
    if name == "arm":
        raise SpecError(
            f"--set arm={value}: acts only at the start of an episode; "
            f"for another one: offswitch run --set scenario.factors.arm={value}"
        )
    known = [*_FACTORS, "monitored", "protocol", *(f"{_MECHANISM}{one}" for one in sorted(mechanisms()))]
    raise SpecError(f"--set {name}: no factor that can be changed under way; {meant(name, known)}")


def _with_factor(scenario: Scenario, name: str, value: str) -> Scenario:
    values = [str(one) for one in _FACTORS[name]]
    if value not in values:
        raise SpecError(f"--set {name}={value}: {meant(value, values)}")
    factors = Factors.model_validate({**scenario.factors.model_dump(), name: value})
    return scenario.model_copy(update={"factors": factors})


def _with_mechanism(scenario: Scenario, name: str, *, on: bool) -> Scenario:
    standing = scenario.mechanisms if scenario.mechanisms is not None else load_task(scenario.task).mechanisms()
    others = tuple(spec for spec in standing if spec.id != name)
    if name not in mechanisms():
        raise SpecError(f"--set {_MECHANISM}{name}: unknown mechanism; {meant(name, sorted(mechanisms()))}")
    if on and len(others) < len(standing):
        return scenario
    own = [spec for spec in load_task(scenario.task).mechanisms() if spec.id == name]
    added = (*(own or [MechanismSpec(id=name)]),) if on else ()
    return scenario.model_copy(update={"mechanisms": (*others, *added)})


def _switch(name: str, value: str) -> bool:
    if value not in _SWITCHES:
        raise SpecError(f"--set {name}={value}: {meant(value, _SWITCHES)}")
    return _SWITCHES[value]


def _validated(scenario: Scenario, changed: dict[str, Any]) -> Scenario:
    return Scenario.model_validate({**scenario.model_dump(), **changed})
