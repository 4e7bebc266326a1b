"""Tests of the templates that pages share, and of how they are rendered."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError

from fleet_sim.pages.page_data import Badge, Tile
from fleet_sim.pages.rendering import _ENVIRONMENT, render
from tests.helpers.browser import read_page

PRINTABLE = st.text(st.characters(exclude_categories=["Cc", "Cn", "Cs"]))


def _with_parts(source: str, **values: object) -> str:
    """Return what a template that uses the shared parts comes to."""
    template = _ENVIRONMENT.from_string(f'{{% import "parts.html" as parts %}}{source}')
    return template.render(values)


@given(PRINTABLE, PRINTABLE)
def test_text_and_attributes_come_back_as_they_were(text: str, attribute: str) -> None:
    """Whatever stands in the data, a reader sees it as text and no new element."""
    values = {"text": text, "colour": attribute}
    markup = _with_parts("{{ parts.legend_entry(text, colour) }}", **values)
    found = ET.fromstring(markup)  # noqa: S314 - our own text
    assert [element.tag for element in found.iter()] == ["span", "i"]
    assert "".join(found.itertext()) == text
    assert found[0].get("style") == f"background:{attribute}"


def test_markup_of_parts_within_parts_is_kept() -> None:
    """What a macro returns is not escaped again; the text within it is escaped once."""
    source = '{% call parts.panel("a & b") %}{{ parts.badge(badge) }}{% endcall %}'
    page = read_page(_with_parts(source, badge=Badge("<b>", "pass")))
    assert {"section", "h2", "span.badge pass"} <= page.counts.keys()
    assert page.text == "a & b <b>"


def test_parts_of_a_page() -> None:
    """A tile has its tone as a class, and columns of numbers are marked by a leading `#`.

    A key may break at its joints; its text is the same.
    """
    tiles = [Tile("Opened", "92 %", "of all", "fail")]
    markup = _with_parts("{{ parts.tiles(tiles) }}", tiles=tiles)
    assert read_page(markup).text == "Opened 92 % of all"
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
