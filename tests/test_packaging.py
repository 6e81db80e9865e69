"""What is declared about the packages is what lies on disk."""

import importlib
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
DECLARED: list[str] = PROJECT["tool"]["setuptools"]["packages"]
FOLDERS: dict[str, str] = PROJECT["tool"]["setuptools"]["package-dir"]
NAMESPACE = ROOT / "tests" / ".namespace" / "offswitch"
NO_PACKAGES = {"tests", "docs", "build", "dist"}


def packages_on_disk() -> set[str]:
    """Dotted names of every folder with an ``__init__.py``, the seeds of the tasks' worlds apart."""
    found: set[str] = set()
    for init in ROOT.glob("[!.]*/**/__init__.py"):
        parts = init.parent.relative_to(ROOT).parts
        if parts[0] not in NO_PACKAGES and "world" not in parts:
            found.add(".".join(parts if parts[0] == "offswitch" else ("offswitch", *parts)))
    return found


def test_every_package_on_disk_is_declared_and_every_declared_one_exists() -> None:
    """A sub-package that is not declared works in a checkout and is missing from the wheel."""
    assert set(DECLARED) == packages_on_disk()
    assert sorted(DECLARED) == DECLARED
    assert set(FOLDERS) == set(DECLARED)


@pytest.mark.parametrize("name", DECLARED)
def test_an_import_name_leads_to_its_folder(name: str) -> None:
    folder = "offswitch" if name == "offswitch" else name.removeprefix("offswitch.").replace(".", "/")
    assert FOLDERS[name] == folder
    module = importlib.import_module(name)
    assert module.__file__ is not None
    assert Path(module.__file__).resolve() == ROOT / FOLDERS[name] / "__init__.py"


def test_every_root_folder_says_that_it_is_typed() -> None:
    roots = {folder.split("/")[0] for folder in FOLDERS.values()}
    assert {root for root in roots if not (ROOT / root / "py.typed").is_file()} == set()


def test_the_type_checkers_see_every_folder_and_every_file_of_the_front_door() -> None:
    """They find the import name ``offswitch`` through links; a missing link is code that is never checked."""
    folders = {folder for folder in FOLDERS.values() if "/" not in folder and folder != "offswitch"}
    front_door = {file.name for file in (ROOT / "offswitch").iterdir() if file.name != "__pycache__"}
    links = {link.name: link for link in NAMESPACE.iterdir() if link.name != "__pycache__"}
    assert set(links) == folders | front_door
    for name, link in links.items():
        assert link.is_symlink()
        assert link.resolve() == ROOT / (name if name in folders else f"offswitch/{name}")


def requirement_lines() -> list[str]:
    """The lines of pyproject.toml that name a requirement of ours, those of the build itself apart."""
    text = (ROOT / "pyproject.toml").read_text().split("[tool.")[0]
    requirement = re.compile(r'"[\w.-]+(\[[\w,]+\])?\s*(~=|[<>=!]=)')
    return [line for line in text.splitlines() if requirement.search(line) and not line.startswith("requires")]


def test_every_dependency_says_why_it_is_there() -> None:
    lines = requirement_lines()
    project = PROJECT["project"]
    groups: dict[str, list[str]] = {**project["optional-dependencies"], **PROJECT["dependency-groups"]}
    assert len(lines) == len(project["dependencies"]) + sum(len(group) for group in groups.values())
    assert [line for line in lines if not re.search(r"#\s*\S+\s+\S+", line)] == []


def test_the_version_is_the_declared_one() -> None:
    import offswitch

    assert offswitch.__version__ == PROJECT["project"]["version"]


def test_the_makefile_is_told_about_by_its_help() -> None:
    """Each target that a person may call has a line in ``make help``."""
    text = (ROOT / "Makefile").read_text()
    phony = set(re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)[0].split())
    assert phony == set(re.findall(r"^([a-z]+):.*## ", text, re.MULTILINE))
