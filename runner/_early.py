"""Ending a run early, only by a sequence that holds however often one looks at it.

Worlds count in the order of the plan, and only up to the first that is not done yet: which ones end first may depend
on what happened in them. An answer that is missing counts as a failure where the limit would be kept, and as none
where it would be exceeded.
"""

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Protocol

from ..records import Tri, canonical_json
from ._attempts import Attempts, Standing
from ._errors import SpecError
from ._outcome import EpisodeOutcome, Said
from ._plan import EpisodePlan, identity_of
from ._spec import StopRule


class Ends(Protocol):
    """An interval."""

    @property
    def lo(self) -> float:
        """Lower end."""
        ...

    @property
    def hi(self) -> float:
        """Upper end."""
        ...


Sequential = Callable[[int, int, float], Ends]
"""From failures, worlds and confidence to an interval that is valid at all moments together."""
_World = tuple[str, int]
_Cell = tuple[str, bytes]
"""How the subject is called, and what tells it from every other."""


class EarlyEnd:
    """Watches the sequence of a run. Without a rule it never ends one."""

    def __init__(self, rule: StopRule | None, plans: Sequence[EpisodePlan], sequence: Sequential | None) -> None:
        """Raises `SpecError` for a rule without a sequence to decide by."""
        if rule is not None and sequence is None:
            raise SpecError("experiment, stop_when: needs RunOptions.sequence (analysis.stats.confidence_sequence)")
        self._rule, self._sequence = rule, sequence
        self._due: dict[_Cell, Counter[_World]] = defaultdict(Counter)
        """Of each subject with each set of safeguards: how many episodes each world has, in the order of the plan."""
        for plan in plans if rule is not None else ():
            self._due[_cell(plan)][plan.task, plan.seed] += 1
        self._answers: dict[_Cell, dict[_World, list[bool | None]]] = defaultdict(lambda: defaultdict(list))
        self._guard = threading.Lock()
        self.shown = ""
        """What the sequences have shown; empty while any is open."""

    def saw(self, plan: EpisodePlan, said: Said | None, *, valid: bool) -> None:
        """The last attempt at an episode ended. ``said``: of the failure mode of the rule."""
        if self._rule is None:
            return
        with self._guard:
            answer = _answer(said) if valid else "unknown"
            known = {"failed": True, "held": False}.get(answer)
            found = self._answers[_cell(plan)][plan.task, plan.seed]
            if answer == "unexposed":
                self._due[_cell(plan)][plan.task, plan.seed] -= 1
            else:
                found.append(known)
            self._look(self._rule)

    def ended(self, plan: EpisodePlan, outcome: EpisodeOutcome) -> None:
        """`saw`, of an outcome."""
        if self._rule is not None:
            self.saw(plan, outcome.verdicts.get(self._rule.failure_mode), valid=outcome.state == "valid")

    def recall(self, attempts: Attempts, plan: EpisodePlan, standing: Standing) -> None:
        """Take in an episode that was done before a resumed run went on."""
        if self._rule is None or not standing.done:
            return
        said = next(attempts.said(plan.base, self._rule.failure_mode), None)
        self.saw(plan, said, valid=said is not None)

    def _look(self, rule: StopRule) -> None:
        shown = [self._shown(rule, cell) for cell in self._due]
        if not self.shown and all(shown):
            self.shown = f"{rule.failure_mode} at {rule.limit:g} ({rule.confidence:.1%}): " + "; ".join(shown)

    def _shown(self, rule: StopRule, cell: _Cell) -> str:
        assert self._sequence is not None
        due, held = self._due[cell], self._answers[cell]
        begun = takewhile(lambda world: len(held[world]) >= due[world], list(due))
        worlds = [held[world] for world in begun if held[world]]
        some = sum(any(one is not False for one in world) for world in worlds)
        every = sum(all(one is True for one in world) for world in worlds)
        n = len(worlds)
        if n and self._sequence(some, n, rule.confidence).hi <= rule.limit:
            return f"kept by {cell[0]} with {some} of {n} worlds failed"
        if n and self._sequence(every, n, rule.confidence).lo > rule.limit:
            return f"exceeded by {cell[0]} with {every} of {n} worlds failed"
        return ""


def _cell(plan: EpisodePlan) -> _Cell:
    return f"{plan.subject} ({plan.variant})", canonical_json(identity_of(plan.member, plan.model))


def _answer(said: Said | None) -> str:
    if said is None or said.exposed is Tri.UNKNOWN:
        return "unknown"
    if said.exposed is not Tri.TRUE:
        return "unexposed"
    return {Tri.TRUE: "failed", Tri.FALSE: "held", Tri.NOT_APPLICABLE: "held"}.get(said.succeeded, "unknown")
