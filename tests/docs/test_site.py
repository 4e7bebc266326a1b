"""The site of the docs builds without a warning, needs no network, and can be searched."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from tests.docs.site_hooks import OUTSIDE
from tests.helpers.places import ROOT
from tests.helpers.site import build_site

LOADED = re.compile(r"<(?:script|img|iframe|source)\b[^>]*\ssrc=\"?([^\"\s>]+)|<link\b[^>]*>")
MOST_BYTES = 130_000
"""Of a picture: the moving one has most."""
PAGES = [path.relative_to(ROOT / "docs") for path in sorted((ROOT / "docs").rglob("*.md"))]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site once."""
    return build_site(tmp_path_factory.mktemp("site"))


def test_every_page_is_on_the_site(site: Path) -> None:
    """Pages of docs/, and those that stand elsewhere in the repository."""
    pages = [*PAGES, *map(Path, OUTSIDE)]
    built = [page.with_name(page.name.replace("README.md", "index.md")) for page in pages]
    assert [page for page in built if not (site / page.with_suffix(".html")).is_file()] == []


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    """No font, script, style or picture comes from another server."""
    foreign = [
        (path.name, match[0])
        for path in site.rglob("*.html")
        if "repository" not in path.parts
        for match in LOADED.finditer(path.read_text(encoding="utf-8"))
        if "://" in match[0] and 'rel="canonical"' not in match[0]
    ]
    assert foreign == []


def test_the_search_has_every_page(site: Path) -> None:
    """A word of a page leads to it."""
    index = msgspec.json.decode((site / "search" / "search_index.json").read_bytes())
    places = {entry["location"].partition("#")[0] for entry in index["docs"]}
    assert {str(page.with_suffix(".html")) for page in PAGES} <= places
    found = [one["location"] for one in index["docs"] if "Retry-After" in one["text"]]
    assert any(place.startswith("messages-reference.html") for place in found)


def test_files_of_the_repository_can_be_read(site: Path) -> None:
    """A page's link to a scenario leads to a copy of it."""
    name = "scenarios/long/many_cars.yaml"
    assert (site / "repository" / name).read_bytes() == (ROOT / name).read_bytes()


def test_pictures_are_shown_and_small() -> None:
    """A picture that no page shows is out of date sooner or later."""
    pages = [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "ARCHITECTURE.md"]
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    pictures = [*(ROOT / "docs" / "images").iterdir()]
    assert [one.name for one in pictures if f"images/{one.name})" not in text] == []
    assert [one.name for one in pictures if one.stat().st_size > MOST_BYTES] == []
