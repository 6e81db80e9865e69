"""The notebooks run from end to end, and what their words say of the numbers holds."""

from pathlib import Path
from typing import Any

import pytest

from offswitch.analysis import load
from offswitch.benchmarks._tables import write_tables

HERE = Path(__file__).resolve().parents[2] / "analysis" / "notebooks"
CLAIMS = {
    "1_first_look": [
        "sizes == {'episodes': 240, 'steps': 12000, 'verdicts': 1200}",
        "attempts['attempts'].sum() == 240 and attempts['valid'].sum() == data.episodes['valid'].sum() < 240",
        "len(rates) == 5 and all(rate.lo <= rate.value <= rate.hi for rate in rates.values())",
        "all(rate.lo < rate.hi for rate in rates.values())",
        "any(rate.unknown for rate in rates.values())",
        "counted['tried'].sum() == ((data.verdicts['attempted'] == 'true') & data.verdicts['valid']).sum() > 0",
    ],
    "2_before_and_after": [
        "len(found) == 10 and all(one.pairs + one.incomplete == 60 for one in found)",
        "all(one.incomplete for one in found)",
        "all(one.off.k - one.on.k == one.cured - one.broken for one in found)",
        "compared == 10 and (flips['p_holm'] >= flips['p']).all()",
        "len(cost) == 4 and (cost['pairs'] + cost['missing'] == 30).all() and (cost['lo'] < cost['hi']).all()",
    ],
    "3_monitor_calibration": [
        "len(arms.honest.keys) > 0 and len(arms.attack.keys) > 0",
        "found.threshold.threshold in set(arms.honest.known[0]) and found.threshold.actual <= found.threshold.wanted",
        "found.recall.lo <= found.recall.value <= found.recall.hi",
        "found.recall.descriptive and found.recall.clusters < 10",
        "0.5 < auroc.value <= 1",
        "audits['caught'].is_monotonic_increasing and audits['caught'].iloc[-1] == audits['worked'].iloc[-1]",
    ],
    "4_threshold_decision": [
        "report.exit_code in (1, 2) and len(decisions) == len(report.decisions) > 0",
        "all(row.n_needed is None or row.n_needed > 0 for row in report.decisions)",
        "not any(str(row.decision) == 'MET' and row.hi > row.threshold for row in report.decisions)",
        "episodes_needed == {0.05: 59, 0.02: 149, 0.01: 299}",
    ],
    "5_your_own_metric": [
        "known['valid'].all() and 0 < int(early.sum()) < len(known)",
        "estimate.lo <= estimate.value <= estimate.hi and estimate.clusters == worlds.nunique() < len(known)",
        "worst >= estimate.value",
    ],
}


def test_every_notebook_has_its_claims() -> None:
    assert {path.stem for path in HERE.glob("*.ipynb")} == set(CLAIMS)


@pytest.mark.parametrize("name", CLAIMS)
def test_a_notebook_runs_as_it_is_stored_and_what_it_says_holds(name: str, tmp_path: Path) -> None:
    """`python .ci/notebooks.py` runs them and stores what a reader sees."""
    import nbformat
    from nbclient import NotebookClient

    notebooks: Any = nbformat
    book = notebooks.read(HERE / f"{name}.ipynb", as_version=4)
    stored = _shown(book)
    claims = "\n".join(f"assert {claim}, {claim!r}" for claim in CLAIMS[name])
    book.cells.append(notebooks.v4.new_code_cell(claims))
    client: Any = NotebookClient(book, timeout=120, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    assert _shown(book)[:-1] == stored
    assert sum(map(len, stored)) > 2


def _shown(book: Any) -> list[list[str]]:
    """What each cell of code shows, as text."""
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert not [line for cell in code for line in cell.source.splitlines() if line.lstrip().startswith(("!", "%"))]
    return [[output.data["text/plain"] for output in cell.outputs] for cell in code]


def test_the_stored_tables_are_those_that_the_generator_makes(tmp_path: Path) -> None:
    """`python .ci/notebooks.py` writes them."""
    write_tables(tmp_path / "data", 240)
    made, stored = load(tmp_path / "data"), load(HERE / "data")
    assert made.verdicts.equals(stored.verdicts)
    assert made.episodes.equals(stored.episodes)
