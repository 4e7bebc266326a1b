"""The platform's API is measured beside a bare handler, whatever the figures are."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from bench.web.load import HttpLoad, post
from bench.web.measure import WebPlan, measure_web
from bench.web.results import render_web
from fleet_wire.web.exchange import HttpRequest, HttpResponse
from fleet_wire.web.server import HttpServer

pytestmark = pytest.mark.long


@pytest.mark.broker
async def test_every_unlock_is_executed() -> None:
    """The bench's own platform and boxes answer and execute all that its load asks for."""
    measured = await measure_web(WebPlan(boxes=20, rate_per_s=100.0, seconds=0.5))
    assert (measured.refused, measured.lost) == (0, 0)
    assert measured.half_p50_ms <= measured.half_p99_ms
    assert measured.api_cpu_us > 0
    assert "not executed" in render_web([measured])


async def test_the_load_times_each_answer() -> None:
    """Each request is answered once, whatever its status."""
    seen: list[bytes] = []

    async def answer(request: HttpRequest) -> HttpResponse:
        body = await request.body()
        seen.append(body)
        return HttpResponse(202 if int(body) % 2 else 404, b"x" * 1_000)

    def requests() -> Iterator[bytes]:
        return (post("/", b"%d" % number, App_Version="1") for number in count())

    server = HttpServer(answer, connection_s=60.0, max_body_bytes=100)
    load = HttpLoad(await server.start("127.0.0.1", 0))
    await load.connect()
    paced = await load.open_loop(requests(), rate_per_s=1_000.0, total=100)
    load.close()
    await server.stop()
    assert paced.statuses == {"202": 50, "404": 50}
    assert (paced.sent, paced.answered) == (100, 100)
    assert sorted(map(int, seen)) == list(range(100))
    assert min(paced.latencies_s) > 0
