"""The radio of one box: how long a packet takes each way, and when the box can be reached.

The model sees a radio through TCP, so everything here is delay. A lost packet comes when TCP has
sent it again. A delayed packet holds up the later ones: TCP keeps the order. TCP drops a duplicate
packet, so it is not modelled. An MQTT message comes twice when the broker sends it again on the
next connection.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from fleet_sim.cars.distributions import NO_DELAY, Delay
from fleet_sim.cars.radio_parameters import RadioParameters
from fleet_wire.randomness import RandomStream

CONDITIONS_HOLD_S = 1.0
"""Seconds for which conditions hold, then they are drawn anew [E]. A packet and its answer meet the
same conditions, so that a round trip has the measured distribution."""
MAX_RETRANSMISSIONS = 15
"""Retransmissions after which TCP gives up (Linux, tcp_retries2)."""
MAX_RETRANSMISSION_S = 120.0
"""The longest that TCP waits before it sends again (Linux, TCP_RTO_MAX)."""
SIGN_OF_LIFE_S = 1.0
"""With PSM the device listens for so long at least, while it sends its sign of life [E]."""
_STALLS_REMEMBERED = 20
_NEVER_S = -math.inf
SOON_S = 1e-6
"""Below what a device takes to notice; keeps rounding from making a wait of nothing."""


class Radio:
    """Delays by radio state, in order: a packet never overtakes the one before it (TCP).

    A device that was quiet for `idle_after_s` has left the network's attention; the next packet to
    it waits for a paging occasion. Its own packets go out at once. With eDRX or PSM an idle device
    cannot be paged most of the time, see `silent_s`. A box that has sent nothing for `ping_every_s`
    pings: nobody is called for that, it is counted when somebody wants to know.
    """

    __slots__ = (
        "_conditions_since_s",
        "_connected_rtt_s",
        "_down_free_s",
        "_has_mishaps",
        "_last_active_s",
        "_parameters",
        "_stalls",
        "_stream",
        "_up_free_s",
        "_window_s",
        "is_instant",
        "on_sent",
        "ping_every_s",
    )

    def __init__(
        self, parameters: RadioParameters, stream: RandomStream, *, ping_every_s: float = math.inf
    ) -> None:
        self._parameters = parameters
        self.ping_every_s = ping_every_s
        self._stream = stream
        self.is_instant = parameters.is_instant
        """Whether every delay is 0: there is no need to ask."""
        self._has_mishaps = bool(parameters.loss or parameters.reordering)
        self.on_sent: Callable[[], None] | None = None
        """Called when the box has sent: it can be reached, by what waited for that."""
        self._last_active_s = _NEVER_S
        self._down_free_s = 0.0
        self._up_free_s = 0.0
        self._connected_rtt_s = 0.0
        self._conditions_since_s = _NEVER_S
        every_s, cycle_s = parameters.stall_every_s, parameters.granted_edrx_cycle_s
        self._stalls = None if every_s is None else _Stalls(every_s, parameters.stall, stream)
        self._window_s = 0.0 if cycle_s is None else stream.between(0.0, cycle_s)

    def attach(self, now_s: float) -> None:
        """Begin a new connection: what was on its way on the old one holds nothing up."""
        self._down_free_s = self._up_free_s = 0.0
        self._last_active_s = now_s

    def quiet_s(self, now_s: float) -> float:
        """Return for how long nothing was exchanged, not even a ping."""
        quiet_s = now_s - self._last_active_s
        every_s = self.ping_every_s
        return quiet_s % every_s if every_s < quiet_s < math.inf else quiet_s

    def silent_s(self, now_s: float) -> float:
        """Return how long the network cannot reach the box, if the box sends nothing meanwhile.

        With eDRX an idle device listens in windows, with PSM after its sign of life only.
        """
        parameters = self._parameters
        period_s = parameters.psm_period_s
        if period_s is None and parameters.edrx_cycle_s is None:
            return 0.0
        cycle_s = parameters.granted_edrx_cycle_s
        quiet_s = min(self.quiet_s(now_s), now_s)
        idle_s = quiet_s - parameters.idle_after_s
        if idle_s < 0:
            return 0.0
        wait_s = 0.0
        if cycle_s is not None:
            since_window_s = (now_s - self._window_s) % cycle_s
            if since_window_s >= parameters.paging_window_s:
                wait_s = cycle_s - since_window_s
        if period_s is not None:
            since_sign_s = idle_s % period_s
            if since_sign_s < SIGN_OF_LIFE_S:
                wait_s = 0.0
            elif since_sign_s + wait_s >= parameters.psm_active_s:
                wait_s = period_s - since_sign_s
        wait_s = min(wait_s, self.ping_every_s - quiet_s)
        return wait_s if wait_s > SOON_S else 0.0

    def downlink_s(self, now_s: float) -> float:
        """Return the delay of a packet that the network sends to the box now."""
        parameters = self._parameters
        waits_s = 0.0 if self._stalls is None else self._stalls.remaining_s(now_s)
        waits_s += self.silent_s(now_s + waits_s)
        connected_rtt_s = self._round_trip_s(now_s)
        quiet_s = self.quiet_s(now_s)
        if quiet_s < parameters.cdrx_after_s:
            rtt_s = connected_rtt_s
        elif quiet_s < parameters.idle_after_s:
            rtt_s = parameters.cdrx_rtt.sample_s(self._stream)
        else:
            rtt_s = parameters.idle_rtt.sample_s(self._stream)
        # The measured round trips end with an uplink from a connected device; the rest is the way
        # down, waiting included.
        delay_s = waits_s + max(rtt_s - connected_rtt_s / 2, 0.0)
        if self._has_mishaps:
            delay_s += self._mishap_s()
        delay_s = _behind_s(self._down_free_s, now_s, delay_s)
        self._down_free_s = self._last_active_s = now_s + delay_s
        return delay_s

    def uplink_s(self, now_s: float) -> float:
        """Return the delay of a packet that the box sends now.

        A sender can be reached: waiting packets arrive.
        """
        parameters = self._parameters
        delay_s = self._round_trip_s(now_s) / 2
        if self._stalls is not None:
            delay_s += self._stalls.remaining_s(now_s)
        idle_uplink = parameters.idle_uplink
        if idle_uplink is not NO_DELAY and self.quiet_s(now_s) >= parameters.idle_after_s:
            delay_s += idle_uplink.sample_s(self._stream)
        if self._has_mishaps:
            delay_s += self._mishap_s()
        if now_s + delay_s < self._up_free_s:
            delay_s = _behind_s(self._up_free_s, now_s, delay_s)
        self._up_free_s = now_s + delay_s
        self._last_active_s = max(self._last_active_s, now_s)
        if self.on_sent is not None:
            self.on_sent()
        return delay_s

    def until_sent_s(self, now_s: float) -> float:
        """Return how long until all has left that the box has sent so far."""
        return max(self._up_free_s - now_s, 0.0)

    def until_received_s(self, now_s: float) -> float:
        """Return how long until all has come that is on its way to the box."""
        return max(self._down_free_s - now_s, 0.0)

    def _round_trip_s(self, now_s: float) -> float:
        """Return the round trip of a connected device under the present conditions."""
        if now_s >= self._conditions_since_s + CONDITIONS_HOLD_S:
            self._connected_rtt_s = self._parameters.connected_rtt.sample_s(self._stream)
            self._conditions_since_s = now_s
        return self._connected_rtt_s

    def _mishap_s(self) -> float:
        """Return what loss and reordering add to a packet's delay; mostly nothing."""
        parameters, draw = self._parameters, self._stream.uniform()
        loss = parameters.loss
        if draw >= loss:
            if draw - loss < parameters.reordering * (1.0 - loss):
                return parameters.reordering_delay.sample_s(self._stream)
            return 0.0
        lost_s, wait_s = 0.0, parameters.retransmission_s
        for _ in range(MAX_RETRANSMISSIONS):
            lost_s += wait_s
            wait_s = min(2 * wait_s, MAX_RETRANSMISSION_S)
            draw /= loss  # below the loss it is uniform again: one draw for all the copies
            if draw >= loss:
                break
        return lost_s


