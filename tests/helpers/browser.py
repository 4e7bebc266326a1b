"""Opens a page in a real browser, which the marker `browser` asks for, and reads what it shows."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec

from tests.helpers.waiting import PATIENCE_S

NARROW = """
<iframe width=400 height=3000 srcdoc="{page}"></iframe>
<p id=broken></p>
<script>
onload = () => {{
  const page = document.querySelector("iframe").contentDocument;
  const walker = page.createTreeWalker(page.querySelector("main"), NodeFilter.SHOW_TEXT);
  const words = [];
  while (walker.nextNode()) {{
    if (walker.currentNode.parentElement.closest(".plot, details, footer")) continue;
    for (const {{ 0: word, index }} of walker.currentNode.data.matchAll(/[A-Za-z0-9]+/g)) {{
      const range = page.createRange();
      range.setStart(walker.currentNode, index);
      range.setEnd(walker.currentNode, index + word.length);
      if (range.getClientRects().length > 1) words.push(word);
    }}
  }}
  const isWide = page.documentElement.scrollWidth > 400;
  document.querySelector("#broken").textContent = `broken: [${{words}}], wide: ${{isWide}}.`;
}};
</script>
"""
"""Shows a page as a telephone does, and tells which of its words stand in two lines."""


class PageReader(HTMLParser):
    """Collects text, elements by id, and the addresses that a page names. Skips scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.addresses: list[str] = []
        self.classes: dict[str, str] = {}
        self.counts: dict[str, int] = {}
        self._within = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the element."""
        self._within = tag
        if tag == "wbr":
            self.text = self.text.removesuffix(" ")  # what follows is the same word
        values = {name: value or "" for name, value in attrs}
        self.addresses += [values[name] for name in ("src", "href") if name in values]
        if "id" in values:
            self.classes[values["id"]] = values.get("class", "")
        for key in (tag, f"{tag}.{values.get('class', '')}"):
            self.counts[key] = self.counts.get(key, 0) + 1

    def handle_endtag(self, tag: str) -> None:
        """Leave a script or a style."""
        if tag == self._within:
            self._within = ""

    def handle_data(self, data: str) -> None:
        """Note the text that a reader sees."""
        if self._within not in ("script", "style"):
            self.text += f"{data} "


def read_page(source: str) -> PageReader:
    """Return what stands in a page."""
    reader = PageReader()
    reader.feed(source)
    reader.close()
    reader.text = " ".join(reader.text.split())
    return reader


def found_on(source: str, patterns: Iterable[str], html: str = "") -> list[str]:
    """Return what matches in the text of a page, or that nothing does; then in its HTML."""
    text = read_page(source).text
    found: list[str] = []
    for pattern in patterns:
        found += [one.group().strip() for one in re.finditer(pattern, text)] or [f"no {pattern}"]
    return found + [one.group() for one in re.finditer(html, source) if html]


@dataclass(frozen=True, slots=True)
class OpenedPage:
    """A page after a browser has run its scripts."""

    page: PageReader
    requests: list[str]
    """What the page, not the browser itself, asked the network for."""


def open_page(path: Path) -> OpenedPage:
    """Open a file in headless Chromium, which reaches no host."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    assert found, "the report is tested in Chromium: apt-get install chromium"
    log = path.with_name("network.json")
    profile = path.with_name("profile")
    result = subprocess.run(
        [
            found, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
            "--no-first-run", "--disable-background-networking", "--disable-component-update",
            "--disable-sync", f"--user-data-dir={profile}", "--window-size=1400,2000",
            "--host-resolver-rules=MAP * ~NOTFOUND", f"--log-net-log={log}",
            "--virtual-time-budget=10000", "--dump-dom", path.resolve().as_uri(),
        ],
        capture_output=True, check=True, timeout=PATIENCE_S,
    )  # fmt: skip
    return OpenedPage(read_page(result.stdout.decode()), page_requests(log))


def page_requests(log: Path) -> list[str]:
    """Return the addresses in a network log that were asked for on behalf of a file."""
    events: list[dict[str, Any]] = msgspec.json.decode(log.read_bytes())["events"]
    parameters = [event.get("params") or {} for event in events]
    return [
        str(found["url"])
        for found in parameters
        if "url" in found and "file:" in str(found.get("network_isolation_key"))
    ]


def on_a_telephone(report: Path) -> str:
    """Return which words of a report stand in two lines at 400 pixels, and whether it is wider."""
    source = report.read_text(encoding="utf-8")
    source = source.replace("<meta http-equiv", "<meta name")  # its policy would stop our script
    page = report.with_name("narrow.html")
    page.write_text(NARROW.format(page=escape(source)), encoding="utf-8")
    return open_page(page).page.text
