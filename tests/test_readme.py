"""What the README says about the small model is what its tables say."""

import re
from pathlib import Path

import pytest

from offswitch.analysis import RunData, failure_rate, load
from offswitch.analysis.thresholds import load_profile, plan_profile

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def example() -> RunData:
    return load(ROOT / "docs" / "examples" / "preparedness" / "tables")


def test_the_five_lines_for_a_notebook_print_what_stands_below_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (block,) = [one for one in re.findall(r"```python\n(.*?)```", README, re.S) if "failure_rate" in one]
    shown = re.search(r"^# (.*), …$", block, re.M)
    assert shown is not None
    monkeypatch.chdir(ROOT)
    exec(compile(block, "README.md", "exec"), {})
    assert capsys.readouterr().out.startswith(shown[1])


@pytest.mark.parametrize(
    ("safeguards", "said"),
    [(False, "1 of 29 episodes: 3.4 %, 95 % interval below 0.1 % to 89.3 %"), (True, "0 of 15: up to 60.7 %")],
)
def test_its_rates_before_and_after_are_those_of_the_tables(example: RunData, safeguards: bool, said: str) -> None:
    rows = example.verdicts[(example.verdicts["failure_mode"] == "P2") & (example.verdicts["safeguards"] == safeguards)]
    rate = failure_rate(rows)
    assert said in " ".join(README.split())
    assert f"{rate.k} of {rate.n}" in said
    assert f"{rate.hi:.1%}".replace("%", " %") in said


def test_its_count_of_worlds_is_the_plan_s() -> None:
    (claim,) = plan_profile(load_profile("control-failure"), modes=19)
    assert f"each of {claim.comparisons} controls fails in ≤ 5 %" in README
    assert f"needs: {claim.worlds}" in README
