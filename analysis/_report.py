"""The report: one self-contained HTML page without a script, safe to open whatever the agent wrote.

Every text goes through `visible_lines` and jinja2's autoescape; the page forbids itself scripts, requests and any
style but its own, by a content security policy.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Template

from ..records import LIVE, RecordError, RunPaths, VerifyReport, verify_run
from ._context import Integrity, context
from ._data import RunInfo
from ._load import collect, info_of
from ._log import names
from ._pages import Pages
from ._rate import Rate
from ._sentences import disclosure_words
from ._templates import template
from ._words import fraction, interval, p_text, percent, plural, signed, span
from ._written import replace_page

_FOLDER = Path(__file__).parent


def report(
    runs: str | Path | Sequence[str | Path],
    out: Path | None = None,
    *,
    verification: Sequence[VerifyReport] | None = None,
    verdicts: str = LIVE,
    titles: Mapping[str, str] | None = None,
) -> Path:
    """Write the report of one or more runs and return its path, by default ``report.html`` in the first run.

    ``verification`` holds what `verify_run` found of each run, in order; None verifies them here. A run that was
    tampered with is reported all the same, in a page that says so first. ``titles`` gives failure modes a name.
    Raises `RunNotFoundError`, `UnknownVerdictsError` and `DuplicateEpisodeError` as `load` does, `PageError`
    where the page cannot be written.
    """
    roots = [Path(runs)] if isinstance(runs, str | Path) else [Path(run) for run in runs]
    target = out or RunPaths(roots[0]).report
    page = render(roots, verification, verdicts=verdicts, titles=titles or {})
    replace_page(target, page.encode())
    return target


def render(
    roots: Sequence[Path],
    verification: Sequence[VerifyReport] | None,
    *,
    verdicts: str,
    titles: Mapping[str, str],
) -> str:
    """The page."""
    infos = [believable(root) for root in roots]
    pages = Pages(sum(len(names(info.paths, info.manifest)) for info in infos))
    data = collect(infos, verdicts=verdicts, visit=pages.add)
    found = verification if verification is not None else [verify_run(info.paths) for info in infos]
    checks = [Integrity(root.name, one) for root, one in zip(roots, found, strict=True)]
    return _page().render(context(data, pages, checks, titles))


def believable(root: Path) -> RunInfo:
    """A run, without its manifest where that was changed: the page shows it all the same, and says so."""
    try:
        return info_of(root)
    except RecordError:
        return RunInfo(RunPaths(root), None)


def _page() -> Template:
    filters: dict[str, Callable[..., Any]] = {
        "percent": percent,
        "interval": interval,
        "fraction": fraction,
        "signed": signed,
        "p_text": p_text,
        "span": span,
        "disclosure": disclosure_words,
        "strip": _strip,
    }
    return template(_FOLDER / "report.html", [_FOLDER / "report.css"], filters, plural=plural)


def _strip(rate: Rate) -> dict[str, float]:
    """Positions of an interval on a line 100 units long."""
    at = 100 * (rate.value or 0)
    return {"lo": round(100 * rate.lo, 2), "hi": round(100 * rate.hi, 2), "at": round(at, 2)}
