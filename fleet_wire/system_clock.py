"""The clock of live runs. Code that is handed a clock imports `fleet_wire.clock` instead."""

from __future__ import annotations

import time


class SystemClock:
    """The machine's clocks. Implements `fleet_wire.clock.Clock`."""

    # The functions themselves, without a wrapper: a monitor asks twenty times an unlock.
    monotonic_s = staticmethod(time.monotonic)
    """Return `time.monotonic()`: on Linux the same clock in every process."""
    unix_s = staticmethod(time.time)
    """Return `time.time()`."""
