"""Tests of `fleet_sim.platform.rate_limits`."""

from __future__ import annotations

import pytest

from fleet_sim.platform import rate_limits
from fleet_sim.platform.parameters import RateLimit
from fleet_sim.platform.rate_limits import RateLimiter

LIMIT = RateLimit(per_minute=6, burst=3)


def test_after_a_pause_the_burst_is_back() -> None:
    """But no more than it; a refused request costs nothing."""
    limiter = RateLimiter(LIMIT)
    waits_s = [limiter.wait_s("anna", at_s) for at_s in (0, 0, 0, *[500] * 50)]
    assert waits_s[:6] == [0] * 6
    assert all(waits_s[6:])
    assert limiter.wait_s("anna", 510.0) == 0


def test_no_more_keys_are_kept_than_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asked longest ago is forgotten first."""
    monkeypatch.setattr(rate_limits, "MAX_KEYS", 2)
    limiter = RateLimiter(RateLimit(per_minute=1, burst=1))
    for key in ("anna", "bert", "cleo"):
        limiter.wait_s(key, 0.0)
    assert limiter.wait_s("cleo", 0.0) > 0
    assert limiter.wait_s("anna", 0.0) == 0
