"""Tests of the templates that pages share, and of how they are rendered."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError

from fleet_sim.pages.page_data import Badge, Tile
from fleet_sim.pages.rendering import _ENVIRONMENT, render

PRINTABLE = st.text(st.characters(exclude_categories=["Cc", "Cs"]))


class _Reader(HTMLParser):
    """Collects what a browser would see."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.attributes: dict[str, str | None] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the tag and its attributes."""
        self.tags.append(tag)
        self.attributes.update(attrs)

    def handle_data(self, data: str) -> None:
        """Note the text."""
        self.text += data


def _with_parts(source: str, **values: object) -> str:
    """Return what a template that uses the shared parts comes to."""
    template = _ENVIRONMENT.from_string(f'{{% import "parts.html" as parts %}}{source}')
    return template.render(values)


def _read(markup: str) -> _Reader:
    reader = _Reader()
    reader.feed(markup)
    reader.close()
    return reader


@given(PRINTABLE, PRINTABLE)
def test_text_and_attributes_come_back_as_they_were(text: str, attribute: str) -> None:
    """Whatever stands in the data, a reader sees it as text and no new element."""
    values = {"text": text, "colour": attribute}
    reader = _read(_with_parts("{{ parts.legend_entry(text, colour) }}", **values))
    assert reader.tags == ["span", "i"]
    assert reader.text == text
    assert reader.attributes["style"] == f"background:{attribute}"


def test_markup_of_parts_within_parts_is_kept() -> None:
    """What a macro returns is not escaped again; the text within it is escaped once."""
    source = '{% call parts.panel("a & b") %}{{ parts.badge(badge) }}{% endcall %}'
    reader = _read(_with_parts(source, badge=Badge("<b>", "pass")))
    assert reader.tags == ["section", "h2", "span"]
    assert reader.text.split() == ["a", "&", "b", "<b>"]
    assert reader.attributes["class"] == "badge pass"


def test_parts_of_a_page() -> None:
    """A tile has its tone as a class, and columns of numbers are marked by a leading `#`.

    A key may break at its joints; its text is the same.
    """
    tiles = [Tile("Opened", "92 %", "of all", "fail")]
    markup = _with_parts("{{ parts.tiles(tiles) }}", tiles=tiles)
    assert _read(markup).text.split() == ["Opened", "92", "%", "of", "all"]
    assert '<div class="tile fail">' in markup
    markup = _with_parts('{% call parts.table(["<x>", "#count"]) %}{% endcall %}')
    assert '<th scope="col">&lt;x&gt;</th>' in markup
    assert '<th class="number" scope="col">count</th>' in markup
    for key, shown in (
        ("attempts.by_cause.box_busy", "attempts.<wbr>by_<wbr>cause.<wbr>box_<wbr>busy"),
        ("8.5 <s>...", "8.<wbr>5 &lt;s&gt;..."),
    ):
        assert _with_parts("{{ parts.code(key) }}", key=key) == f"<code>{shown}</code>"


def test_a_name_that_nobody_gives_is_an_error() -> None:
    """A misspelt value does not leave an empty place on the page."""
    with pytest.raises(UndefinedError, match="name"):
        render("run_report.html", scripts=[], plots={})
