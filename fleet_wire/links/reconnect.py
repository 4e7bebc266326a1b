"""When to connect again after a connection was lost: one rule for the boxes and for the probe.

Full jitter is "uniform between 0 and min(cap, base * 2^n)" (AWS Architecture Blog, "Exponential
Backoff And Jitter"). It spreads a fleet that lost its broker at one instant over the interval.
Fixed delays, as OVMS v3 firmware uses (30 s, or 60 s after an unexpected close, plus up to 5 s),
are what makes a reconnect storm.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from fleet_wire.quantities import PositiveSeconds, Seconds
from fleet_wire.randomness import RandomStream


class ReconnectPolicy(BaseModel):
    """The delay before the next connect, in seconds.

    With `full_jitter` uniform in [0, min(cap_s, base_s * 2^failures)); without it `base_s` plus
    uniform in [0, jitter_s), however often it has failed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    full_jitter: bool = True
    base_s: PositiveSeconds = Field(2.0, description="first interval; OVMS v3 firmware: 30 s fixed")
    cap_s: PositiveSeconds = Field(300.0, description="longest interval")
    jitter_s: Seconds = Field(5.0, description="only without full_jitter (OVMS: 5 s)")

    def delay_s(self, failures: int, stream: RandomStream) -> float:
        """Return the delay after `failures` failed connects in a row (0 after a working one)."""
        if not self.full_jitter:
            return self.base_s + stream.between(0.0, self.jitter_s)
        return stream.between(0.0, min(self.cap_s, self.base_s * 2.0 ** min(failures, 30)))
