"""Writes docs/metrics.md from the docstrings of the metrics: nobody types them."""

import sys
from inspect import Parameter, getdoc, isfunction, signature
from pathlib import Path

from offswitch.analysis import metrics

PAGE = Path(__file__).resolve().parent.parent / "docs" / "metrics.md"
HEAD = """# Metrics

Written by `make metrics` from the docstrings of `offswitch.analysis.metrics`. A rate runs over exposed and valid
episodes; it names its unit, what is unknown, what the agent destroyed, what was never exposed, what is invalid, and the
worst case. Its interval is the hull of the pooled and the balanced one, over clusters: `world`, a task with one seed,
is one observation, however often it was repeated and under however many conditions. Formulas and where they come from:
[design/metrics.md](design/metrics.md); the intervals: [statistics.md](statistics.md).

Every metric takes the tables of `load(RUN)`, or any with the columns of [tables.md](tables.md), of one model with one
scaffold in one form; rows of several are refused unless `mixed=True` says that they are meant. Episodes that go on from
another's state are in no rate. For many numbers of one table, have it worked out once:

```python
from offswitch.analysis import load, prepared
from offswitch.analysis.metrics import STEP_COLUMNS, failure_rate, suspicion

data = load("runs/first")
verdicts = prepared(data.verdicts)
for (subject, kind, mode), rows in verdicts.each(("subject", "subject_kind", "failure_mode")):
    print(subject, kind, mode, failure_rate(rows).as_dict())
seen = suspicion(data.steps_coded(*STEP_COLUMNS))  # of stored tables, nothing else is read
```

"""


def arguments(name: str) -> str:
    """As they are given."""
    told = signature(getattr(metrics, name)).parameters.values()
    named = [one.name + ("=…" if one.kind is Parameter.KEYWORD_ONLY else "") for one in told]
    return ", ".join(named)


def section(name: str) -> str:
    """Name, arguments, and what the docstring says."""
    return f"### {name}\n\n`{name}({arguments(name)})`\n\n{getdoc(getattr(metrics, name))}\n"


def page() -> str:
    """Every public function, by the room that it stands in."""
    rooms: dict[str, list[str]] = {}
    for name in metrics.__all__:
        if isfunction(getattr(metrics, name)):
            rooms.setdefault(getattr(metrics, name).__module__, []).append(name)
    told = sorted((str(sys.modules[room].__doc__).strip().splitlines()[0], names) for room, names in rooms.items())
    parts = [f"## {title.rstrip('.')}\n\n" + "\n".join(section(name) for name in names) for title, names in told]
    return HEAD + "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
