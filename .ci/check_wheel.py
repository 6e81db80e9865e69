"""Checks a built wheel, or with ``--installed`` what its installation put into this interpreter."""

import sys
import zipfile
from importlib.metadata import distribution
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA = {".c", ".h", ".json", ".html", ".css", ".txt", ".sh", ".typed", ".md", ".sql", ".yaml", ""}
"""Endings of files, other than Python's, that a package ships."""


def main() -> None:
    if sys.argv[1:] == ["--installed"]:
        check_installed()
    else:
        check_wheel(Path(sys.argv[1]))


def check_wheel(wheel: Path) -> None:
    """Every file of every package folder is in the wheel, and nothing lies outside ``offswitch``."""
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
    outside = sorted(name for name in names if not name.startswith(("offswitch/", "offswitch-")))
    missing = sorted(expected() - names)
    if outside or missing:
        sys.exit(f"{wheel.name}: outside the package: {outside}; missing: {missing}")
    print(f"{wheel.name}: {len(names)} files, {wheel.stat().st_size / 1000:.0f} kB, nothing missing")


def expected() -> set[str]:
    """Files that git would see in the package folders, by their path in the wheel."""
    folders = [folder.parent for folder in ROOT.glob("*/__init__.py") if folder.parent.name != "tests"]
    return {
        wheel_path(file)
        for folder in folders
        for file in folder.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts and file.suffix in DATA | {".py"}
    }


def wheel_path(file: Path) -> str:
    relative = file.relative_to(ROOT).as_posix()
    return relative if relative.startswith("offswitch/") else f"offswitch/{relative}"


def check_installed() -> None:
    """Site-packages gained ``offswitch`` and its metadata only, and the import comes from there."""
    import offswitch

    tops = {file.parts[0] for file in distribution("offswitch").files or []}
    strange = {top for top in tops if top not in {"offswitch", ".."} and not top.endswith(".dist-info")}
    if strange:
        sys.exit(f"site-packages gained {sorted(strange)}")
    if ROOT in Path(offswitch.__file__).resolve().parents:
        sys.exit(f"imported from the checkout: {offswitch.__file__}")
    print(f"installed in {Path(offswitch.__file__).parent}: nothing else was added")


main()
