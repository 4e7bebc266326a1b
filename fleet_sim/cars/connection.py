"""A box's connection to the broker: how it is made, lost and left by the firmware's rules."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from math import inf
from typing import Protocol

import msgspec

from fleet_sim.cars.box_states import (
    CONNECTION,
    SOCKET,
    ConnectionEvent,
    ConnectionState,
    Socket,
    SocketEvent,
    next_state,
)
from fleet_sim.cars.disturbance import Disturbance
from fleet_sim.cars.failpoints import (
    BAD_CERTIFICATE,
    CONNACK,
    DIAL,
    RECONNECT,
    CarFailpoints,
    Culprit,
    DialStage,
)
from fleet_sim.cars.radio import SOON_S, Radio
from fleet_sim.cars.spec import CarSpec
from fleet_sim.cars.world import World
from fleet_sim.heartbeats import Member
from fleet_wire.links.link import Disconnected, EndReason, Link, Message

PING_TIMEOUT_S = 10.0
"""A box waits this long for an answer to its keepalive ping [E]."""


class ModemOwner(Protocol):
    """The box around the modem."""

    @property
    def is_awake(self) -> bool:
        """Return whether the box wants a connection."""
        ...

    @property
    def is_asleep(self) -> bool:
        """Return whether the box sleeps of its own accord, and wants none."""
        ...

    def trusts_certificates(self) -> bool:
        """Return whether the box's clock lets it find the broker's certificate valid."""
        ...

    def knows_the_time(self) -> bool:
        """Return whether certificates are valid at the time that the box's clock shows."""
        ...

    def came_online(self) -> None:
        """Handle that the connection stands."""
        ...

    def goodbye_lost(self) -> None:
        """Handle a connection that was lost before a box that falls asleep had left."""
        ...

    def coverage_returned(self) -> None:
        """Handle that the network is back."""
        ...

    def handle_message(self, message: Message) -> None:
        """Handle a message that the modem has received and acknowledged."""
        ...


class _ConnectionEnd(Enum):
    """How a box ends its connection."""

    GOODBYE = ConnectionEvent.CLOSE
    """DISCONNECT: no will is published."""
    RESET = ConnectionEvent.LOST
    """The socket is lost with everything in it: the broker publishes the will."""


