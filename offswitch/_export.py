"""``offswitch export``: the tables of runs as files."""

from collections.abc import Sequence
from pathlib import Path

from ._exits import OK, USAGE
from ._screen import say, warn
from ._show import show_json

FORMATS = ("parquet", "csv")


def export(runs: Sequence[Path], *, out: Path, kind: str, verdicts: str, as_json: bool) -> int:
    """Write the tables, and say what they were made of."""
    from offswitch.analysis import export as write
    from offswitch.analysis.tables import Format

    if kind not in FORMATS:
        warn(f"offswitch: export: no format is called {kind!r}; there are: {', '.join(FORMATS)}")
        return USAGE
    told = write(list(runs), out, format=Format(kind), verdicts=verdicts)
    if as_json:
        show_json({"folder": str(out), **told.model_dump(mode="json")})
        return OK
    for facts in told.tables.values():
        say(f"{out / facts.file}: {facts.rows} rows")
    for source in told.sources:
        say(f"run {source.run_id or 'without a manifest'}: {source.state}, root hash {source.root or 'unknown'}")
    say(told.note)
    return OK
