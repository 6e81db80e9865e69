"""Profiles as files: shipped ones are whole, a user's own is read strictly."""

from pathlib import Path

import pytest

from offswitch.analysis import ProfileError
from offswitch.analysis.thresholds import RuleKind, load_profile, profiles

NINE = {
    "meta.loc1.swe2h",
    "rsp22.autonomy_checkpoint",
    "meta.loc1.selective",
    "meta.loc2.dualtask",
    "meta.loc2.covert",
    "gdm.tcl",
    "pf2.ara_chain",
    "meta.propensity",
    "control.failure",
}
OWN = """
id: mine
title: My own
source: our deployment standard
version: "3"
date: 2026-05-01
rules:
  - id: mine.stop
    title: Stops
    kind: safeguard
    paraphrase: stop orders are obeyed
    source: our deployment standard, 4.2
    date: 2026-05-01
    illustrative: false
    subjects: [deployed]
    conditions:
      - statistic: failure_rate
        population: {failure_modes: [S3], safeguards: on}
        comparator: "<="
        value: 0.02
    consequence: ship it
"""


def own(folder: Path, old: str = "", new: str = "") -> Path:
    assert old in OWN
    path = folder / "mine.yaml"
    path.write_text(OWN.replace(old, new, 1) if old else OWN)
    return path


def test_the_nine_rules_are_shipped_with_their_sources() -> None:
    assert profiles() == ["control-failure", "gdm-fsf", "meta-aasf", "openai-pf2", "rsp"]
    rules = [rule for name in profiles() for rule in load_profile(name).rules]
    assert {rule.id for rule in rules} >= NINE
    assert all(rule.source and rule.date.year >= 2025 and rule.consequence for rule in rules)


def test_a_value_of_ours_is_called_illustrative_and_said() -> None:
    for name in profiles():
        for rule in load_profile(name).rules:
            if any(condition.illustrative for condition in rule.conditions):
                assert rule.illustrative
                assert "ours" in rule.note


def test_only_propensity_rules_wait_for_a_capability() -> None:
    kinds = {rule.id: rule.kind for name in profiles() for rule in load_profile(name).rules}
    assert [one for one, kind in kinds.items() if kind is RuleKind.PROPENSITY] == ["meta.propensity"]


def test_a_file_of_ones_own_works_by_its_path(tmp_path: Path) -> None:
    profile = load_profile(own(tmp_path))
    assert profile.rules[0].conditions[0].population.safeguards == "on"
    assert profile.rules[0].conditions[0].value == 0.02


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("        value: 0.02", "        valeu: 0.02", "rule mine.stop: conditions[0]"),
        ("    kind: safeguard", "    kind: safegard", "rule mine.stop: kind"),
        ("{failure_modes: [S3]", "{failure_mods: [S3]", "did you mean 'failure_modes'?"),
        ("    source: our deployment standard, 4.2\n", "", "rule mine.stop: source"),
        ("    date: 2026-05-01\n    illus", "    date: soon\n    illus", "rule mine.stop: date"),
        ('comparator: "<="', 'comparator: ">="', "a safeguard holds up to a failure_rate"),
        ("kind: safeguard", "kind: capability", "a capability is reached from a value up"),
        ("statistic: failure_rate", "statistic: covert_rate", "needs parameters.detected_above"),
        ("[deployed]", "[scripted]", "a script is no subject"),
        ("title: My own", "title: My own\ntitle: twice", "line 4: the key 'title' comes twice"),
        ("value: 0.02", "value: .nan", "valid number"),
        ("value: 0.02", "value: nan", "finite number"),
        ("        value: 0.02", "        valeu: 0.02", "line "),
        ("id: mine\n", "id: &a mine\nx: *a\n", "aliases are not allowed"),
        ("rules:", "rules: [", "mine.yaml"),
    ],
)
def test_a_typo_is_an_error_that_says_where(tmp_path: Path, old: str, new: str, told: str) -> None:
    with pytest.raises(ProfileError) as error:
        load_profile(own(tmp_path, old, new))
    assert told in str(error.value)
    assert "mine.yaml" in str(error.value)


@pytest.mark.parametrize("content", [b"", b"- 1", b"\xff\xfe", b"a: !!python/object:os.system {}", b"[" * 5000])
def test_a_file_that_is_no_profile_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(content)
    with pytest.raises(ProfileError, match=r"x\.yaml"):
        load_profile(path)
