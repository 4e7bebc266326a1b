"""The runbook of this release: what the links in alerts lead to, where nobody has a copy elsewhere.

In a clone its pages are docs/runbook, in an installation they are within this package.
"""

from __future__ import annotations

import re
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Final

PREFIX: Final = "/runbook/"
_MARKUP: Final = (
    (re.compile(r"\[([^\]]+)\]\((\w+\.md)\)"), r'<a href="\2">\1</a>'),
    (re.compile(r"`([^`\n]+)`"), r"<code>\1</code>"),
    (re.compile(r"^#+ (.+)$", re.MULTILINE), r"<b>\1</b>"),
)
"""The Markdown of a runbook page and its HTML; the rest stays unchanged."""
_PAGE: Final = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{name}</title>
<style>body{{font:16px/1.6 system-ui,sans-serif;margin:3rem auto;max-width:48rem;padding:0 1rem;
white-space:pre-wrap}}
@media(prefers-color-scheme:dark){{body{{background:#111;color:#ddd}}a{{color:#8cf}}}}</style>
<body>{text}"""


def runbook_page(path: str) -> bytes | None:
    """Return the page at `/runbook/NAME.md` as HTML; None where there is none."""
    text = _texts().get(path.removeprefix(PREFIX)) if path.startswith(PREFIX) else None
    if text is None:
        return None
    name = path.removeprefix(PREFIX).removesuffix(".md")
    shown = escape(text, quote=False)
    for markup, html in _MARKUP:
        shown = markup.sub(html, shown)
    return _PAGE.format(name=name, text=shown).encode()


@cache
def _texts() -> dict[str, str]:
    """Return all pages by name, as Markdown: 60 KB."""
    package = Path(str(files("platform_probe")))
    installed = package / "runbook"
    folder = installed if installed.is_dir() else package.parent / "docs" / "runbook"
    return {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.md")}
