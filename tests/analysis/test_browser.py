"""The report in a real browser: hostile text stays text (I1), the policy holds (I2), tampering is seen (I11)."""

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from offswitch.analysis import report, visible_lines
from offswitch.records import CallDecided, RunFacts, RunPaths, RunStore

from .browser import Watched, chromium, opened
from .hostile import filled, hostile_events, hostile_failure, strings_of
from .payloads import PAYLOADS
from .realistic import TITLES, realistic_run
from .synthetic import SHA, Plan, RunBuilder, failed, key_of, write_ledger

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("chromium")]

CHUNK = 35
CHUNKS = [PAYLOADS[start : start + CHUNK] for start in range(0, len(PAYLOADS), CHUNK)]
ALLOWED_TAGS = {
    *("html", "head", "meta", "title", "style", "body", "header", "main", "footer", "section", "div", "p", "span"),
    *("h1", "h2", "h3", "ul", "ol", "li", "dl", "dt", "dd", "strong", "a", "pre", "label", "input"),
    *("table", "thead", "tbody", "tr", "th", "td", "details", "summary", "figure", "figcaption"),
    *("picture", "source", "img", "svg", "line", "circle", "rect"),
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of this file."""
    with chromium() as launched:
        yield launched


@dataclass
class Hostile:
    """A report full of payloads, and the event behind each record's anchor."""

    page: Path
    events: dict[str, Any]


def hostile_report(folder: Path, payloads: Sequence[str]) -> Hostile:
    """A report with every payload in every string field of every event, and what each record must show.

    The ledgers stand beside the store's checks, as an attacker would put them there.
    """
    expected: dict[str, Any] = {}
    root = folder / "run"
    text = "\n".join(payloads)
    facts = filled(RunFacts, text).model_copy(update={"run_id": "hostile", "tasks": {text: SHA}})
    RunStore.create(root, facts, text).close()
    for number, payload in enumerate((*payloads, *payloads), start=1):
        name = f"ep-{number:04d}"
        key = key_of(Plan(), name, "hostile")
        whole = number <= len(payloads)
        events = hostile_events(payload, key) if whole else hostile_failure(payload, key)
        write_ledger(RunPaths(root).ledger(name), events)
        expected |= {f"e{number}r{seq}": event for seq, event in enumerate(events)}
    page = report(root, folder / "report.html", titles={payload: payload for payload in payloads} | TITLES)
    return Hostile(page, expected)


def shown_records(watched: Watched) -> dict[str, dict[str, list[str]]]:
    """Record anchor → names and values that are visible once everything is unfolded."""
    watched.page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    found: dict[str, dict[str, list[str]]] = watched.page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll('.e')].map(entry => [entry.id, {
            names: [...entry.querySelectorAll('dt')].filter(e => e.checkVisibility()).map(e => e.textContent),
            values: [...entry.querySelectorAll('dd')].filter(e => e.checkVisibility()).map(e => e.textContent),
        }]))"""
    )
    return found


@pytest.fixture(scope="module", params=CHUNKS, ids=[f"from {CHUNK * i}" for i in range(len(CHUNKS))])
def hostile(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Hostile:
    """One report for each part of the corpus."""
    return hostile_report(tmp_path_factory.mktemp("hostile"), request.param)


@pytest.fixture(scope="module")
def shown(browser: Browser, hostile: Hostile) -> dict[str, dict[str, list[str]]]:
    """What a reader sees of each record."""
    with opened(browser, hostile.page, settle_ms=0) as watched:
        return shown_records(watched)


class TestI1HostileText:
    """Row I1: every payload in every string field is inert, and visible as text."""

    def test_i1_nothing_runs_asks_or_navigates_even_without_the_policy(
        self, browser: Browser, tmp_path: Path, hostile: Hostile
    ) -> None:
        bare = tmp_path / "bare.html"
        bare.write_text(without_policy(hostile.page.read_text(encoding="utf-8")), encoding="utf-8")
        for path in (hostile.page, bare):
            with opened(browser, path) as watched:
                assert watched.runs == 0
                assert watched.requests == []
                assert watched.popups == []
                assert watched.navigations == [path.as_uri()]
                assert watched.violations == [], "nothing even tried"
                assert watched.page.title().endswith("offswitch report")

    def test_i1_no_payload_becomes_an_element_an_attribute_or_a_link(self, browser: Browser, hostile: Hostile) -> None:
        with opened(browser, hostile.page, settle_ms=0) as watched:
            tags = watched.page.evaluate("[...new Set([...document.querySelectorAll('*')].map(e => e.localName))]")
            assert set(tags) <= ALLOWED_TAGS
            attributes = watched.page.evaluate(
                "[...new Set([...document.querySelectorAll('*')].flatMap(e => e.getAttributeNames()))]"
            )
            assert not [name for name in attributes if name.startswith("on") or name == "style"]
            links = watched.page.evaluate("[...document.querySelectorAll('a')].map(e => e.getAttribute('href'))")
            assert all(re.fullmatch(r"#e\d+(r\d+)?", link) for link in links)
            assert links

    def test_i1_every_payload_is_visible_as_text_in_every_field(
        self, hostile: Hostile, shown: dict[str, dict[str, list[str]]]
    ) -> None:
        assert hostile.events.keys() <= shown.keys()
        for anchor, event in hostile.events.items():
            values = shown[anchor]["values"]
            for text in strings_of(event.model_dump(mode="json", exclude={"type"})):
                assert visible_lines(text) in values, (anchor, event.type, text)

    def test_i1_every_payload_is_visible_as_a_name_where_the_agent_chose_the_names(
        self, hostile: Hostile, shown: dict[str, dict[str, list[str]]]
    ) -> None:
        for anchor, event in hostile.events.items():
            if isinstance(event, CallDecided):
                (own, *_) = event.arguments
                assert f"arguments.{visible_lines(own)}" in shown[anchor]["names"]


def without_policy(page: str) -> str:
    """The page with its content security policy taken out: what is left is the escaping."""
    bare, count = re.subn(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    assert count == 1
    return bare


def test_i1_the_corpus_has_at_least_a_hundred_different_payloads() -> None:
    """A smaller corpus would prove less than its row says."""
    assert len(set(PAYLOADS)) == len(PAYLOADS) >= 100


def test_i1_the_watch_itself_sees_payloads_that_are_not_escaped(browser: Browser, tmp_path: Path) -> None:
    """Without this, a blind watch would pass everything."""
    raw = tmp_path / "raw.html"
    body = "".join(
        f"<div>{payload}</div>" for payload in PAYLOADS if "refresh" not in payload and "<!--" not in payload
    )
    raw.write_text(f"<!doctype html><meta charset=utf-8><body>{body}", encoding="utf-8")
    with opened(browser, raw) as watched:
        assert watched.runs > 10
        assert any("example.invalid" in url for url in watched.sent)


class TestI2Policy:
    """Row I2: the content security policy is strict and enforced, and nothing in the page needs less."""

    def test_i2_an_injected_script_handler_style_or_image_is_stopped(
        self, browser: Browser, tmp_path: Path, run: RunBuilder
    ) -> None:
        """Even if escaping failed somewhere, the policy holds."""
        run.episode()
        page = report(run.root, tmp_path / "report.html")
        attack = (
            "<script>__xss()</script><img src=x onerror=__xss()><img src=https://example.invalid/a.png>"
            "<p style='color:red'>x</p><style>body{color:red}</style><iframe src='data:text/html,x'></iframe>"
        )
        page.write_text(page.read_text(encoding="utf-8").replace("<main>", "<main>" + attack), encoding="utf-8")
        with opened(browser, page) as watched:
            assert watched.runs == 0
            assert watched.sent == []
            stopped = set(watched.violations)
        assert {"script-src-elem", "script-src-attr", "style-src-elem", "style-src-attr", "img-src"} <= stopped

    def test_i2_the_page_has_no_script_at_all_and_its_own_style_applies(
        self, browser: Browser, tmp_path: Path, run: RunBuilder
    ) -> None:
        run.episode(verdicts=[failed("S3")])
        page = report(run.root, tmp_path / "report.html")
        text = page.read_text(encoding="utf-8")
        assert "<script" not in text
        assert "innerHTML" not in text
        with opened(browser, page) as watched:
            assert watched.violations == []
            assert watched.page.evaluate("getComputedStyle(document.querySelector('.tile')).display") == "flex"
            drawn = watched.page.evaluate("document.querySelector('figure img').naturalWidth")
            assert drawn > 300, "the figure is drawn from its data URI"

    @pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
    def test_i2_it_follows_the_reader_s_choice_of_light_or_dark(
        self, browser: Browser, tmp_path: Path, run: RunBuilder, scheme: str, dark: bool
    ) -> None:
        run.episode()
        page = report(run.root, tmp_path / "report.html")
        with opened(browser, page, scheme=scheme) as watched:
            assert (_brightness(watched, "body") < 0.3) is dark


class TestI11ChainState:
    """Row I11: a tampered run is visibly red; a sound one is not; every claim carries its grade."""

    def test_i11_a_tampered_run_is_visibly_red_and_a_sound_one_is_not(self, browser: Browser, tmp_path: Path) -> None:
        root = realistic_run(tmp_path / "run", pairs=1)
        sound = report(root, tmp_path / "sound.html")
        ledger = root / "episodes" / "ep-0002.jsonl"
        ledger.write_bytes(ledger.read_bytes().replace(b'"exit_code":0', b'"exit_code":1', 1))
        tampered = report(root, tmp_path / "tampered.html")
        with opened(browser, sound) as watched:
            assert watched.page.locator(".banner.bad").count() == 0
            assert "Verified" in watched.page.locator(".banner").inner_text()
        with opened(browser, tampered) as watched:
            banner = watched.page.locator(".banner.bad")
            assert banner.is_visible()
            assert "ep-0002" in banner.inner_text()
            assert watched.page.title().startswith("TAMPERED")
            for selector, edge in ((".banner.bad", "left"), ("body", "top"), ("main", "left")):
                red, green, blue = _border(watched, selector, edge)
                assert red > 2 * max(green, blue)
                assert red > 120

    def test_i11_every_verdict_stands_beside_its_grade(self, browser: Browser, tmp_path: Path) -> None:
        page = report(realistic_run(tmp_path / "run", pairs=1), tmp_path / "report.html")
        with opened(browser, page) as watched:
            rows = watched.page.evaluate(
                "[...document.querySelectorAll('.ep tbody tr')].map(row => row.querySelector('.grade')?.textContent)"
            )
        assert rows
        assert set(rows) <= {"G0", "G1", "G2", "G3"}

    def test_i11_a_link_to_a_failed_episode_opens_it_at_the_act(self, browser: Browser, tmp_path: Path) -> None:
        page = report(realistic_run(tmp_path / "run", pairs=3), tmp_path / "report.html")
        with opened(browser, page) as watched:
            watched.page.locator("td.links a").first.click()
            assert watched.page.locator("details.ep[open]").count() == 1
            watched.page.locator("details.ep[open] a").first.click()
            assert watched.page.locator(".e.marked:target").count() == 1


def test_i1_hidden_characters_do_not_reach_the_page(tmp_path: Path) -> None:
    """A change of writing direction would make a reader see something else than what is written."""
    unprintable = [payload for payload in PAYLOADS if not payload.isprintable()]
    text = html.unescape(hostile_report(tmp_path, unprintable).page.read_text(encoding="utf-8"))
    assert not set(text) & set("\u202e\u2066\u200b\u2060\ufeff\x1b\x07\x00\x9b\u2028\U000e0041\u3164\ue000")


def _brightness(watched: Watched, selector: str) -> float:
    red, green, blue = _numbers(
        watched.page.evaluate(f"getComputedStyle(document.querySelector('{selector}')).backgroundColor")
    )
    return (red + green + blue) / 765


def _border(watched: Watched, selector: str, edge: str) -> tuple[float, float, float]:
    return _numbers(
        watched.page.evaluate(
            f"getComputedStyle(document.querySelector('{selector}')).getPropertyValue('border-{edge}-color')"
        )
    )


def _numbers(colour: str) -> tuple[float, float, float]:
    red, green, blue = (float(number) for number in re.findall(r"[\d.]+", colour)[:3])
    return red, green, blue


WIDE_ENOUGH = """() => [...document.querySelectorAll('td > span.t')].every(
    cell => cell.getBoundingClientRect().width >= 4 * parseFloat(getComputedStyle(cell).fontSize))"""


def test_a_printed_page_holds_its_widest_table(browser: Browser, tmp_path: Path) -> None:
    page = report(realistic_run(tmp_path / "run", pairs=2), titles=TITLES)
    with opened(browser, page) as watched:
        watched.page.emulate_media(media="print")
        watched.page.set_viewport_size({"width": 718, "height": 1000})
        assert watched.page.evaluate("document.documentElement.scrollWidth") <= 718, "A4 without its margins"


def test_on_a_narrow_screen_only_tables_scroll_and_words_stay_whole(browser: Browser, tmp_path: Path) -> None:
    page = report(realistic_run(tmp_path / "run", pairs=2), titles=TITLES)
    with opened(browser, page) as watched:
        watched.page.set_viewport_size({"width": 400, "height": 800})
        assert watched.page.evaluate("document.documentElement.scrollWidth") <= 400
        assert watched.page.evaluate(WIDE_ENOUGH)
