"""A newcomer finds the page for a question with one search, in a real browser."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.http_thread import QuietHandler, served_by
from tests.helpers.places import ROOT
from tests.helpers.site import build_site

if TYPE_CHECKING:
    from playwright.sync_api import Page

QUESTIONS: dict[str, list[str]] = tomllib.loads(
    (ROOT / "tests" / "docs" / "questions.toml").read_text(encoding="utf-8")
)
FIELD = "input.md-search__input"
LINKS = "a.md-search-result__link"
SHOWN_RESULTS = ".md-search-result__meta, .md-search-result__list"
SHOWN = 5
"""Pages that a reader looks at."""
SECTIONS = 8
"""Results, pages and their sections, in which a reader looks for a section."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the site."""
    site = str(build_site(tmp_path_factory.mktemp("site")))

    class Handler(QuietHandler, SimpleHTTPRequestHandler):
        def __init__(self, *request: Any) -> None:
            super().__init__(*request, directory=site)

    with served_by(Handler) as address:
        yield f"{address}/"


@pytest.mark.browser
def test_one_search_finds_the_page(address: str) -> None:
    """For each question; and the site asks no other server for anything."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - few tests need it

    requested: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        page = browser.new_page()
        page.on("request", lambda request: requested.append(request.url))
        page.goto(f"{address}index.html")
        page.click(FIELD)
        missing = {
            question: found
            for question, answers in QUESTIONS.items()
            if not {*answers} & {*(found := pages_found(page, address, question))}
        }
        browser.close()
    assert missing == {}
    assert [url for url in requested if not url.startswith(address)] == []


def pages_found(page: Page, address: str, question: str) -> list[str]:
    """Write into the search field, all at once, and return the first pages and results shown.

    Letter by letter, the pages of the first letters would be shown for a moment. What the search
    before has found goes first.
    """
    page.eval_on_selector_all(SHOWN_RESULTS, "all => all.forEach(one => one.replaceChildren())")
    page.fill(FIELD, question)
    page.keyboard.press("End")
    page.wait_for_function(
        "() => document.querySelector('.md-search-result__meta').textContent.match(/[0-9]/)"
    )
    page.wait_for_selector(LINKS, state="attached")
    links = page.eval_on_selector_all(LINKS, "all => all.map(one => one.href)")
    found = [re.sub(r"\?[^#]*", "", link.removeprefix(address)) for link in links]
    pages = dict.fromkeys(result.partition("#")[0] for result in found)
    sections = [result for result in found[:SECTIONS] if "#" in result]
    return [*pages][:SHOWN] + sections
