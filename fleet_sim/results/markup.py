"""HTML built from nested calls: whatever is not already markup is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Content = str | int | Iterable["Content"]
"""A piece of a page: markup, plain text (escaped), a number, or several of these in a row."""


def render(content: Content) -> Markup:
    """Return `content` as HTML."""
    if isinstance(content, Markup):
        return content
    if isinstance(content, str | int):
        return Markup(escape(str(content)))
    return Markup("".join(render(part) for part in content))


def element(name: str, *content: Content, **attributes: str) -> Markup:
    """Return an HTML element; `class_` stands for `class`, empty attributes are left out."""
    pairs = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for key, value in attributes.items()
        if value
    )
    return Markup(f"<{name}{pairs}>{render(content)}</{name}>")


def table(headings: Sequence[str], rows: Iterable[Sequence[Content]]) -> Markup:
    """Return a table whose columns headed with a leading `#` hold numbers."""
    classes = ["number" if heading.startswith("#") else "" for heading in headings]
    head = (
        element("th", heading.removeprefix("#"), class_=class_, scope="col")
        for heading, class_ in zip(headings, classes, strict=True)
    )
    body = (
        element(
            "tr",
            [element("td", cell, class_=class_) for cell, class_ in zip(row, classes, strict=True)],
        )
        for row in rows
    )
    inner = element("table", element("thead", element("tr", head)), element("tbody", body))
    return element("div", inner, class_="scroll")
