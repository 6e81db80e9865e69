"""Every metric says what it is, over what, and what counts as independent."""

from inspect import getdoc, isfunction
from pathlib import Path

import pytest

from offswitch.analysis import metrics

NAMES = [name for name in metrics.__all__ if isfunction(getattr(metrics, name))]
PAGE = Path(__file__).resolve().parents[3] / "docs" / "metrics.md"


@pytest.mark.parametrize("name", NAMES)
def test_the_page_says_what_the_docstring_says(name: str) -> None:
    told = getdoc(getattr(metrics, name))
    assert told
    assert f"## {name}\n" in PAGE.read_text()
    assert told in PAGE.read_text(), "make metrics writes the page anew"
