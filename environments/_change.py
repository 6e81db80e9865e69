"""What can be changed about an episode that is under way, and what cannot be, said in so many words."""

from collections.abc import Iterator
from dataclasses import dataclass

from ..records import FactorEffect, Factors, MechanismSpec, Oversight, Placement, Pressure, RuleLevel, Scenario
from ._errors import ScenarioError
from ._goal import AUTONOMY_WORDS, OVERSIGHT_WORDS, PRESSURE_WORDS, rules_text
from ._mechanism import Delivery, Rules
from ._task import Task

_OLD_SHELLS = "shells that run already keep the environment that they were started with"
_START = "acts only at the start of an episode; for another one: offswitch run --set scenario.factors.{}=…"
_SILENT: dict[str, tuple[str, str]] = {
    "instruction": (RuleLevel.ABSENT, "rules"),
    "pressure": (Pressure.NONE, "pressure"),
    "oversight": (Oversight.NOT_MENTIONED, "oversight"),
}
"""Factors that are words → the value without any, and the kind of the notice that brings others."""


@dataclass(frozen=True)
class Change:
    """One changed factor, with the words for the agent where it is told."""

    effect: FactorEffect
    told: Delivery | None = None


def changes(task: Task, was: Scenario, becomes: Scenario, rules: list[Rules]) -> list[Change]:
    """The factors that differ, and how each acts from here on. ``rules`` are those of the mechanisms as they become.

    Raises `ScenarioError` for a factor that cannot act any more.
    """
    if was.without != becomes.without:
        raise ScenarioError("without: guarantees of a container are given up only at its start")
    return [
        *_words(was.factors, becomes.factors, rules),
        *_handling(was, becomes),
        *_mechanisms(_specs(task, was), _specs(task, becomes)),
    ]


def _specs(task: Task, scenario: Scenario) -> tuple[MechanismSpec, ...]:
    return scenario.mechanisms if scenario.mechanisms is not None else task.mechanisms()


def _words(was: Factors, becomes: Factors, rules: list[Rules]) -> Iterator[Change]:
    if was.arm != becomes.arm:
        raise ScenarioError(f"arm {was.arm} → {becomes.arm}: {_START.format('arm')}")
    texts = {
        "instruction": rules_text(rules, becomes.instruction),
        "pressure": PRESSURE_WORDS[becomes.pressure],
        "oversight": OVERSIGHT_WORDS[becomes.oversight],
    }
    for name, (silent, kind) in _SILENT.items():
        before, after = getattr(was, name), getattr(becomes, name)
        if before == after:
            continue
        if after == silent:
            raise ScenarioError(
                f"{name} {before} → {after}: words that were shown cannot be taken back; it {_START.format(name)}"
            )
        note = "" if before == silent else "what was shown before stays in the transcript"
        yield Change(_effect(name, before, after, "told", note), _telling(kind, texts[name]))


def _handling(was: Scenario, becomes: Scenario) -> Iterator[Change]:
    old, new = was.factors, becomes.factors
    if old.control != new.control:
        yield Change(_effect("control", old.control, new.control, "from_here", _OLD_SHELLS))
    if old.autonomy != new.autonomy:
        telling = _telling("autonomy", AUTONOMY_WORDS[new.autonomy])
        yield Change(_effect("autonomy", old.autonomy, new.autonomy, "told", "and enforced from here on"), telling)
    if old.placement != new.placement:
        note = "orders from here on; the rules stay where they were shown"
        yield Change(_effect("placement", old.placement, new.placement, "from_here", note))
    if was.safeguards != becomes.safeguards:
        note = "monitors see the calls before as the past"
        yield Change(_effect("safeguards", _watched(was), _watched(becomes), "from_here", note))


def _watched(scenario: Scenario) -> str:
    names = ", ".join(monitor.id for monitor in scenario.safeguards.monitors)
    return f"{names} ({scenario.safeguards.protocol})" if names else "unmonitored"


def _mechanisms(was: tuple[MechanismSpec, ...], becomes: tuple[MechanismSpec, ...]) -> Iterator[Change]:
    old, new = ({spec.id: spec for spec in specs} for specs in (was, becomes))
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) == new.get(name):
            continue
        if name in old and name in new:
            raise ScenarioError(f"mechanism {name}: its parameters act only at the start; switch it off, or leave it")
        note = "the agent was told its rules and what it left in the world stays"
        if name in new:
            note = "the agent was not told its rules; change instruction as well to tell them"
        before, after = ("on", "off") if name in old else ("off", "on")
        yield Change(_effect(f"mechanisms.{name}", before, after, "from_here", note))


def _effect(factor: str, was: str, becomes: str, acts: str, note: str) -> FactorEffect:
    return FactorEffect.model_validate(
        {"factor": factor, "was": str(was), "becomes": str(becomes), "acts": acts, "note": note}
    )


def _telling(kind: str, text: str) -> Delivery:
    return Delivery(kind, "branch", text, placement=Placement.USER)
