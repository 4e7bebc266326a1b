"""The HTTP side of the probe: metrics for Prometheus, health and readiness for orchestrators."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from aiohttp import web

from fleet_wire.errors import LimitError
from fleet_wire.system_clock import SystemClock
from platform_probe.web.scrapes import Render, Scrapes

CONNECTION_S: Final = 10.0
"""As long as Prometheus waits for a scrape by default (`scrape_timeout`)."""
OPENMETRICS: Final = "application/openmetrics-text"
PLAIN_TEXT: Final = "text/plain"
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
<li><a href="readyz">/readyz</a>: 200 while connected to the broker and subscribed, else 503
</ul>
"""


class HttpServer:
    """Serves `/`, `/metrics`, `/healthz` and `/readyz`.

    `metrics` returns for `PLAIN_TEXT` or `OPENMETRICS` the page in pieces, and its content type;
    `not_ready` returns why the probe is not ready, or None when it is.

    A connection carries one request, and lives for `CONNECTION_S` at most: whoever sends half a
    request, or many at once, or does not read, takes little from the unlocks in the same process.
    """

    def __init__(self, *, metrics: Render, not_ready: Callable[[], str | None]) -> None:
        self._scrapes = Scrapes(metrics, SystemClock())
        self._not_ready = not_ready
        self._pages: dict[str, Callable[[web.BaseRequest], Awaitable[web.Response]]] = {
            "/": self._get_index,
            "/metrics": self._get_metrics,
            "/healthz": self._get_health,
            "/readyz": self._get_readiness,
        }
        self._runner: web.ServerRunner | None = None

    async def start(self, host: str, port: int, *, or_free: bool = False) -> int:
        """Listen, and return the port; with `or_free` any free one where that is taken.

        Raises `LimitError` where the address cannot be had.
        """
        runner = web.ServerRunner(_BriefServer(self._answer, access_log=None))
        await runner.setup()
        try:
            try:
                await web.TCPSite(runner, host, port).start()
            except OSError as error:
                if not or_free or error.errno != errno.EADDRINUSE:
                    raise
                await web.TCPSite(runner, host, 0).start()
        except OSError as error:
            await runner.cleanup()
            raise _listen_error(host, port, error) from error
        self._runner = runner
        port_used: int = runner.addresses[0][1]
        return port_used

    async def stop(self) -> None:
        """Close the port."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        page = self._pages.get(request.path)
        if page is None:
            answer = web.Response(status=404, text="404: not found\n")
        elif request.method not in _METHODS:
            allowed = {"Allow": ", ".join(_METHODS)}
            answer = web.Response(status=405, text="405: method not allowed\n", headers=allowed)
        else:
            answer = await page(request)
        answer.force_close()
        return answer

    async def _get_index(self, _: web.BaseRequest) -> web.Response:
        return web.Response(text=_INDEX, content_type="text/html")

    async def _get_metrics(self, request: web.BaseRequest) -> web.Response:
        accepted = request.headers.get("Accept", "").lower()
        media_type = OPENMETRICS if OPENMETRICS in accepted else PLAIN_TEXT
        body, content_type = await self._scrapes.page(media_type)
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def _get_health(self, _: web.BaseRequest) -> web.Response:
        return web.Response(text="ok\n")

    async def _get_readiness(self, _: web.BaseRequest) -> web.Response:
        detail = self._not_ready()
        if detail is None:
            return web.Response(text="ready\n")
        problem = {"type": "about:blank", "title": "Not ready", "status": 503, "detail": detail}
        return web.Response(
            body=msgspec.json.encode(problem), status=503, content_type="application/problem+json"
        )


class _BriefServer(web.Server):
    """Ends every connection after `CONNECTION_S`, whatever has come of it by then."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._ends: dict[web.RequestHandler, asyncio.TimerHandle] = {}

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        loop = asyncio.get_running_loop()
        self._ends[handler] = loop.call_later(CONNECTION_S, transport.abort)

    def connection_lost(
        self, handler: web.RequestHandler, exc: BaseException | None = None
    ) -> None:
        self._ends.pop(handler).cancel()
        super().connection_lost(handler, exc)


def _listen_error(host: str, port: int, error: OSError) -> LimitError:
    if error.errno == errno.EADDRINUSE:
        return LimitError(
            f"port {port} on {host} is taken by another process",
            f"see which: ss -ltnp 'sport = :{port}'; or choose another: --listen {host}:0",
        )
    return LimitError(
        f"cannot listen on {host}:{port}: {error.strerror or error}",
        "choose an address of this machine and a port from 1024 on: --listen 127.0.0.1:9464",
    )
