"""The HTTP side of the probe: metrics for Prometheus, health and readiness for orchestrators."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Final

from fleet_wire.system_clock import SystemClock
from fleet_wire.web.exchange import HTML, HttpRequest, HttpResponse
from fleet_wire.web.readiness import readiness
from fleet_wire.web.scrapes import Render, Scrapes
from fleet_wire.web.server import HttpServer, ignore
from platform_probe.web.runbook import PREFIX, runbook_page

CONNECTION_S: Final = 10.0
"""The time that Prometheus waits for a scrape by default (`scrape_timeout`)."""
MAX_BODY_BYTES: Final = 1_024
"""Nobody has to send one."""
OPENMETRICS: Final = "application/openmetrics-text"
PLAIN_TEXT: Final = "text/plain"
NOT_FOUND: Final = b"404: not found\n"
_METHODS: Final = ("GET", "HEAD")
_INDEX: Final = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>platform-probe</title>
<style>body{font:16px/1.6 system-ui,sans-serif;margin:3rem auto;max-width:40rem;padding:0 1rem}
@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}a{color:#8cf}}</style>
<h1>platform-probe</h1>
<p>Sends unlocks, follows each to the door, and says why one failed.</p>
<ul>
<li><a href="metrics">/metrics</a>: for Prometheus, with exemplars when asked for OpenMetrics
<li><a href="healthz">/healthz</a>: 200 while the process works
<li>/runbook/ALERT.md: what to do about an alert
<li><a href="readyz">/readyz</a>: 200 while connected to a broker and subscribed, else 503
</ul>
"""
Page = Callable[[HttpRequest], Awaitable[HttpResponse]]
_NO_POSTS: Final[Mapping[str, Page]] = MappingProxyType({})


class ProbePages:
    """Serves `/`, `/metrics`, `/healthz`, `/readyz` and the runbook.

    `metrics` returns for `PLAIN_TEXT` or `OPENMETRICS` the page in pieces, and its content type;
    `not_ready` returns why the probe is not ready, or None when it is; `away` names the
    brokers that it is without then. `posts` are answered by
    others, by path; with a body of at most `max_body_bytes`. `on_defect` counts exceptions.

    A connection carries one request, and lives for `CONNECTION_S` at most. Clients with half a
    request, with many at once, or that do not read, use little of the process of the unlocks.
    """

    def __init__(
        self,
        *,
        metrics: Render,
        not_ready: Callable[[], str | None],
        away: Callable[[], str] = lambda: "",
        posts: Mapping[str, Page] = _NO_POSTS,
        max_body_bytes: int = MAX_BODY_BYTES,
        on_defect: Callable[[BaseException], None] = ignore,
    ) -> None:
        self._on_defect = on_defect
        self._scrapes = Scrapes(metrics, SystemClock())
        self._not_ready = not_ready
        self._away = away
        self._posts = posts
        self._max_body_bytes = max_body_bytes
        self._pages: dict[str, Page] = {
            "/": self._get_index,
            "/metrics": self._get_metrics,
            "/healthz": self._get_health,
            "/readyz": self._get_readiness,
        }

    def server(self) -> HttpServer:
        """Return the server of these pages; `start` lets it listen."""
        return HttpServer(
            self._answer,
            connection_s=CONNECTION_S,
            max_body_bytes=self._max_body_bytes,
            one_request=True,
            on_defect=self._on_defect,
        )

    async def _answer(self, request: HttpRequest) -> HttpResponse:
        if request.path in self._posts:
            return await self._posts[request.path](request)
        page = self._pages.get(request.path)
        if page is None and request.path.startswith(PREFIX):
            page = self._get_runbook
        if page is None:
            return HttpResponse(404, NOT_FOUND)
        if request.method not in _METHODS:
            allowed = {"Allow": ", ".join(_METHODS)}
            return HttpResponse(405, b"405: method not allowed\n", headers=allowed)
        return await page(request)

    async def _get_index(self, _: HttpRequest) -> HttpResponse:
        return HttpResponse(200, _INDEX.encode(), HTML)

    async def _get_runbook(self, request: HttpRequest) -> HttpResponse:
        page = runbook_page(request.path)
        return HttpResponse(404, NOT_FOUND) if page is None else HttpResponse(200, page, HTML)

    async def _get_metrics(self, request: HttpRequest) -> HttpResponse:
        accepted = request.headers.get("Accept", "").lower()
        media_type = OPENMETRICS if OPENMETRICS in accepted else PLAIN_TEXT
        return HttpResponse(200, *await self._scrapes.page(media_type))

    async def _get_health(self, _: HttpRequest) -> HttpResponse:
        return HttpResponse(200, b"ok\n")

    async def _get_readiness(self, _: HttpRequest) -> HttpResponse:
        return readiness(self._not_ready(), self._away())
