"""How a modem is attached to the network: what coverage, signal and faults do to its connection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import fsum, sin, tau

from fleet_sim.cars.box_states import ConnectionState, Socket, SocketEvent
from fleet_sim.cars.connection import BoxConnection
from fleet_sim.cars.failpoints import Culprit, undone_by

NO_SERVICE_DBM = -120.0
"""Below this a modem finds no cell [E]; 3GPP TS 36.133 reports RSRP from -140 to -44 dBm."""
TRIAL_S = 1.0
"""Longer than a box takes to notice that the broker has closed a connection that came back."""
FADING_RAD_PER_S = tau / 900.0
"""A parked car's signal goes up and down once in a quarter of an hour [E]."""


class Attachment(BoxConnection):
    """The verbs by which the network and faults act on a box's connection."""

    __slots__ = ()

    @contextmanager
    def without_coverage(self, *, by: Culprit) -> Iterator[None]:
        """Cut the network. Nothing is said to anyone: the broker finds out by keepalive.

        Several losses of coverage end with the last one. After a short loss the connection goes on.
        After a longer one the modem has given it up, waits until the network is stable and connects
        anew.
        """
        self.blame(by, "coverage")
        self._lose_coverage()
        with undone_by(self._regain_coverage):
            yield

    def _lose_coverage(self) -> None:
        self._outages += 1
        if self._outages == 1:
            self._lost_coverage_s = self._world.env.now
            if self._socket is Socket.OPEN:
                self._change_socket(SocketEvent.FREEZE)
                self.link.freeze()
        self._recount()

    def _regain_coverage(self) -> None:
        self._outages -= 1
        if self._outages:
            return
        lost_s = self._world.env.now - self._lost_coverage_s
        had_connection = self._holds_connection and self._socket is not Socket.LEFT_BEHIND
        goes_on = had_connection and lost_s < self._spec.parameters.network_loss_s
        if goes_on and self._socket is Socket.FROZEN:
            self._change_socket(SocketEvent.THAW)
        if goes_on:
            self._disturbed().on_trial_since_s = self._world.env.now
            self._world.later(TRIAL_S, self._end_trial, self._world.env.now)
        self._recount()
        self._owner.coverage_returned()
        if goes_on:
            self.link.thaw()
            self._receive_held()
            return
        if had_connection:
            self.abandon()
        stable_s = self._spec.parameters.network_stable.sample_s(self._stream)
        self._world.later(stable_s, self.connect)

    def _end_trial(self, returned_s: float) -> None:
        """See whether the connection has survived the loss of coverage; else it counts as lost."""
        disturbance = self._disturbed()
        if disturbance.on_trial_since_s != returned_s:
            return  # coverage was lost and regained since, or there is a new connection
        disturbance.on_trial_since_s = None
        if self.is_reachable:
            self.report_hits(returned_s)
        else:
            self._recount()

    @contextmanager
    def without_downlink(self, *, by: Culprit) -> Iterator[None]:
        """Cut the direction to the box on its present connection; the other one works.

        TCP cannot be so for long: without acknowledgements the box would give the connection up.
        But operators split it in two at a proxy (RFC 3135), which acknowledges what the box sends,
        and may lose the way from the broker. A new connection is whole. If there is none before,
        the modem attaches anew when the last cut ends.
        """
        if self.connection is not ConnectionState.CONNECTED:
            yield
            return
        self.blame(by, "downlink")
        self._disturbed().cuts += 1
        self._recount()
        with undone_by(self._end_cut, self.generation):
            yield

    def _end_cut(self, generation: int) -> None:
        if generation == self.generation and self.connection is ConnectionState.CONNECTED:
            disturbance = self._disturbed()
            disturbance.cuts -= 1
            if not disturbance.cuts:
                self._give_connection_up()

    @contextmanager
    def denied(self, *, by: Culprit) -> Iterator[None]:
        """Make the broker silently withhold everything from the box, also on later connections.

        That it does not is for the broker's access rules to see to (`BrokerControl.denying`).
        """
        self.blame(by, "access")
        self._disturbed().denials += 1
        self._recount()
        with undone_by(self._end_denial):
            yield

    def _end_denial(self) -> None:
        self._disturbed().denials -= 1
        self._recount()

    @contextmanager
    def attenuated(self, loss_db: float, *, by: Culprit) -> Iterator[None]:
        """Weaken the signal; where too little is left there is no coverage.

        Attenuations add up, and what is left of the signal is looked at when one begins or ends.
        """
        attenuation = by, loss_db
        self._disturbed().attenuations.append(attenuation)
        self._heed_signal()
        with undone_by(self._end_attenuation, attenuation):
            yield

    def _end_attenuation(self, attenuation: tuple[Culprit, float]) -> None:
        self._disturbed().attenuations.remove(attenuation)
        self._heed_signal()

    def _heed_signal(self) -> None:
        """Lose coverage where the attenuations leave too little of the signal, or regain it."""
        disturbance = self._disturbed()
        was_faint = disturbance.is_faint
        is_attenuated = bool(disturbance.attenuations)
        disturbance.is_faint = is_attenuated and self.signal_dbm() < NO_SERVICE_DBM
        if disturbance.is_faint:
            for culprit, _ in disturbance.attenuations:
                self.blame(culprit, "coverage")
        if disturbance.is_faint and not was_faint:
            self._lose_coverage()
        elif was_faint and not disturbance.is_faint:
            self._regain_coverage()

    def signal_dbm(self) -> float:
        """Return the strength of the signal now."""
        return self.signal_at_dbm(self._world.env.now)

    def signal_at_dbm(self, now_s: float) -> float:
        """Return the strength of the signal, which is the place's and goes up and down."""
        # Asked for with every heartbeat, and heartbeats are most of a long run.
        parameters, place = self._spec.parameters, self._place
        if place is None:
            place = self._place = self._stream.constant() * tau
        cycle = sin(now_s * FADING_RAD_PER_S + place)
        swing_db = parameters.signal_swing_db * (place / tau - 0.5 + cycle / 2)
        signal_dbm = parameters.signal_dbm + swing_db
        if self._disturbance is not None:
            signal_dbm -= fsum(loss_db for _, loss_db in self._disturbance.attenuations)
        return (signal_dbm + 0.5) // 1.0  # whole dBm, as modems report them

    def lose_nat_entry(self, notices_after_s: float, *, by: Culprit) -> None:
        """Half-open: neither end hears the other, until the box notices and connects anew."""
        if self._has_nat_entry:
            self.blame(by, "nat")
            self._become_half_open(notices_after_s)

    def drop_connection(self, *, by: Culprit) -> None:
        """Lose the socket, as when a load balancer restarts; then follow the firmware's rule."""
        if self._holds_connection:
            self.blame(by, "connection")
            self.crash()
            self._connect_later()
