"""The mobile network under a box: its coverage, its signal, and the NAT on the way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import fsum, inf, sin, tau

from fleet_sim.cars.box_states import Socket, SocketEvent
from fleet_sim.cars.connection import Connection
from fleet_sim.cars.dialler import Dialler
from fleet_sim.cars.downlink import Downlink
from fleet_sim.cars.failpoints import Culprit, undone_by
from fleet_sim.cars.radio import SOON_S

PING_TIMEOUT_S = 10.0
"""A box waits this long for an answer to its keepalive ping [E]."""
NO_SERVICE_DBM = -120.0
"""Below this a modem finds no cell [E]; 3GPP TS 36.133 reports RSRP from -140 to -44 dBm."""
TRIAL_S = 1.0
"""Longer than a box takes to notice that the broker has closed a connection that came back."""
FADING_RAD_PER_S = tau / 900.0
"""A parked car's signal goes up and down once in a quarter of an hour [E]."""


class Bearer:
    """The network that carries the connection of one box, and its faults."""

    __slots__ = (
        "_attenuations",
        "_connection",
        "_dialler",
        "_downlink",
        "_is_faint",
        "_lost_coverage_s",
        "_outages",
        "_place",
    )

    def __init__(self, connection: Connection, dialler: Dialler, downlink: Downlink) -> None:
        self._connection = connection
        self._dialler = dialler
        self._downlink = downlink
        self._outages = 0
        self._lost_coverage_s = 0.0
        self._attenuations: tuple[tuple[Culprit, float], ...] = ()
        """The loss of signal in dB from each fault."""
        self._is_faint = False
        """Whether they leave too little of it."""
        self._place: float | None = None
        """The car's location as far as its signal goes: 0 to 2 pi; None until somebody asks."""

    # Coverage

    @contextmanager
    def without_coverage(self, *, by: Culprit) -> Iterator[None]:
        """Cut the network. Nothing is said to anyone: the broker finds out by keepalive.

        Several losses of coverage end with the last one. After a short loss the connection goes on.
        After a longer one the modem has given it up, waits until the network is stable and connects
        anew.
        """
        self._connection.blame(by, "coverage")
        self._lose_coverage()
        with undone_by(self._regain_coverage):
            yield

    def _lose_coverage(self) -> None:
        connection = self._connection
        self._outages += 1
        if self._outages == 1:
            connection.has_coverage = False
            self._lost_coverage_s = connection.box.world.env.now
            if connection.socket is Socket.OPEN:
                connection.change_socket(SocketEvent.FREEZE)
                connection.link.freeze()
        connection.recount()

    def _regain_coverage(self) -> None:
        self._outages -= 1
        if self._outages:
            return
        connection, box = self._connection, self._connection.box
        connection.has_coverage = True
        now_s = box.world.env.now
        lost_s = now_s - self._lost_coverage_s
        had_connection = connection.is_held and connection.socket is not Socket.LEFT_BEHIND
        goes_on = had_connection and lost_s < box.spec.parameters.network_loss_s
        if goes_on and connection.socket is Socket.FROZEN:
            connection.change_socket(SocketEvent.THAW)
        if goes_on:
            connection.make_blame().on_trial_since_s = now_s
            box.world.later(TRIAL_S, self._end_trial, now_s)
        connection.recount()
        box.coverage_returned()
        if goes_on:
            connection.link.thaw()
            self._downlink.regain_coverage()
            return
        if had_connection:
            connection.abandon()
        stable_s = box.spec.parameters.network_stable.sample_s(self._connection.stream)
        box.world.later(stable_s, self._dialler.connect)

    def _end_trial(self, returned_s: float) -> None:
        """See whether the connection has survived the loss of coverage; else it counts as lost."""
        connection = self._connection
        blame = connection.make_blame()
        if blame.on_trial_since_s != returned_s:
            return  # coverage was lost and regained since, or there is a new connection
        blame.on_trial_since_s = None
        if connection.is_reachable:
            connection.report_hits(returned_s)
        else:
            connection.recount()

    # Signal

    @contextmanager
    def attenuated(self, loss_db: float, *, by: Culprit) -> Iterator[None]:
        """Weaken the signal; where too little is left there is no coverage.

        Attenuations add up, and what is left of the signal is looked at when one begins or ends.
        """
        attenuation = by, loss_db
        self._attenuate((*self._attenuations, attenuation))
        with undone_by(self._end_attenuation, attenuation):
            yield

    def _end_attenuation(self, attenuation: tuple[Culprit, float]) -> None:
        left = list(self._attenuations)
        left.remove(attenuation)
        self._attenuate(tuple(left))

    def _attenuate(self, attenuations: tuple[tuple[Culprit, float], ...]) -> None:
        """Lose coverage where the attenuations leave too little of the signal, or regain it."""
        self._attenuations = attenuations
        was_faint = self._is_faint
        now_s = self._connection.box.world.env.now
        self._is_faint = bool(attenuations) and self.signal_dbm(now_s) < NO_SERVICE_DBM
        if self._is_faint:
            for culprit, _ in attenuations:
                self._connection.blame(culprit, "coverage")
        if self._is_faint and not was_faint:
            self._lose_coverage()
        elif was_faint and not self._is_faint:
            self._regain_coverage()

    def signal_dbm(self, now_s: float) -> float:
        """Return the strength of the signal, which is the place's and goes up and down."""
        # Asked for with every heartbeat, and heartbeats are most of a long run.
        parameters, place = self._connection.box.spec.parameters, self._place
        if place is None:
            place = self._place = self._connection.stream.constant() * tau
        cycle = sin(now_s * FADING_RAD_PER_S + place)
        swing_db = parameters.signal_swing_db * (place / tau - 0.5 + cycle / 2)
        signal_dbm = parameters.signal_dbm + swing_db
        if self._attenuations:
            signal_dbm -= fsum(loss_db for _, loss_db in self._attenuations)
        return (signal_dbm + 0.5) // 1.0  # whole dBm, as modems report them

    # The operator's network

    def begin_connection(self) -> None:
        """See to it that the NAT forgets the connection, and that the operator ends it.

        The NAT of a box that pings in time never does, so only a fleet whose keepalive is too long
        pays for the question.
        """
        box, generation = self._connection.box, self._connection.generation
        timeout_s = box.spec.parameters.radio.nat_timeout_s
        if timeout_s is not None and timeout_s < box.spec.parameters.keepalive_s:
            box.world.later(timeout_s, self._look_at_nat, timeout_s, generation)
        life = box.spec.parameters.radio.connection_life
        if life is not None:
            life_s = life.sample_s(self._connection.stream)
            box.world.later(life_s, self._replace_connection, generation)

    def _look_at_nat(self, timeout_s: float, generation: int) -> None:
        """Drop the NAT's entry if no packet passed for its timeout, else check again later."""
        connection, box = self._connection, self._connection.box
        if generation != connection.generation or not connection.has_nat_entry:
            return
        quiet_s = self._downlink.quiet_s()
        left_s = timeout_s - quiet_s
        if left_s > SOON_S:
            box.world.later(left_s, self._look_at_nat, timeout_s, generation)
        else:
            parameters = box.spec.parameters
            speaks_s = min(parameters.keepalive_s, parameters.heartbeat_s or inf) - quiet_s
            self._become_half_open(max(speaks_s, 0.0) + PING_TIMEOUT_S)

    def lose_nat_entry(self, notices_after_s: float, *, by: Culprit) -> None:
        """Half-open: neither end hears the other, until the box notices and connects anew."""
        if self._connection.has_nat_entry:
            self._connection.blame(by, "nat")
            self._become_half_open(notices_after_s)

    def _become_half_open(self, notices_after_s: float) -> None:
        connection = self._connection
        connection.link.freeze()
        connection.change_socket(SocketEvent.LEAVE_BEHIND)
        connection.recount()
        connection.box.world.later(notices_after_s, self._replace_connection, connection.generation)

    def _replace_connection(self, generation: int) -> None:
        """Find that the connection is gone, unless there is another one."""
        if generation == self._connection.generation and self._connection.is_up:
            self._dialler.replace_connection()
