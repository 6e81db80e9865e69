"""Reads the table of rules, ``rules.toml``."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ._rule import Rule

_TABLE = Path(__file__).with_name("rules.toml")


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule of the table, by family."""
    return parse_table(tomllib.loads(_TABLE.read_text(encoding="utf-8")))


def parse_table(table: Mapping[str, Any]) -> tuple[Rule, ...]:
    """The rules of a table. Raises ValueError for an unknown word, and for a field that a rule does not have."""
    families: Mapping[str, Sequence[dict[str, Any]]] = table["families"]
    try:
        return tuple(_rule(family, row, table) for family, rows in families.items() for row in rows)
    except ValidationError as error:
        raise ValueError(f"table of rules: {error}") from None


_PATTERNS = ("subject", "text", "unless", "asked")


def _rule(family: str, row: Mapping[str, Any], table: Mapping[str, Any]) -> Rule:
    patterns = {name: _spelled(row[name], table["words"]) for name in _PATTERNS if name in row}
    return Rule.model_validate({**row, "family": family, "kinds": _kinds(row["kinds"], table["kinds"]), **patterns})


def _spelled(pattern: str, words: Mapping[str, str]) -> str:
    def word(match: re.Match[str]) -> str:
        if match[1] not in words:
            raise ValueError(f"unknown word %{match[1]}% in a rule; known: {', '.join(words)}")
        return f"(?:{words[match[1]]})"

    return re.sub(r"%(\w+)%", word, pattern)


def _kinds(names: Sequence[str], groups: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    found = (kind for name in names for kind in (groups[name[1:]] if name.startswith("@") else [name]))
    return tuple(dict.fromkeys(found))
