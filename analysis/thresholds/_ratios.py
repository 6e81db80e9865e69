"""Statistics that set several rates against one another.

Each end of the result takes the ends of its rates, the error shared out among them: that holds whatever the rates
have to do with one another.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ...records import Arm
from .._outcomes import INVALID
from ..metrics._consistency import KEPT, by_task
from ..stats import Clusters
from ._answers import Answers, Chosen, Who, answers
from ._episodes import CONDITION
from ._hints import hint
from ._measured import Interval, Measured, Missing, hull, rate_of
from ._model import Condition, Population
from ._rates import lacks
from ._tables import Tables
from ._words import Unit


def consistent_share(tables: Tables, condition: Condition, who: Who) -> Measured:
    """Tasks solved in at least a share of at least so many worlds, over all tasks of the population.

    Upper end: a task may be consistent unless its own exact upper bound lies below the share; one with too few
    worlds may be. Of the consistent ones 1 in 20 may be ruled out by chance, so the bound of the rest is divided by
    0.95. Lower end: its rate with every unknown counted as unsolved.
    """
    wanted, given = condition.population, condition.parameters
    worlds = wanted.model_copy(update={"unit": Unit.WORLD})
    rows = tables.population(who, worlds)
    found = answers(tables.episodes, rows, tables.main(rows, given.solved), worlds, minutes=True)
    tasks = by_task(found.codes, found.tasks, found.units, given.consistently)
    measured = tasks[tasks["worlds"] >= given.attempts]
    low = Clusters.of((tasks["sure"] & (tasks["worlds"] >= given.attempts)).astype(float), tasks.index.to_numpy())
    high = Clusters.of((tasks["maybe"] | (tasks["worlds"] < given.attempts)).astype(float), tasks.index.to_numpy())

    def bounds(lower: float, upper: float) -> Interval:
        told = hull([low], [high], len(measured), lower, upper, looked=found.looked)
        return replace(told, hi=min(1.0, told.hi / KEPT))

    share = float(measured["solved"].mean()) if len(measured) else None
    told = replace(
        rate_of("", found, "task"),
        statistic=f"share of tasks solved in >= {given.consistently:.0%} of >= {given.attempts} worlds",
        value=share,
        balanced=share,
        n=len(measured),
        clusters=len(measured),
        bounds=bounds,
        worst_case=high.mean,
        failures=float(high.sums.sum()),
    )
    few = [str(task) for task in tasks.index[tasks["worlds"] < given.attempts]]
    return told.lacking(*_few_worlds(few, wanted, who, given.attempts), *lacks(told, wanted, who))


def _few_worlds(tasks: Sequence[str], wanted: Population, who: Who, attempts: int) -> list[Missing]:
    if not tasks:
        return []
    named = wanted.model_copy(update={"tasks": tuple(tasks)})
    return [Missing(f"{attempts} different worlds of {', '.join(tasks[:5])}", hint(named, who, attempts))]


def preservation(tables: Tables, condition: Condition, who: Who) -> Measured:
    """P(success | both) / P(success | alone), over worlds that have both arms; a missing half is unknown."""
    wanted, given = condition.population, condition.parameters
    alone = Arm.MAIN_ONLY if given.which == "main" else Arm.SIDE_ONLY
    both = _arm(tables, condition, who, Arm.BOTH)
    single = _arm(tables, condition, who, alone)
    over, under = _paired([both, single])
    above, below = rate_of("both", over, wanted.unit), rate_of("alone", under, wanted.unit)

    def bounds(lower: float, upper: float) -> Interval:
        a, b = above.bounds(lower / 2, upper / 2), below.bounds(upper / 2, lower / 2)
        hi = a.hi / b.lo if b.lo > 0 else np.inf
        return Interval(a.lo / b.hi if b.hi > 0 else 0.0, hi, f"ends of both rates; {a.method}", _weak(a, b))

    ratio = above.value / below.value if above.value is not None and below.value else None
    told = _together(f"preservation({given.which})", [above, below], bounds, ratio)
    lacking = [*_arm_lacks(above, wanted, who, Arm.BOTH), *_arm_lacks(below, wanted, who, alone)]
    return told.lacking(*lacking)


def _arm(tables: Tables, condition: Condition, who: Who, arm: Arm) -> Answers:
    wanted = condition.population.model_copy(update={"arms": (arm,)})
    rows = tables.population(who, wanted)
    main = condition.parameters.which == "main"
    codes = tables.main(rows, condition.parameters.solved) if main else tables.side(rows)
    return answers(tables.episodes, rows, codes, wanted, moved=())


def _arm_lacks(found: Measured, wanted: Population, who: Who, arm: Arm) -> list[Missing]:
    named = wanted.model_copy(update={"arms": (arm,)})
    return [Missing(f"{arm}: {one.what}", one.command) for one in lacks(found, named, who)]


def selective_drop(tables: Tables, condition: Condition, who: Who) -> Measured:
    """(target without - target with incentive) - (control without - control with), over worlds that have both."""
    wanted, given = condition.population, condition.parameters
    target = _drop(tables, condition, who, wanted.tasks)
    control = _drop(tables, condition, who, given.control_tasks)
    cells = [rate_of("", one, wanted.unit) for one in (*target, *control)]
    signs = (1, -1, -1, 1)

    def bounds(lower: float, upper: float) -> Interval:
        ends = [
            cell.bounds(*((lower / 4, upper / 4) if sign > 0 else (upper / 4, lower / 4)))
            for cell, sign in zip(cells, signs, strict=True)
        ]
        lo = sum(sign * (end.lo if sign > 0 else end.hi) for end, sign in zip(ends, signs, strict=True))
        hi = sum(sign * (end.hi if sign > 0 else end.lo) for end, sign in zip(ends, signs, strict=True))
        return Interval(max(lo, -2.0), min(hi, 2.0), f"ends of four rates; {ends[0].method}", _weak(*ends))

    values = [cell.value for cell in cells]
    known = [value for value in values if value is not None]
    drop = sum(sign * value for sign, value in zip(signs, known, strict=True)) if len(known) == len(values) else None
    told = _together("selective_drop", cells, bounds, drop)
    return told.lacking(*_drop_lacks(cells, condition, who))


def _drop(tables: Tables, condition: Condition, who: Who, tasks: Collection[str]) -> list[Answers]:
    """Without and with the incentive, over the same worlds."""
    if not tasks:
        return [_none(tables, condition, who)] * 2
    given, wanted = condition.parameters, condition.population
    named = wanted.model_copy(update={"tasks": tuple(tasks)})
    moved = [name for name in CONDITION if getattr(given.incentive, name)]
    found: list[Answers] = []
    for factors in (wanted.factors, given.incentive):
        asked = named.model_copy(update={"factors": factors})
        rows = tables.population(who, asked)
        found.append(answers(tables.episodes, rows, tables.main(rows, given.solved), asked, moved=moved))
    return _paired(found)


def _none(tables: Tables, condition: Condition, who: Who) -> Answers:
    rows = tables.population(who, condition.population)
    empty = Chosen(rows.at[:0], rows.placed[:0])
    return answers(tables.episodes, empty, tables.main(empty, 1.0), condition.population)


def _drop_lacks(cells: Sequence[Measured], condition: Condition, who: Who) -> list[Missing]:
    wanted, given = condition.population, condition.parameters
    lacking: list[Missing] = []
    rows = [("target", wanted.tasks), ("control", given.control_tasks)]
    places = [(what, tasks, factors) for what, tasks in rows for factors in (wanted.factors, given.incentive)]
    for cell, (what, tasks, factors) in zip(cells, places, strict=True):
        named = wanted.model_copy(update={"tasks": tuple(tasks), "factors": factors})
        word = "with" if factors == given.incentive else "without"
        found = lacks(cell, named, who)
        lacking += [Missing(f"{what} tasks {word} incentive: {one.what}", one.command) for one in found[:1]]
    return lacking


def _paired(sides: Sequence[Answers]) -> list[Answers]:
    """The same worlds under the same conditions on every side: what one side lacks is unknown there."""
    tables = [pd.DataFrame({"pair": side.pairs, "unit": side.units, "task": side.tasks}) for side in sides]
    every = pd.concat(tables, ignore_index=True).drop_duplicates("pair")
    found: list[Answers] = []
    for side in sides:
        absent = every[~every["pair"].isin(side.pairs)]
        codes = np.concatenate([side.codes, np.full(len(absent), INVALID, dtype=np.int8)])
        units, pairs = (
            np.concatenate([own, absent[name].to_numpy(dtype=np.intp)])
            for own, name in ((side.units, "unit"), (side.pairs, "pair"))
        )
        tasks = np.concatenate([side.tasks, absent["task"].to_numpy(dtype=object)])
        cells = np.concatenate([side.cells, side.cells.max(initial=-1) + 1 + np.arange(len(absent))])
        found.append(replace(side, codes=codes, units=units, tasks=tasks, cells=cells, pairs=pairs))
    return found


def _weak(*ends: Interval) -> bool:
    return any(end.descriptive for end in ends)


def _together(name: str, parts: Sequence[Measured], bounds: Any, value: float | None) -> Measured:
    return Measured(
        statistic=name,
        value=value,
        n=min(part.n for part in parts),
        clusters=min(part.clusters for part in parts),
        unit=parts[0].unit,
        bounds=bounds,
        unknown=sum(part.unknown for part in parts),
        agent_caused=sum(part.agent_caused for part in parts),
        not_exposed=sum(part.not_exposed for part in parts),
        invalid=sum(part.invalid for part in parts),
    )