def _behind_s(free_s: float, now_s: float, delay_s: float) -> float:
    """Return the delay of a packet that arrives after `delay_s`, but not before `free_s`.

    Exactly so: rounding must not let it overtake one that arrives at `free_s`.
    """
    if now_s + delay_s < free_s:
        delay_s = free_s - now_s
        while now_s + delay_s < free_s:
            delay_s += math.ulp(free_s)
    return delay_s


class _Stalls:
    """Times in which the link carries nothing, and all that is sent waits for the end.

    They come when someone asks: a car that sends nothing costs nothing. `length` is the
    distribution of how long one lasts, `every_s` the mean time from one to the next.
    """

    __slots__ = ("_begins_s", "_ends_s", "_every_s", "_length", "_stream")

    def __init__(self, every_s: float, length: Delay, stream: RandomStream) -> None:
        self._every_s = every_s
        self._length = length
        self._stream = stream
        self._ends_s = _NEVER_S
        self._begins_s = stream.exponential(every_s)

    def remaining_s(self, now_s: float) -> float:
        """Return how long the stall that there is now still lasts, 0 without one."""
        oldest_s = now_s - _STALLS_REMEMBERED * self._every_s
        if self._begins_s < oldest_s:  # nobody asked for long: the stalls in between do not matter
            self._begins_s = oldest_s + self._stream.exponential(self._every_s)
        while self._begins_s <= now_s:
            self._ends_s = self._begins_s + self._length.sample_s(self._stream)
            self._begins_s = self._ends_s + self._stream.exponential(self._every_s)
        return max(self._ends_s - now_s, 0.0)
