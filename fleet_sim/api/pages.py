"""The API's pages besides its operations: its description, the problem types, metrics."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from fleet_sim.api.metrics import OPENMETRICS, ApiMetrics
from fleet_sim.api.openapi import document_json
from fleet_sim.pages.rendering import render
from fleet_wire.contract.problems import BASE, PROBLEMS
from fleet_wire.system_clock import SystemClock
from fleet_wire.web.exchange import HTML, JSON, HttpRequest, HttpResponse
from fleet_wire.web.scrapes import Scrapes

OPENAPI: Final = "/openapi.json"
PLAIN_TEXT: Final = "text/plain"

Page = Callable[[HttpRequest], Awaitable[HttpResponse]]


class Pages:
    """Each page by its path."""

    def __init__(self, metrics: ApiMetrics, ready: Callable[[], HttpResponse]) -> None:
        self._scrapes = Scrapes(metrics.exposition, SystemClock())
        self._by_path: dict[str, Page] = {
            "/": _ready_made(render("api_index.html", problems=PROBLEMS.values()).encode(), HTML),
            OPENAPI: _ready_made(document_json(), JSON),
            "/healthz": _ready_made(b"ok\n", PLAIN_TEXT),
            "/readyz": _made_anew(ready),
            "/metrics": self._metrics,
        }
        for slug, problem in PROBLEMS.items():
            page = render("api_problem.html", problem=problem).encode()
            self._by_path[BASE + slug] = _ready_made(page, HTML)

    def find(self, path: str) -> Page | None:
        """Return what serves a path, if it is one of these."""
        return self._by_path.get(path)

    async def _metrics(self, request: HttpRequest) -> HttpResponse:
        accepted = request.headers.get("Accept", "").lower()
        media_type = OPENMETRICS if OPENMETRICS in accepted else PLAIN_TEXT
        return HttpResponse(200, *await self._scrapes.page(media_type))


def _made_anew(answer: Callable[[], HttpResponse]) -> Page:
    async def page(_: HttpRequest) -> HttpResponse:
        return answer()

    return page


def _ready_made(content: bytes, content_type: str) -> Page:
    answer = HttpResponse(200, content, content_type)

    async def page(_: HttpRequest) -> HttpResponse:
        return answer

    return page
