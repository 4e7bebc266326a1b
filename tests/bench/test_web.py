"""The platform's API is measured beside a bare handler, whatever the figures are."""

from __future__ import annotations

import pytest

from bench.web.measure import WebPlan, measure_web
from bench.web.results import render_web

pytestmark = pytest.mark.long


@pytest.mark.broker
async def test_every_unlock_is_executed() -> None:
    """The bench's own platform and boxes answer and execute all that its load asks for."""
    measured = await measure_web(WebPlan(boxes=20, rate_per_s=100.0, seconds=0.5))
    assert (measured.refused, measured.lost) == (0, 0)
    assert measured.half_p50_ms <= measured.half_p99_ms
    assert measured.api_cpu_us > 0
    assert "not executed" in render_web([measured])
