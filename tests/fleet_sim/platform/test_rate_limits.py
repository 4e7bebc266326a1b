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


def test_a_refused_request_costs_nothing() -> None:
    """Whoever keeps asking is not punished for it."""
    limiter = RateLimiter(LIMIT)
    for _ in range(50):
        limiter.wait_s("anna", 0.0)
    assert limiter.wait_s("anna", 10.0) == 0


def test_after_a_pause_the_burst_is_back() -> None:
    """But no more than it."""
    limiter = RateLimiter(LIMIT)
    assert [limiter.wait_s("anna", t) > 0 for t in (0, 0, 0, 500, 500, 500, 500)] == [
        *[False] * 6,
        True,
    ]


def test_each_key_counts_by_itself() -> None:
    """One customer's haste is not another's."""
    limiter = RateLimiter(RateLimit(per_minute=1, burst=1))
    assert limiter.wait_s("anna", 0.0) == 0
    assert limiter.wait_s("bert", 0.0) == 0


def test_without_a_limit_all_is_allowed() -> None:
    """Nothing is remembered for it."""
    limiter = RateLimiter(None)
    assert not any(limiter.wait_s("anna", 0.0) for _ in range(1000))


def test_no_more_keys_are_kept_than_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asked longest ago is forgotten first."""
    monkeypatch.setattr(rate_limits, "MAX_KEYS", 2)
    limiter = RateLimiter(RateLimit(per_minute=1, burst=1))
    for key in ("anna", "bert", "cleo"):
        limiter.wait_s(key, 0.0)
    assert limiter.wait_s("cleo", 0.0) > 0
    assert limiter.wait_s("anna", 0.0) == 0
