"""The page as a PDF, printed by a Chromium of this machine that reaches no network."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from .._errors import PageError

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
TIMEOUT_S = 120


def to_pdf(page: str) -> bytes:
    """A PDF of the page. Raises `PageError` where there is no browser, or it does not print."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        raise PageError(
            2, "report --format pdf: no Chromium was found to print with; install it (apt-get install chromium), "
            "or take --format html, which any browser prints",
        )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="offswitch-pdf-") as folder:
        source, target = Path(folder) / "page.html", Path(folder) / "page.pdf"
        source.write_text(page, encoding="utf-8")
        _print(browser, Path(folder), source, target)
        return target.read_bytes()


def _print(browser: str, folder: Path, source: Path, target: Path) -> None:
    words = [
        browser,
        "--headless",
        *(["--no-sandbox"] if os.geteuid() == 0 else []),  # it refuses root otherwise; the page holds no script
        "--disable-gpu",
        "--disable-background-networking",
        "--no-first-run",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={folder / 'profile'}",
        "--no-pdf-header-footer",
        f"--print-to-pdf={target}",
        source.as_uri(),
    ]
    try:
        done = subprocess.run(words, capture_output=True, timeout=TIMEOUT_S, check=False)  # noqa: S603 - our words, no shell
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PageError(5, f"report --format pdf: {browser} did not print: {error}") from error
    if done.returncode or not target.is_file() or not target.stat().st_size:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["it says nothing"]
        raise PageError(5, f"report --format pdf: {browser} did not print (exit {done.returncode}): {last[0][:300]}")
