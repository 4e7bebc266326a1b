"""The radio of one box: whether there is coverage, and how long a packet takes each way."""

from __future__ import annotations

from fleet_sim.parameters import RadioParameters
from fleet_wire.randomness import RandomStream


class Radio:
    """Delays by radio state, in order: a packet never overtakes the one before it (TCP).

    A device that was quiet for `idle_after_s` has left the network's attention; the next packet to
    it waits for a paging occasion. Its own packets go out at once.
    """

    __slots__ = ("_down_free_s", "_last_active_s", "_parameters", "_stream", "_up_free_s")

    def __init__(self, parameters: RadioParameters, stream: RandomStream) -> None:
        self._parameters = parameters
        self._stream = stream
        self._last_active_s = float("-inf")
        self._down_free_s = 0.0
        self._up_free_s = 0.0

    def downlink_s(self, now_s: float) -> float:
        """Return the delay of a packet that the network sends to the box now."""
        parameters = self._parameters
        quiet_s = now_s - self._last_active_s
        if quiet_s < parameters.cdrx_after_s:
            rtt = parameters.connected_rtt
        elif quiet_s < parameters.idle_after_s:
            rtt = parameters.cdrx_rtt
        else:
            rtt = parameters.idle_rtt
        # The measured round trips end with an uplink from a connected device; the rest is the way
        # down, waiting included.
        delay_s = rtt.sample_s(self._stream) - parameters.connected_rtt.sample_s(self._stream) / 2
        arrival_s = max(now_s + max(delay_s, 0.0), self._down_free_s)
        self._down_free_s = self._last_active_s = arrival_s
        return arrival_s - now_s

    def uplink_s(self, now_s: float) -> float:
        """Return the delay of a packet that the box sends now."""
        delay_s = self._parameters.connected_rtt.sample_s(self._stream) / 2
        arrival_s = max(now_s + delay_s, self._up_free_s)
        self._up_free_s = arrival_s
        self._last_active_s = max(self._last_active_s, now_s)
        return arrival_s - now_s
