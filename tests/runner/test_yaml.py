"""The reader of specifications gives plain data with lines, and refuses what has no place in one."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from offswitch.records import MOST_YAML_BYTES
from offswitch.records import YamlDocument as Document
from offswitch.runner import SpecError
from offswitch.runner._yaml import parse

from .specs import DATA


@given(DATA)
def test_plain_data_written_by_a_yaml_writer_is_read_back(data: dict[str, Any]) -> None:
    """PyYAML quotes whatever another reading of YAML would take for something else."""
    assert parse(yaml.safe_dump(data, allow_unicode=True), "s").data == (data or {})


@given(st.text(max_size=200))
def test_any_text_is_either_read_or_refused_in_one_line_that_names_the_file(text: str) -> None:
    try:
        parse(text, "some.yaml")
    except SpecError as error:
        (problem,) = error.problems
        assert problem.startswith("some.yaml")
        assert "\n" not in problem


@pytest.mark.parametrize("word", ["on", "off", "yes", "no", "Yes", "1:30", "2031-01-01", "0x10", "1_000", "0o17"])
def test_words_that_only_old_yaml_takes_for_something_else_stay_words(word: str) -> None:
    assert parse(f"key: {word}", "s").data == {"key": word}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("~", None),
        ("", None),
        ("null", None),
        ("true", True),
        ("False", False),
        ("-7", -7),
        ("1e3", 1000.0),
        (".5", 0.5),
    ],
)
def test_the_core_of_yaml_is_understood(text: str, value: object) -> None:
    assert parse(f"key: {text}", "s").data == {"key": value}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: 1\nb: 2\na: 3", "line 3: the key 'a' comes twice"),
        ("a:\n  b: 1\n  b: 2", "line 3: the key 'b' comes twice"),
        ("1: x", "line 1: a key must be a text"),
        ("true: x", "line 1: a key must be a text"),
        ("? [a]\n: b", "line 1: a key must be a text"),
        ("a: &x 1\nb: *x", "line 1: is no YAML: anchors and aliases are not allowed"),
        ("a: *x", "line 1: is no YAML: anchors and aliases are not allowed"),
        ("a: !!python/object/apply:os.system [ls]", "line 1: the tag tag:yaml.org,2002:python/object/apply:os.system"),
        ("a: !env HOME", "line 1: the tag !env is not allowed"),
        ("a: !!int 1x", "line 1: '1x' is no usable int"),
        ("a: !!bool maybe", "line 1: 'maybe' is no usable bool"),
        ("a: 1\n---\nb: 2", "line 2: is no YAML: but found another document"),
        ("a: [1, 2", "line 1: is no YAML"),
        ("a:\n\t- 1", "line 2: is no YAML"),
        ("a: " + "[" * 60 + "]" * 60, "line 1: is no YAML: is nested deeper than 24 levels"),
        ("a: " + "9" * 5000, "line 1: '99999999999999999999' is no usable int"),
        ("a: \x00", "is no YAML"),
        ("a: " + "x" * MOST_YAML_BYTES, "is larger than 1024 KiB"),
    ],
)
def test_what_cannot_have_been_meant_is_refused_with_its_line(text: str, complaint: str) -> None:
    with pytest.raises(SpecError) as refused:
        parse(text, "s.yaml")
    assert str(refused.value).startswith("s.yaml")
    assert complaint in str(refused.value)


def test_a_bomb_of_aliases_costs_nothing() -> None:
    bomb = "a: &a [x, x]\n" + "".join(
        f"{n}{n}: &{n} [*{p}, *{p}]\n" for p, n in zip("abcdefgh", "bcdefghi", strict=True)
    )
    with pytest.raises(SpecError, match="anchors and aliases"):
        parse(bomb, "s")


def test_every_part_knows_its_line() -> None:
    document = parse("a: 1\nb:\n  - c: 2\n  - d\n", "s.yaml")
    assert document.place(("b", 0, "c")) == "s.yaml, line 3"
    assert document.place(("b", 1)) == "s.yaml, line 4"


def test_a_part_that_a_shorthand_leaves_out_has_the_line_of_what_was_written() -> None:
    document = parse("a: 1\nsubjects:\n  - oracle\n", "s.yaml")
    assert document.place(("subjects", "*", 0)) == "s.yaml, line 3"
    assert document.place(("nothing", "of", "this")) == "s.yaml, line 1"
    assert Document("flags", {"a": 1}).place(("a",)) == "flags"
