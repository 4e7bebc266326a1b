"""The clock of live runs. Who only needs to be handed a clock imports `fleet_wire.clock`."""

from __future__ import annotations

import time


class SystemClock:
    """The machine's clocks. Implements `fleet_wire.clock.Clock`."""

    def monotonic_s(self) -> float:
        """Return `time.monotonic()`: on Linux the same clock in every process."""
        return time.monotonic()

    def unix_s(self) -> float:
        """Return `time.time()`."""
        return time.time()
