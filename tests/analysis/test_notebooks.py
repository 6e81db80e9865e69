"""The notebooks run from end to end, and what their words say of the numbers holds."""

import json
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
        "len(cost) == 4 and all(pairs + missing == 30 for _, _, pairs, missing, _ in cost)",
    ],
    "3_monitor_calibration": [
        "len(honest) > 0 and len(asked) > 0 and watched['safeguards'].all()",
        "threshold in set(honest['suspicion']) and reached <= wanted",
        "abs(reached / finest - round(reached / finest)) < 1e-9",
        "interval.lo <= caught / len(asked) <= interval.hi",
        "0.5 < auroc <= 1",
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
def test_a_notebook_is_stored_without_outputs(name: str) -> None:
    book: dict[str, Any] = json.loads((HERE / f"{name}.ipynb").read_text())
    code = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    assert all(not line.rstrip().startswith(("!", "%")) for cell in code for line in cell["source"])


@pytest.mark.parametrize("name", CLAIMS)
def test_a_notebook_runs_and_what_it_says_holds(name: str, tmp_path: Path) -> None:
    import nbformat
    from nbclient import NotebookClient

    notebooks: Any = nbformat
    book = notebooks.read(HERE / f"{name}.ipynb", as_version=4)
    claims = "\n".join(f"assert {claim}, {claim!r}" for claim in CLAIMS[name])
    book.cells.append(notebooks.v4.new_code_cell(claims))
    client: Any = NotebookClient(book, timeout=120, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()


def test_the_stored_tables_are_those_that_the_generator_makes(tmp_path: Path) -> None:
    """`python .ci/notebooks.py` writes them."""
    write_tables(tmp_path / "data", 240)
    made, stored = load(tmp_path / "data"), load(HERE / "data")
    assert made.verdicts.equals(stored.verdicts)
    assert made.episodes.equals(stored.episodes)
