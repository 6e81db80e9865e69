"""Section 12: what differs from an earlier run."""

from collections.abc import Iterator

from .._words import percent
from ._build import SIDES, Build, Model, modes, note, per_model
from ._document import Block, Line, Paragraph, Quoted, Ref, Section, Table, line
from ._numbers import Ledger


def section(build: Build) -> Section:
    """The change log."""
    if build.earlier is None:
        blocks: tuple[Block, ...] = (Paragraph(line("No earlier run was given (--against RUN).")),)
        return Section("changes", "Change log", blocks)
    found: list[Block] = [_manifests(build, build.earlier)]
    for model, heading in per_model(build):
        found += [heading, *_rates(build, build.earlier, model)]
    found.append(note("Numbers whose id begins with E are of the earlier run. Overlapping intervals show no change."))
    return Section("changes", "Change log", tuple(found))


def _manifests(build: Build, earlier: Ledger) -> Table:
    facts = [_facts(one) for one in (earlier, build.ledger)]
    names = sorted({name for one in facts for name in one})
    rows = [
        (line(Quoted(name)), *(line(Quoted(one.get(name, "not stated"))) for one in facts))
        for name in names
        if facts[0].get(name) != facts[1].get(name)
    ]
    return Table("What was run differently.", ("fact", "earlier", "now"), tuple(rows))


def _facts(ledger: Ledger) -> dict[str, str]:
    found: dict[str, str] = {}
    for info in ledger.data.runs:
        if info.manifest is not None:
            manifest = info.manifest
            found |= {"run": manifest.run_id, "root hash": manifest.root}
            found |= {f"version of {name}": str(value) for name, value in manifest.versions.items()}
            found |= {f"image {name}": str(value) for name, value in manifest.image.items()}
            found |= {f"task {name}": str(value) for name, value in manifest.tasks.items()}
    for source in ledger.data.sources:
        if source.folder is None:
            found |= {"run": source.run_id or "not stated", "root hash": source.root or "not stated"}
    return found


def _rates(build: Build, earlier: Ledger, model: Model) -> Iterator[Block]:
    rows = [
        row
        for mode in modes(build, model.filters)
        for form in model.forms
        for side in SIDES
        for row in _row(build, earlier, model, (form, mode, side))
    ]
    if rows:
        columns = ("failure mode", "form", "safeguards", "earlier", "id", "now", "id")
        yield Table("Failure rates.", columns, tuple(rows))
    else:
        yield Paragraph(line("No verdict of this model stands in both runs."))


def _row(build: Build, earlier: Ledger, model: Model, asked: tuple[str, str, str]) -> Iterator[tuple[Line, ...]]:
    form, mode, side = asked
    filters = {**model.of(form), "failure_mode": mode, **SIDES[side]}
    before, now = (ledger.measure("failure_rate", filters) for ledger in (earlier, build.ledger))
    if now.episodes:
        cells: list[Line] = []
        for of in (before, now):
            rate = of.found
            ends = (of.number("lo", percent(rate.lo)), " to ", of.number("hi", percent(rate.hi)))
            shown = (of.number("value", percent(rate.value)), " (", *ends, "), n = ", of.number("n", str(rate.n)))
            cells += [line(*shown), line(Ref(of.id))]
        yield (line(Quoted(mode)), line(form.replace("_", " ")), line(side), *cells)
