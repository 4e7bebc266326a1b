"""Hooks of mkdocs: pages outside of docs/ belong to the site, and links to other files work.

A page links to a file as it stands in the repository, so that the link works on GitHub too. Here
the link leads to the page of the site, or to a copy of the file below `repository/`.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT: Final = Path(__file__).parents[2]
OUTSIDE: Final = (
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "deploy/alertmanager/secrets/README.md",
    "tests/README.md",
)
"""Pages of the site that are not below docs/."""
COPIES: Final = "repository"
BOOSTS: Final = {"CHANGELOG": 0.1, "decisions/": 0.2, "tests/": 0.2, "topics": 0.01}
"""How much pages count in the search, where that is not 1: history less.

The topics from A to Z only lead to other pages, so they come after all of them.
"""
_FENCED: Final = re.compile(r"(^ *```.*?^ *```$)", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\((?!\w+:|#)([^)\s#]+)(#[^)\s]*)?\)")


def anchor_of(heading: str, separator: str) -> str:
    """Return the anchor that GitHub gives to a heading, so that links work in both places."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", separator)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages outside of docs/, and copies of the files that pages link to."""
    for name in OUTSIDE:
        files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    linked = {
        target
        for file in files.documentation_pages()
        for target in _targets_of(file.content_string, _place_of(file.src_uri))
    }
    for target in sorted(linked):
        if (ROOT / target).is_file() and _uri_of(target).startswith(COPIES):
            copy = File.generated(config, _uri_of(target), abs_src_path=str(ROOT / target))
            files.append(copy)
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Return the text of a page with its links as the site has them."""
    del config, files
    here = page.file.src_uri
    boost = next((boost for begin, boost in BOOSTS.items() if here.startswith(begin)), None)
    if boost is not None:
        page.meta["search"] = {"boost": boost}
    parts = _FENCED.split(markdown)
    parts[::2] = [_LINK.sub(_rewriting(here), text) for text in parts[::2]]
    return "".join(parts)


def _rewriting(here: str) -> Callable[[re.Match[str]], str]:
    folder = posixpath.dirname(here)

    def rewrite(match: re.Match[str]) -> str:
        mark, text, link, anchor = match.groups("")
        target = _resolve(_place_of(here), link)
        if not (ROOT / target).is_file():
            return text if (ROOT / target).is_dir() else match[0]
        if target == "README.md":
            anchor = ""  # the site has another first page
        return f"{mark}[{text}]({posixpath.relpath(_uri_of(target), folder or '.')}{anchor})"

    return rewrite


def _targets_of(markdown: str, place: str) -> Iterator[str]:
    """Yield each file or folder of the repository that a page links to."""
    for text in _FENCED.split(markdown)[::2]:
        for match in _LINK.finditer(text):
            yield _resolve(place, match[3])


def _resolve(place: str, link: str) -> str:
    """Return the path in the repository to which a link on a page leads."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(place), link))


def _place_of(uri: str) -> str:
    """Return where a page of the site is in the repository."""
    return uri if uri in OUTSIDE else f"docs/{uri}"


def _uri_of(target: str) -> str:
    """Return where a file of the repository is on the site."""
    if target in OUTSIDE:
        return target
    if target == "README.md":
        return "index.md"
    return target.removeprefix("docs/") if target.startswith("docs/") else f"{COPIES}/{target}"
