"""Tests of `fleet_sim.platform.rate_limits`."""

from __future__ import annotations

import pytest

from fleet_sim.platform import rate_limits
from fleet_sim.platform.parameters import RateLimit
from fleet_sim.platform.rate_limits import RateLimiter

LIMIT = RateLimit(per_minute=6, burst=3)


def test_a_burst_then_an_even_rate() -> None:
    """Three at once, then one in ten seconds; who is refused is told when to come."""
    limiter = RateLimiter(LIMIT)
    assert [limiter.wait_s("anna", 100.0) for _ in range(3)] == [0, 0, 0]
    assert limiter.wait_s("anna", 100.0) == pytest.approx(10)
    assert limiter.wait_s("anna", 104.0) == pytest.approx(6)
    assert limiter.wait_s("anna", 110.0) == 0
    assert limiter.wait_s("anna", 110.0) > 0


def test_after_a_pause_the_burst_is_back() -> None:
    """But no more than it; a refused request costs nothing."""
    limiter = RateLimiter(LIMIT)
    waits_s = [limiter.wait_s("anna", at_s) for at_s in (0, 0, 0, *[500] * 50)]
    assert waits_s[:6] == [0] * 6
    assert all(waits_s[6:])
    assert limiter.wait_s("anna", 510.0) == 0


def test_each_key_counts_by_itself() -> None:
    """One customer's haste is not another's; without a limit all is allowed."""
    limiter = RateLimiter(RateLimit(per_minute=1, burst=1))
    assert (limiter.wait_s("anna", 0.0), limiter.wait_s("bert", 0.0)) == (0, 0)
    assert not any(RateLimiter(None).wait_s("anna", 0.0) for _ in range(1000))


def test_no_more_keys_are_kept_than_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asked longest ago is forgotten first."""
    monkeypatch.setattr(rate_limits, "MAX_KEYS", 2)
    limiter = RateLimiter(RateLimit(per_minute=1, burst=1))
    for key in ("anna", "bert", "cleo"):
        limiter.wait_s(key, 0.0)
    assert limiter.wait_s("cleo", 0.0) > 0
    assert limiter.wait_s("anna", 0.0) == 0
