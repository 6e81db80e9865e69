"""A monitor or protocol is one file; what is broken, doubled or misspelt is told, and nothing else suffers."""

import importlib
import logging
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from offswitch.monitors import (
    DuplicateIdError,
    MonitorError,
    SettingError,
    UnknownIdError,
    _registry,
    protocols,
    suspicion,
)
from offswitch.monitors._registry import Registry
from offswitch.monitors.suspicion import SuspicionMonitor
from offswitch.records import MonitorSpec

from .watchers import PLUGIN

GROUP = "offswitch.monitors"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An importable package of its own, empty."""
    package = tmp_path / "plugins_under_test"
    package.mkdir()
    (package / "__init__.py").write_text("")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    importlib.invalidate_caches()
    yield package
    for name in [name for name in sys.modules if name.startswith("plugins_under_test")]:
        del sys.modules[name]


def registry() -> Registry[SuspicionMonitor]:
    return Registry("suspicion monitor", SuspicionMonitor, "plugins_under_test", GROUP)


def test_a_new_file_is_a_new_monitor(folder: Path) -> None:
    (folder / "first.py").write_text(PLUGIN.format(name="First", id="first"))
    (folder / "second.py").write_text(PLUGIN.format(name="Second", id="second"))
    assert registry().names() == ("first", "second")
    assert registry().get("first").from_params({}).name == "first"


def test_helpers_and_what_a_plugin_imports_are_no_plugins(folder: Path) -> None:
    (folder / "_helper.py").write_text(PLUGIN.format(name="Helper", id="helper"))
    (folder / "first.py").write_text(PLUGIN.format(name="First", id="first") + "from ._helper import Helper\n")
    (folder / "half.py").write_text(
        "from offswitch.monitors.suspicion import SuspicionMonitor\nclass Half(SuspicionMonitor):\n    id = 'half'\n"
    )
    assert registry().names() == ("first",)


@pytest.mark.parametrize(
    "source", ["import nothing_of_this_name", "1 / 0", "def (:", "raise SystemExit(3)", "raise RecursionError", "\x00"]
)
def test_a_broken_file_is_reported_and_the_others_go_on(
    folder: Path, caplog: pytest.LogCaptureFixture, source: str
) -> None:
    (folder / "broken.py").write_text(source)
    (folder / "fine.py").write_text(PLUGIN.format(name="Fine", id="fine"))
    found = registry()
    with caplog.at_level(logging.WARNING):
        assert found.names() == ("fine",)
    assert list(found.broken()) == ["plugins_under_test.broken"]
    assert "plugins_under_test.broken" in caplog.text
    with pytest.raises(UnknownIdError, match=r"broken: plugins_under_test\.broken"):
        found.get("broken")


def test_a_doubled_id_is_refused_and_both_places_are_named(folder: Path) -> None:
    (folder / "one.py").write_text(PLUGIN.format(name="One", id="same"))
    (folder / "two.py").write_text(PLUGIN.format(name="Two", id="same"))
    found = registry()
    for _ in range(2):
        with pytest.raises(DuplicateIdError, match=r"one\.One and plugins_under_test\.two\.Two"):
            found.names()


def entry(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = EntryPoint(name=name, value=value, group=GROUP)

    def found(group: str) -> tuple[EntryPoint, ...]:
        return (made,) if group == GROUP else ()

    monkeypatch.setattr(_registry, "entry_points", found)


def test_an_installed_distribution_can_bring_a_monitor(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "_outside.py").write_text(PLUGIN.format(name="Outside", id="outside"))
    entry("anything", "plugins_under_test._outside:Outside", monkeypatch)
    assert registry().names() == ("outside",)


def test_the_same_class_as_file_and_as_entry_point_is_one_plugin(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "own.py").write_text(PLUGIN.format(name="Own", id="own"))
    entry("own", "plugins_under_test.own:Own", monkeypatch)
    assert registry().names() == ("own",)


@pytest.mark.parametrize("value", ["plugins_under_test.own:Missing", "nowhere:Thing", "pathlib:Path", "math:pi"])
def test_a_broken_entry_point_is_reported_and_the_others_go_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    (folder / "own.py").write_text(PLUGIN.format(name="Own", id="own"))
    entry("odd", value, monkeypatch)
    found = registry()
    assert found.names() == ("own",)
    assert list(found.broken()) == ["entry point odd"]


def test_what_ships_is_found_and_nothing_of_it_is_broken() -> None:
    assert set(suspicion.names()) >= {"llm", "rules"}
    assert set(protocols.names()) >= {"observe_only", "threshold"}
    assert suspicion.broken() == {}
    assert protocols.broken() == {}


def test_an_unknown_id_names_the_known_ones_and_the_closest() -> None:
    with pytest.raises(
        UnknownIdError, match=r"unknown suspicion monitor 'rulez'; did you mean 'rules'\? known: llm, rules"
    ):
        suspicion.suspicion_monitor(MonitorSpec(id="rulez"))
    with pytest.raises(UnknownIdError, match=r"did you mean 'threshold'\? known: observe_only, threshold"):
        protocols.protocol("treshold")


def test_an_unknown_id_like_nothing_gets_no_guess() -> None:
    with pytest.raises(UnknownIdError) as caught:
        protocols.protocol("\x1b[2Jqqqq")
    assert "did you mean" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_each_error_is_also_the_builtin_that_fits() -> None:
    assert issubclass(DuplicateIdError, MonitorError | ValueError)
    assert issubclass(UnknownIdError, LookupError)
    assert issubclass(SettingError, ValueError)
    assert all(issubclass(error, MonitorError) for error in (DuplicateIdError, UnknownIdError, SettingError))
