"""What is done to a run while the disk fails: every kind of writing that the records layer has."""

from collections.abc import Callable
from pathlib import Path

from offswitch.records import RunStore
from offswitch.records._atomic import replace_file

from .example import SPEC, facts, story, verdict

Acknowledge = Callable[[str], None]
"""Says that something is done: ``begun``, ``record EPISODE COUNT`` (on the disk), ``sealed EPISODE`` …"""


def episode(store: RunStore, name: str, acknowledge: Acknowledge) -> None:
    """One sealed episode with an artifact and a stored verdict."""
    manifest = store.evidence.put_json({"files": name})
    acknowledge(f"artifact {manifest}")
    ledger = store.open_ledger(name)
    for number, event in enumerate(story(name, manifest), start=1):
        ledger.append(event, sync=True)
        acknowledge(f"record {name} {number}")
    store.seal(ledger)
    acknowledge(f"sealed {name}")
    store.write_verdicts(name, "v2", [verdict(name)])
    acknowledge(f"judged {name}")


def whole_run(folder: Path, acknowledge: Acknowledge) -> None:
    """A run from its start to its end; below ``folder``, which is there."""
    with RunStore.create(folder / "RUN", facts(), SPEC) as store:
        acknowledge("begun")
        episode(store, "e1", acknowledge)
        replace_file(store.paths.readme, "offswitch run …".encode())
        store.anchor_file(store.paths.readme)
        acknowledge("anchored README.txt")
        episode(store, "e2", acknowledge)
    acknowledge("closed")


def careless(folder: Path, acknowledge: Acknowledge) -> None:
    """What no part of the records layer does: a write whose failure has no type, a success that is none."""
    (folder / "notes").write_text("x" * 100, encoding="utf-8")
    acknowledge("begun")
