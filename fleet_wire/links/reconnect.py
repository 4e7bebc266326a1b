"""When to connect again after a connection was lost: one rule for the boxes and for the probe.

Full jitter is "uniform between 0 and min(cap, base * 2^n)" (AWS Architecture Blog, "Exponential
Backoff And Jitter"). It spreads a fleet that lost its broker at one instant over the interval.
Fixed delays, as OVMS v3 firmware uses (30 s, or 60 s after an unexpected close, plus up to 5 s),
are what makes a reconnect storm.
"""

from __future__ import annotations

from pydantic import Field

from fleet_wire.quantities import FrozenModel, PositiveSeconds, Seconds
from fleet_wire.randomness import RandomStream


class ReconnectPolicy(FrozenModel):
    """The delay before the next connect, in seconds.

    The interval is min(cap_s, base_s * 2^failures). With `full_jitter` the delay is uniform in
    [0, interval). A policy without it waits `base_s`, or the interval if it `doubles`, and uniform
    in [0, jitter_s) more.
    """

    full_jitter: bool = True
    base_s: PositiveSeconds = Field(2.0, description="first interval; OVMS v3 firmware: 30 s fixed")
    cap_s: PositiveSeconds = Field(300.0, description="longest interval")
    jitter_s: Seconds = Field(5.0, description="only without full_jitter (OVMS: 5 s)")
    doubles: bool = Field(
        default=False,
        description="only without full_jitter: the interval doubles with each failure up to cap_s"
        " (paho-mqtt: base_s 1, cap_s 120, jitter_s 0)",
    )

    def delay_s(self, failures: int, stream: RandomStream) -> float:
        """Return the delay after `failures` failed connects in a row (0 after a working one)."""
        interval_s = min(self.cap_s, self.base_s * 2.0 ** min(failures, 30))
        if self.full_jitter:
            return stream.between(0.0, interval_s)
        base_s = interval_s if self.doubles else self.base_s
        return base_s + stream.between(0.0, self.jitter_s)


class Retries:
    """The delays between the connects of one client: longer with each failure in a row."""

    __slots__ = ("_failures", "_policy", "_stream")

    def __init__(self, policy: ReconnectPolicy, stream: RandomStream) -> None:
        self._policy = policy
        self._stream = stream
        self._failures = 0

    def next_s(self) -> float:
        """Return the delay before the next connect, in seconds, after one that failed."""
        delay_s = self._policy.delay_s(self._failures, self._stream)
        self._failures += 1
        return delay_s

    def succeed(self) -> None:
        """Begin anew: a connect has worked."""
        self._failures = 0
