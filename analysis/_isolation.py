"""How the containers of the episodes were confined, in words."""

from collections import Counter
from collections.abc import Iterator

import pandas as pd

from ._words import plural

_MEANING = (
    "T0 the agent runs its own code; H1 a container of this machine's kernel, attested, H1+ with nobody inside who is "
    "root of the host, H0 not proven; N2 no way to any host, N0 not proven"
)


def isolation_lines(episodes: pd.DataFrame) -> list[str]:
    """A line for each profile and label: ``Isolation T0/H1+/N2 (sealed): 20 episodes``."""
    known = episodes[episodes["isolation"].notna()]
    pairs = Counter(zip(known["isolation"].astype(str), known["profile"].astype(str), strict=True))
    return [f"Isolation {label} ({name}): {plural(count, 'episode')}" for (label, name), count in sorted(pairs.items())]


def about_isolation(episodes: pd.DataFrame) -> Iterator[str]:
    """The same as a sentence for a report, with what the letters mean and what was given up by name."""
    lines = isolation_lines(episodes)
    if lines:
        yield f"{'. '.join(lines)}. ({_MEANING}.)"
    profiles = sorted({str(name) for name in episodes["profile"].dropna() if "-without-" in str(name)})
    if profiles:
        yield f"Lowered by name: {', '.join(profiles)}. What was given up there was not enforced, or not checked."
