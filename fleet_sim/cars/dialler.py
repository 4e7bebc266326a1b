"""How a box connects to the broker, is refused, and tries again, by its firmware's rules."""

from __future__ import annotations

from fleet_sim.cars.box_states import ConnectionEvent, ConnectionState
from fleet_sim.cars.connection import Connection
from fleet_sim.cars.failpoints import (
    BAD_CERTIFICATE,
    CONNACK,
    DIAL,
    RECONNECT,
    Culprit,
    DialStage,
)


class Dialler:
    """Makes the connections of one box."""

    __slots__ = ("_connection", "_failures")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._failures = 0

    def boot(self) -> None:
        """Connect after a boot, also where the firmware had given up."""
        if self._connection.state is ConnectionState.GIVEN_UP:
            self._connection.change(ConnectionEvent.BOOT)
        self.connect()

    def connect(self) -> None:
        """Connect, if the box is awake and there is a network; else the next chance will do it."""
        connection, box = self._connection, self._connection.box
        if (
            not box.is_awake
            or connection.state is not ConnectionState.DISCONNECTED
            or not connection.has_coverage
        ):
            return
        connection.change(ConnectionEvent.CONNECT)
        connection.generation += 1
        parameters = box.spec.parameters
        round_trip_s = parameters.radio.connected_rtt.sample_s(connection.stream)
        dial_s = parameters.connect_round_trips * round_trip_s
        failure = self._dial_failure(dial_s)
        if failure is None:
            box.world.later(dial_s, self._dial, connection.generation)
        else:
            after_s, stage = failure
            box.world.later(after_s, self._fail_to_dial, connection.generation, stage)

    def _dial_failure(self, dial_s: float) -> tuple[float, DialStage] | None:
        """Return when and where making the connection fails, at the first stage; None: nowhere."""
        box = self._connection.box
        trusts_certificates = box.trusts_certificates()
        if box.failpoints is None and trusts_certificates:
            return None
        for done, stage in enumerate(DialStage):
            fails_s = None
            if stage is DialStage.TLS and not trusts_certificates:
                fails_s = 0.0
            if box.failpoints is not None:
                fails_s = box.failpoints.at(DIAL, stage, usual=fails_s)
            if fails_s is not None:
                return fails_s + dial_s * (done + 1) / len(DialStage), stage
        return None

    def _is_dialling(self, generation: int) -> bool:
        connection = self._connection
        is_same = generation == connection.generation
        return is_same and connection.state is ConnectionState.CONNECTING

    def _dial(self, generation: int) -> None:
        if not self._is_dialling(generation):
            return
        if self._connection.has_coverage:
            self._connection.open()
        else:
            self._connection.change(ConnectionEvent.LOST)

    def _fail_to_dial(self, generation: int, stage: DialStage) -> None:
        if not self._is_dialling(generation):
            return
        connection, box = self._connection, self._connection.box
        on_bad_certificate = box.world.on_bad_certificate
        if stage is DialStage.TLS and on_bad_certificate is not None and connection.has_coverage:
            on_bad_certificate(box.knows_the_time())
        connection.change(ConnectionEvent.LOST)
        retry_s: float | None = self._retry_s()
        if stage is DialStage.TLS and box.failpoints is not None:
            retry_s = box.failpoints.at(BAD_CERTIFICATE, None, usual=retry_s)
        self._connect_after(retry_s)

    def succeed(self) -> None:
        """Begin to count failures anew: the broker has accepted the connection."""
        self._failures = 0

    def handle_refusal(self, code: int) -> None:
        """Do what the firmware does when CONNACK or SUBACK carries an error code."""
        box = self._connection.box
        rules = [rule for rule in box.spec.parameters.refusals if code in rule.codes]
        retry_s = rules[-1].retry_s if rules else self._retry_s()
        if box.failpoints is not None:
            retry_s = box.failpoints.at(CONNACK, code, usual=retry_s)
        self._connect_after(retry_s)

    def connect_later(self) -> None:
        """Connect again, by this firmware's rule."""
        self._connect_after(self._retry_s())

    def _connect_after(self, retry_s: float | None) -> None:
        """Try again after a delay in seconds; None: never, until the box boots."""
        if retry_s is None:
            self._connection.change(ConnectionEvent.GIVE_UP)
        else:
            self._connection.box.world.later(retry_s, self.connect)

    def _retry_s(self) -> float:
        box = self._connection.box
        policy = box.spec.parameters.reconnect
        if box.failpoints is not None:
            policy = box.failpoints.at(RECONNECT, None, usual=policy)
        delay_s = policy.delay_s(self._failures, self._connection.stream)
        self._failures += 1
        return delay_s

    def replace_connection(self) -> None:
        """Find that nothing passes on the connection any more, and connect anew."""
        self._connection.abandon()
        self.connect_later()

    def drop_connection(self, *, by: Culprit) -> None:
        """Lose the socket, as when a load balancer restarts; then follow the firmware's rule."""
        if self._connection.is_held:
            self._connection.blame(by, "connection")
            self._connection.crash()
            self.connect_later()