class BoxConnection:
    """The connection of one box, as the box sees it and as the network carries it.

    `attachment.Attachment` adds what the network and faults do to it, `modem.Modem` the messages.
    """

    __slots__ = (
        "_disturbance",
        "_failures",
        "_is_counted",
        "_lost_coverage_s",
        "_outages",
        "_owner",
        "_place",
        "_radio",
        "_socket",
        "_spec",
        "_stream",
        "_world",
        "connection",
        "failpoints",
        "generation",
        "is_known",
        "link",
        "member",
    )

    def __init__(self, world: World, spec: CarSpec, owner: ModemOwner) -> None:
        self._world = world
        self._spec = spec
        self._owner = owner
        self._stream = world.stream(f"{spec.vehicle_id}/modem")
        self._radio = Radio(
            spec.parameters.radio,
            world.stream(f"{spec.vehicle_id}/radio"),
            ping_every_s=spec.parameters.keepalive_s,
        )
        self.failpoints: CarFailpoints | None = None
        """The failpoint actions on the car; None while no fault has touched it."""
        self.connection = ConnectionState.DISCONNECTED
        self._socket = Socket.CLOSED
        self.generation = 0
        """Counts connections: what was begun for an older one is void."""
        self._failures = 0
        self._outages = 0
        self._lost_coverage_s = 0.0
        self._place: float | None = None
        """The car's location as far as its signal goes: 0 to 2 pi; None until somebody asks."""
        self._is_counted = False
        self.is_known = False
        """Whether it was ever connected: the broker has its session."""
        self._disturbance: Disturbance | None = None
        self.member: Member | None = None
        """The batch membership that sends heartbeats, or may soon; see `speak_for_itself`."""
        self.link: Link
        """Made by the modem: a link calls its handler."""

    @property
    def vehicle_id(self) -> str:
        """Return whose modem it is."""
        return self._spec.vehicle_id

    @property
    def has_coverage(self) -> bool:
        """Return whether the modem hears a network."""
        return self._outages == 0

    @property
    def is_reachable(self) -> bool:
        """Return whether a command sent now would arrive."""
        return (
            self.connection is ConnectionState.CONNECTED
            and self._socket is Socket.OPEN
            and not (self._disturbance is not None and self._disturbance.lets_nothing_in)
        )

    @property
    def _waits_for_sms(self) -> bool:
        """Return whether the box sleeps, and an SMS would make it reachable."""
        has_left = self.connection is ConnectionState.DISCONNECTED
        return self._owner.is_asleep and self.has_coverage and has_left

    @property
    def _holds_connection(self) -> bool:
        """Return whether the box has a connection, or is making one."""
        return self.connection in (ConnectionState.CONNECTING, ConnectionState.CONNECTED)

    @property
    def _has_nat_entry(self) -> bool:
        is_connected = self.connection is ConnectionState.CONNECTED
        return is_connected and self._socket is not Socket.LEFT_BEHIND

    # Connecting

    def boot(self) -> None:
        """Connect after a boot, also where the firmware had given up."""
        if self.connection is ConnectionState.GIVEN_UP:
            self._change_connection(ConnectionEvent.BOOT)
        self.connect()

    def connect(self) -> None:
        """Connect, if the box is awake and there is a network; else the next chance will do it."""
        if (
            not self._owner.is_awake
            or self.connection is not ConnectionState.DISCONNECTED
            or not self.has_coverage
        ):
            return
        self._change_connection(ConnectionEvent.CONNECT)
        self.generation += 1
        parameters = self._spec.parameters
        round_trip_s = parameters.radio.connected_rtt.sample_s(self._stream)
        dial_s = parameters.connect_round_trips * round_trip_s
        failure = self._dial_failure(dial_s)
        if failure is None:
            self._world.later(dial_s, self._dial, self.generation)
        else:
            after_s, stage = failure
            self._world.later(after_s, self._fail_to_dial, self.generation, stage)

    def _dial_failure(self, dial_s: float) -> tuple[float, DialStage] | None:
        """Return when and where making the connection fails, at the first stage; None: nowhere."""
        trusts_certificates = self._owner.trusts_certificates()
        if self.failpoints is None and trusts_certificates:
            return None
        for done, stage in enumerate(DialStage):
            fails_s = None
            if stage is DialStage.TLS and not trusts_certificates:
                fails_s = 0.0
            if self.failpoints is not None:
                fails_s = self.failpoints.at(DIAL, stage, usual=fails_s)
            if fails_s is not None:
                return fails_s + dial_s * (done + 1) / len(DialStage), stage
        return None

    def _dial(self, generation: int) -> None:
        if generation != self.generation or self.connection is not ConnectionState.CONNECTING:
            return
        if not self.has_coverage:
            self._change_connection(ConnectionEvent.LOST)
            return
        self.link.thaw()
        self._change_socket(SocketEvent.DIAL)
        if self._disturbance is not None:
            self._disturbance.begin_connection()
        self.link.connect()

    def _fail_to_dial(self, generation: int, stage: DialStage) -> None:
        if generation == self.generation and self.connection is ConnectionState.CONNECTING:
            tell = self._world.on_bad_certificate
            if stage is DialStage.TLS and tell is not None and self.has_coverage:
                tell(self._owner.knows_the_time())
            self._change_connection(ConnectionEvent.LOST)
            retry_s: float | None = self._reconnect_delay_s()
            if stage is DialStage.TLS and self.failpoints is not None:
                retry_s = self.failpoints.at(BAD_CERTIFICATE, None, usual=retry_s)
            self._connect_again(retry_s)

    def on_connected(self, *, session_present: bool) -> None:  # noqa: ARG002 - LinkHandler's form
        """Publish that the box is there, and the car's state."""
        self._world.counts.known += not self.is_known
        self.is_known = True
        self._failures = 0
        self._radio.attach(self._world.env.now)
        self._change_connection(ConnectionEvent.ACCEPTED)
        self._watch_nat()
        life = self._spec.parameters.radio.connection_life
        if life is not None:
            self._world.later(life.sample_s(self._stream), self._end_life, self.generation)
        self._owner.came_online()

    def on_disconnected(self, reason: Disconnected) -> None:
        """Connect again, by this firmware's rule."""
        self._world.counts.last_end = reason
        self._world.counts.last_end_of = self.vehicle_id
        tell = self._world.on_no_connection
        if tell is not None and self.connection is ConnectionState.CONNECTING:
            tell(self.vehicle_id, reason)
        self._change_socket(SocketEvent.CLOSE)
        self._change_connection(ConnectionEvent.LOST)
        self._forget_messages()
        if reason.why is EndReason.REFUSED and reason.code is not None:
            self._handle_refusal(reason.code)
        else:
            self._connect_later()

    def _handle_refusal(self, code: int) -> None:
        """Do what the firmware does when CONNACK or SUBACK carries an error code."""
        rules = [rule for rule in self._spec.parameters.refusals if code in rule.codes]
        retry_s = rules[-1].retry_s if rules else self._reconnect_delay_s()
        if self.failpoints is not None:
            retry_s = self.failpoints.at(CONNACK, code, usual=retry_s)
        self._connect_again(retry_s)

    def _connect_later(self) -> None:
        self._connect_again(self._reconnect_delay_s())

    def _connect_again(self, retry_s: float | None) -> None:
        """Try again after a delay in seconds; None: never, until the box boots."""
        if retry_s is None:
            self._change_connection(ConnectionEvent.GIVE_UP)
        else:
            self._world.later(retry_s, self.connect)

    def _reconnect_delay_s(self) -> float:
        policy = self._spec.parameters.reconnect
        if self.failpoints is not None:
            policy = self.failpoints.at(RECONNECT, None, usual=policy)
        delay_s = policy.delay_s(self._failures, self._stream)
        self._failures += 1
        return delay_s

    def configure(self, changes: Mapping[str, object]) -> None:
        """Change parameters of the box by name; they hold from its next connection.

        A box reads the others when it is made: only `keepalive_s` and `reconnect` change here.
        """
        parameters = self._spec.parameters.model_copy(update=dict(changes))
        self._spec = msgspec.structs.replace(self._spec, parameters=parameters)
        self._radio.ping_every_s = parameters.keepalive_s

    # Leaving

    def leave(self) -> None:
        """Disconnect from the broker: no will, and presence stays as it was."""
        self._end_connection(_ConnectionEnd.GOODBYE)

    def crash(self) -> None:
        """Lose the socket with everything in it: the broker publishes the will, if it hears it."""
        self._end_connection(_ConnectionEnd.RESET)

    def _give_connection_up(self) -> None:
        """Find that nothing passes on the connection any more, and connect anew."""
        self.abandon()
        self._connect_later()

    def _end_connection(self, how: _ConnectionEnd) -> None:
        """End the connection. If the network carries nothing, the broker gets no DISCONNECT."""
        if self._socket in (Socket.FROZEN, Socket.LEFT_BEHIND):
            self.abandon()
            return
        if self._socket is Socket.OPEN:
            self._change_socket(SocketEvent.CLOSE)
            if how is _ConnectionEnd.GOODBYE:
                self.link.disconnect()
            else:
                self.link.abort()
        self._forget_connection(how.value)

    def abandon(self) -> None:
        """Count the connection as lost, and leave its socket behind.

        The broker believes in it until its keepalive is over, or until the next connection takes
        the session over: then there is no will.
        """
        if self._socket in (Socket.OPEN, Socket.FROZEN):
            self._change_socket(SocketEvent.LEAVE_BEHIND)
        self.link.leave_behind()
        self._forget_connection(ConnectionEvent.LOST)

    def _forget_connection(self, event: ConnectionEvent) -> None:
        if self._holds_connection:
            self._change_connection(event)
        self._forget_messages()

    def _change_connection(self, event: ConnectionEvent) -> None:
        if event is ConnectionEvent.LOST and self._owner.is_asleep:
            self._owner.goodbye_lost()
        self.connection = next_state(CONNECTION, self.connection, event)
        self._recount()

    def _change_socket(self, event: SocketEvent) -> None:
        self._socket = next_state(SOCKET, self._socket, event)

    def _recount(self) -> None:
        is_reachable = self.is_reachable
        if is_reachable is not self._is_counted:
            self._is_counted = is_reachable
            counts = self._world.counts
            counts.reachable += 1 if is_reachable else -1
            counts.reachable_max = max(counts.reachable_max, counts.reachable)
        disturbance = self._disturbance
        is_settled = disturbance is not None and disturbance.on_trial_since_s is None
        if is_settled and (is_reachable or self._waits_for_sms):
            self.report_hits()

    # Connections that a NAT forgets

    def _watch_nat(self) -> None:
        """See to it that the NAT forgets the connection; where the box pings in time it never does.

        So only a fleet whose keepalive is too long pays for the question.
        """
        parameters = self._spec.parameters
        timeout_s = parameters.radio.nat_timeout_s
        if timeout_s is not None and timeout_s < parameters.keepalive_s:
            self._world.later(timeout_s, self._look_at_nat, timeout_s, self.generation)

    def _look_at_nat(self, timeout_s: float, generation: int) -> None:
        """Drop the NAT's entry if no packet passed for its timeout, else check again later."""
        if generation != self.generation or not self._has_nat_entry:
            return
        quiet_s = self._radio.quiet_s(self._world.env.now)
        left_s = timeout_s - quiet_s
        if left_s > SOON_S:
            self._world.later(left_s, self._look_at_nat, timeout_s, generation)
        else:
            parameters = self._spec.parameters
            speaks_s = min(parameters.keepalive_s, parameters.heartbeat_s or inf) - quiet_s
            self._become_half_open(max(speaks_s, 0.0) + PING_TIMEOUT_S)

    def _end_life(self, generation: int) -> None:
        """Lose the data connection, which the operator has ended; the modem is told at once."""
        if generation == self.generation and self.connection is ConnectionState.CONNECTED:
            self._give_connection_up()

    def _become_half_open(self, notices_after_s: float) -> None:
        self.link.freeze()
        self._change_socket(SocketEvent.LEAVE_BEHIND)
        self._recount()
        self._world.later(notices_after_s, self._notice_half_open, self.generation)

    def _notice_half_open(self, generation: int) -> None:
        is_same = generation == self.generation
        if is_same and self.connection is ConnectionState.CONNECTED:
            self._give_connection_up()

    # Attribution to faults

    def blame(self, culprit: Culprit, what: str) -> None:
        """Note who did what to the connection, which counts until it is whole again."""
        blamed = self._disturbed().blamed
        blamed.setdefault(culprit, (what, self._world.env.now))

    def report_hits(self, until_s: float | None = None) -> None:
        """Report the hit to all faults on the connection, from their start to `until_s` or now."""
        if self._disturbance is not None:
            until_s = self._world.env.now if until_s is None else until_s
            blamed, self._disturbance.blamed = self._disturbance.blamed, {}
            for culprit, (what, since_s) in blamed.items():
                during_s = since_s, max(since_s, until_s)
                culprit.hit(self._spec.vehicle_id, what, during_s=during_s)

    def speak_for_itself(self) -> None:
        """Send heartbeats one by one: something of what they say, or of their way, may change."""
        if self.member is not None:
            self.member.leave()
            self.member = None

    def _disturbed(self) -> Disturbance:
        """Return what faults have done to the modem, to be changed."""
        self.speak_for_itself()
        if self._disturbance is None:
            self._disturbance = Disturbance()
        return self._disturbance

    # Hooks for the modem

    def _receive_held(self) -> None:
        """Receive what came while there was no coverage."""

    def _forget_messages(self) -> None:
        """Forget what was on its way on a connection that has ended."""
