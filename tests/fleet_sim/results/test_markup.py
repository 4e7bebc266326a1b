"""Tests of HTML built from calls."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from fleet_sim.results.markup import Markup, element, render, table


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


def _read(markup: Markup) -> _Reader:
    reader = _Reader()
    reader.feed(markup)
    reader.close()
    return reader


PRINTABLE = st.text(st.characters(exclude_categories=["Cc", "Cs"]))


@given(PRINTABLE, PRINTABLE)
def test_text_and_attributes_come_back_as_they_were(text: str, attribute: str) -> None:
    """Whatever stands in the data, a reader sees it as text and no new element."""
    reader = _read(element("p", text, title=attribute))
    assert reader.tags == ["p"]
    assert reader.text == text
    assert (reader.attributes.get("title") or "") == attribute


def test_markup_is_kept() -> None:
    """Markup within markup is not escaped twice; a number stands as it is."""
    assert element("p", element("b", "a & b"), " ", 3, class_="x") == (
        '<p class="x"><b>a &amp; b</b> 3</p>'
    )


def test_nested_content_is_joined() -> None:
    """Lists within lists are joined in order."""
    assert render(["a", ["b", [element("i")]], 1]) == "ab<i></i>1"


def test_table_marks_columns_of_numbers() -> None:
    """A heading with a leading `#` aligns its column as numbers."""
    markup = table(["name", "#count"], [("<x>", 3)])
    assert '<th scope="col">name</th><th class="number" scope="col">count</th>' in markup
    assert '<td>&lt;x&gt;</td><td class="number">3</td>' in markup
