"""The topics from A to Z are sorted, and lead to every page of the site."""

from __future__ import annotations

import re
from posixpath import join, normpath

from tests.helpers.places import ROOT

DIGITS = "0 to 9"
ENTRY = re.compile(r"^- \[(.+)\]\(([^)#]+)[^)]*\)$", re.MULTILINE)
SECTIONS = re.split(r"^## ", (ROOT / "docs/topics.md").read_text("utf-8"), flags=re.MULTILINE)[1:]


def sort_key(entry: str) -> str:
    """Return an entry as it is sorted: without case, code marks and punctuation."""
    return re.sub(r"[^\w ]", "", entry.casefold())


def test_entries_are_sorted() -> None:
    """Entries are in order, none is there twice, and each is under its letter."""
    entries: list[str] = []
    for section in SECTIONS:
        letter, _, text = section.partition("\n")
        found = [entry for entry, _ in ENTRY.findall(text)]
        assert len(found) == len(text.split("\n- ")) - 1, f"{letter}: an entry is not one link"
        first = {sort_key(entry)[0].upper() for entry in found}
        assert all(one.isdigit() for one in first) if letter == DIGITS else first == {letter}
        entries += found
    assert len({*entries}) == len(entries)
    assert entries == sorted(entries, key=sort_key)


def test_entries_lead_to_every_page() -> None:
    """Every page of the menu has an entry; decisions have one together."""
    menu = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2]
    pages = {
        page
        for page in re.findall(r"\S+\.md", menu)
        if page != "topics.md" and not page.startswith("decisions/0")
    }
    linked = {
        normpath(join("docs", page)).removeprefix("docs/")
        for section in SECTIONS
        for _, page in ENTRY.findall(section)
    }
    assert pages - linked == set()
    assert any(page.startswith("decisions/") for page in linked)
