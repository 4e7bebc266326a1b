"""The HTTP side of the probe: metrics for Prometheus, health and readiness for orchestrators."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Final

import msgspec
from aiohttp import web

from fleet_wire.errors import LimitError

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

    `metrics` returns the page and its content type for an Accept header; `not_ready` returns why
    the probe is not ready, or None when it is.
    """

    def __init__(
        self, *, metrics: Callable[[str], tuple[bytes, str]], not_ready: Callable[[], str | None]
    ) -> None:
        self._metrics = metrics
        self._not_ready = not_ready
        app = web.Application()
        app.add_routes(
            [
                web.get("/", self._get_index),
                web.get("/metrics", self._get_metrics),
                web.get("/healthz", self._get_health),
                web.get("/readyz", self._get_readiness),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)

    async def start(self, host: str, port: int) -> int:
        """Listen, and return the port. Raises `LimitError` where the address cannot be had."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            raise _listen_error(host, port, error) from error
        port_used: int = self._runner.addresses[0][1]
        return port_used

    async def stop(self) -> None:
        """Close the port."""
        await self._runner.cleanup()

    async def _get_index(self, _: web.Request) -> web.Response:
        return web.Response(text=_INDEX, content_type="text/html")

    async def _get_metrics(self, request: web.Request) -> web.Response:
        body, content_type = self._metrics(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def _get_health(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _get_readiness(self, _: web.Request) -> web.Response:
        detail = self._not_ready()
        if detail is None:
            return web.Response(text="ready\n")
        problem = {"type": "about:blank", "title": "Not ready", "status": 503, "detail": detail}
        return web.Response(
            body=msgspec.json.encode(problem), status=503, content_type="application/problem+json"
        )


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
