"""Debian's Chromium, watched: what a page runs, asks for, and where it goes."""

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, Route, sync_playwright

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_COUNTERS = """
window.__runs = 0; window.__violations = [];
window.__xss = () => { window.__runs += 1; };
for (const name of ['alert', 'confirm', 'prompt', 'open']) window[name] = window.__xss;
document.addEventListener('securitypolicyviolation', event => window.__violations.push(event.violatedDirective));
"""


@contextmanager
def chromium() -> Generator[Browser]:
    """A headless Chromium. Its absence is a failure, never a skipped test."""
    path = shutil.which("chromium")
    if path is None:
        pytest.fail("Chromium is not installed, so nothing was tested here; `make browser` installs it", pytrace=False)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield browser
        browser.close()


@dataclass
class Watched:
    """An opened page and what it did."""

    page: Page
    requests: list[str] = field(default_factory=list[str])
    """What the page wanted, also where the policy stopped it."""
    sent: list[str] = field(default_factory=list[str])
    """What left the renderer."""
    navigations: list[str] = field(default_factory=list[str])
    popups: list[str] = field(default_factory=list[str])

    @property
    def runs(self) -> int:
        """Scripts that ran."""
        return int(self.page.evaluate("window.__runs"))

    @property
    def violations(self) -> list[str]:
        """Directives of the content security policy that something ran into."""
        return [str(name) for name in self.page.evaluate("window.__violations")]


@contextmanager
def opened(browser: Browser, path: Path, *, scheme: str = "light", settle_ms: int = 400) -> Generator[Watched]:
    """Open a file, let delayed effects happen, and hand it over. Every request is recorded and refused."""
    context = browser.new_context(color_scheme="dark" if scheme == "dark" else "light")
    context.add_init_script(_COUNTERS)
    page = context.new_page()
    watched = Watched(page)
    own = path.resolve().as_uri()

    def note(request: Request) -> None:
        if request.url != own and not request.url.startswith("data:image/svg+xml;base64,"):
            watched.requests.append(request.url)

    def refuse(route: Route) -> None:
        watched.sent.append(route.request.url)
        route.abort()

    context.on("request", note)
    context.route(lambda url: url.startswith("http"), refuse)
    context.on("page", lambda popup: watched.popups.append(popup.url))
    page.on("framenavigated", lambda frame: watched.navigations.append(frame.url))
    page.goto(own)
    page.wait_for_timeout(settle_ms)
    yield watched
    context.close()
