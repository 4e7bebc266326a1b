"""Pages of a console as a person reads them, without sockets: a console that answers in place."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from html import unescape
from pathlib import Path
from typing import Any

from fleet_wire.web.exchange import HttpRequest, HttpResponse
from platform_probe.settings.console import ConsoleSettings
from platform_probe.web.console.application import Console

_LINE_ENDS = re.compile(
    r"</(?:p|li|tr|h\d|dd|dl|div|section|caption|summary|table|option)>|</text>\s*(?:</g>)?\s*</svg>"
)
_CELL_ENDS = re.compile(r"</(?:t[dh]|dt)>")
_MAIN = re.compile(r"<main\b.*</main>", re.DOTALL)
_NOT_READ = re.compile(r"<(script|style|select|pre)\b.*?</\1>", re.DOTALL)


async def _no_body() -> bytes:
    return b""


@dataclass
class ReadConsole:
    """A console over a store, which asks nobody who they are."""

    store: Path
    home: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)
    runner: asyncio.Runner = field(default_factory=asyncio.Runner)

    def __post_init__(self) -> None:
        """Open it in the event loop in which it answers."""
        self._console = self.runner.run(self._opened())

    async def _opened(self) -> Console:
        return Console(
            self.store,
            ConsoleSettings.model_validate({"listen": "127.0.0.1:0", **self.settings}),
            UTC,
            audit_file=self.home / "audit.jsonl",
            trouble=self.troubles.append,
        )

    def get(self, url: str, language: str = "en") -> tuple[int, str]:
        """Return the status of a page, or of that to which it leads, and its HTML."""
        answer = self._answer(url, language)
        if "Location" in answer.headers:
            return self.get(answer.headers["Location"], language)
        return answer.status, answer.body.decode()

    def leads_to(self, url: str) -> str:
        """Return the address to which another one leads."""
        return self._answer(url, "en").headers.get("Location", url)

    def _answer(self, url: str, language: str) -> HttpResponse:
        headers = {"Accept-Language": language, "Accept": "text/html", "Host": "127.0.0.1"}
        request = HttpRequest("GET", url, headers, "127.0.0.1", _no_body)
        answer = self.runner.run(self._console.answer(request))
        assert isinstance(answer, HttpResponse)
        assert self.troubles == [], self.troubles
        return answer

    def close(self) -> None:
        """Close it and its event loop."""
        self.runner.run(self._console.close())
        self.runner.close()


def lines_of(page: str) -> list[str]:
    """Return the lines that somebody reads in the middle of a page.

    Side by side are the cells of a row, a term and what is said of it, and the ticks of a chart.
    """
    main = _MAIN.search(page)
    shown = _CELL_ENDS.sub(" | ", _NOT_READ.sub("", main.group() if main else page))
    ended = _LINE_ENDS.sub("\0", re.sub(r"\s+", " ", shown)).replace("</text>", " ")
    lines = re.sub(r"<[^>]*>", "", ended).split("\0")
    return [line for one in lines if (line := unescape(re.sub(r"\s+", " ", one)).strip(" |"))]
