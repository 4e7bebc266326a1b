"""How often something may be asked, for each customer or car: one number each.

The generic cell rate algorithm (ITU-T I.371): a request is expected every `60 / per_minute`
seconds, and may come earlier than that by what a burst allows.
"""

from __future__ import annotations

from collections import OrderedDict

from fleet_sim.platform.parameters import RateLimit

MAX_KEYS = 100_000
"""Kept at most, the latest; who was forgotten begins anew."""


class RateLimiter:
    """Counts the requests of each key against one limit. If the limit is None, it allows all."""

    __slots__ = ("_expected_s", "_interval_s", "_tolerance_s")

    def __init__(self, limit: RateLimit | None) -> None:
        self._interval_s = 0.0 if limit is None else 60.0 / limit.per_minute
        self._tolerance_s = 0.0 if limit is None else self._interval_s * (limit.burst - 1)
        self._expected_s: OrderedDict[str, float] = OrderedDict()
        """When the next request of a key is expected, in the order of the latest requests."""

    def wait_s(self, key: str, now_s: float) -> float:
        """Count a request and return 0; or return the seconds until it would be allowed."""
        if not self._interval_s:
            return 0.0
        expected_s = max(self._expected_s.get(key, now_s), now_s)
        too_early_s = expected_s - self._tolerance_s - now_s
        if too_early_s > 0:
            return too_early_s
        self._expected_s.pop(key, None)
        self._expected_s[key] = expected_s + self._interval_s
        if len(self._expected_s) > MAX_KEYS:
            self._expected_s.popitem(last=False)
        return 0.0
