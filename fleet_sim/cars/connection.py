"""A box's connection to the broker: as the box sees it, and as the network carries it."""

from __future__ import annotations

from typing import Protocol

from fleet_sim.cars.blame import Blame
from fleet_sim.cars.box_states import (
    CONNECTION,
    SOCKET,
    ConnectionEvent,
    ConnectionState,
    Socket,
    SocketEvent,
    next_state,
)
from fleet_sim.cars.disturbance import Obstacles
from fleet_sim.cars.failpoints import CarFailpoints, Culprit
from fleet_sim.cars.spec import CarSpec
from fleet_sim.cars.world import World
from fleet_wire.links.link import Link, Message
from fleet_wire.randomness import RandomStream


class ConnectedBox(Protocol):
    """A box, as its connection and the parts around that know it."""

    world: World
    spec: CarSpec
    stream: RandomStream
    failpoints: CarFailpoints | None

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

    def connection_ended(self) -> None:
        """Forget what was on its way on a connection that has ended."""
        ...

    def coverage_returned(self) -> None:
        """Handle that the network is back."""
        ...

    def handle_message(self, message: Message) -> None:
        """Handle a message that the modem has received and acknowledged."""
        ...


class Connection:
    """The connection of one box: its state, its ends, and the faults on it.

    `link` is set by the modem: a link calls its handler.
    """

    __slots__ = (
        "_blame",
        "_is_counted",
        "_obstacles",
        "box",
        "generation",
        "has_coverage",
        "is_known",
        "link",
        "socket",
        "state",
        "stream",
    )

    link: Link

    def __init__(self, box: ConnectedBox) -> None:
        self.box = box
        self.stream = box.world.stream(f"{box.spec.vehicle_id}/modem")
        """For all draws of the modem."""
        self.state = ConnectionState.DISCONNECTED
        self.socket = Socket.CLOSED
        self.generation = 0
        """Counts connections: what was begun for an older one is void."""
        self.has_coverage = True
        """Whether the modem hears a network; the bearer sets it."""
        self.is_known = False
        """Whether it was ever connected: the broker has its session."""
        self._is_counted = False
        self._blame: Blame | None = None
        self._obstacles: Obstacles | None = None

    @property
    def is_up(self) -> bool:
        """Return whether the box believes in the connection."""
        return self.state is ConnectionState.CONNECTED

    @property
    def is_reachable(self) -> bool:
        """Return whether a command sent now would arrive."""
        return (
            self.state is ConnectionState.CONNECTED
            and self.socket is Socket.OPEN
            and not (self._obstacles is not None and self._obstacles.let_nothing_in)
        )

    @property
    def is_held(self) -> bool:
        """Return whether the box has a connection, or is making one."""
        return self.state in (ConnectionState.CONNECTING, ConnectionState.CONNECTED)

    @property
    def has_nat_entry(self) -> bool:
        """Return whether the NAT on the way knows the connection."""
        return self.is_up and self.socket is not Socket.LEFT_BEHIND

    @property
    def is_cut(self) -> bool:
        """Return whether what is sent to the box on this connection is lost."""
        return self._obstacles is not None and self._obstacles.cuts > 0

    @property
    def _waits_for_sms(self) -> bool:
        """Return whether the box sleeps, and an SMS would make it reachable."""
        has_left = self.state is ConnectionState.DISCONNECTED
        return self.box.is_asleep and self.has_coverage and has_left

    def open(self) -> None:
        """Open a socket for a new connection, which has nothing of what the old one suffered."""
        self.link.thaw()
        self.change_socket(SocketEvent.DIAL)
        if self._obstacles is not None:
            self._obstacles.begin_connection()
        if self._blame is not None:
            self._blame.on_trial_since_s = None
        self.link.connect()

    # Ends

    def leave(self) -> None:
        """Disconnect from the broker: no will, and presence stays as it was."""
        if self._close():
            self.link.disconnect()
        self._forget(ConnectionEvent.CLOSE)

    def crash(self) -> None:
        """Lose the socket with everything in it: the broker publishes the will, if it hears it."""
        if self._close():
            self.link.abort()
        self._forget(ConnectionEvent.LOST)

    def _close(self) -> bool:
        """Close the socket; return whether there is one that can carry a last word."""
        if self.socket in (Socket.FROZEN, Socket.LEFT_BEHIND):
            self.abandon()
        elif self.socket is Socket.OPEN:
            self.change_socket(SocketEvent.CLOSE)
            return True
        return False

    def abandon(self) -> None:
        """Count the connection as lost, and leave its socket behind.

        The broker believes in it until its keepalive is over, or until the next connection takes
        the session over: then there is no will.
        """
        if self.socket in (Socket.OPEN, Socket.FROZEN):
            self.change_socket(SocketEvent.LEAVE_BEHIND)
        self.link.leave_behind()
        self._forget(ConnectionEvent.LOST)

    def _forget(self, event: ConnectionEvent) -> None:
        if self.is_held:
            self.change(event)
        self.box.connection_ended()

    # State

    def change(self, event: ConnectionEvent) -> None:
        """Change how the box sees the connection."""
        if event is ConnectionEvent.LOST and self.box.is_asleep:
            self.box.goodbye_lost()
        self.state = next_state(CONNECTION, self.state, event)
        self.recount()

    def change_socket(self, event: SocketEvent) -> None:
        """Change how the network carries the connection."""
        self.socket = next_state(SOCKET, self.socket, event)

    def recount(self) -> None:
        """Count the box as reachable or not; one that is whole reports who had broken it."""
        is_reachable = self.is_reachable
        if is_reachable is not self._is_counted:
            self._is_counted = is_reachable
            counts = self.box.world.counts
            counts.reachable += 1 if is_reachable else -1
            counts.reachable_max = max(counts.reachable_max, counts.reachable)
        blame = self._blame
        is_settled = blame is not None and blame.on_trial_since_s is None
        if is_settled and (is_reachable or self._waits_for_sms):
            self.report_hits()

    # Faults

    def blame(self, culprit: Culprit, what: str) -> None:
        """Note who did what to the connection, which counts until it is whole again."""
        self.make_blame().note(culprit, what, self.box.world.env.now)

    def report_hits(self, until_s: float | None = None) -> None:
        """Report the hit to all faults on the connection, from their start to `until_s` or now."""
        if self._blame is not None:
            until_s = self.box.world.env.now if until_s is None else until_s
            self._blame.report(self.box.spec.vehicle_id, until_s)

    def make_blame(self) -> Blame:
        """Return who broke the connection, to be changed."""
        if self._blame is None:
            self._blame = Blame()
        return self._blame

    def make_obstacles(self) -> Obstacles:
        """Return what keeps messages from the box, to be changed; then `recount`."""
        if self._obstacles is None:
            self._obstacles = Obstacles()
        return self._obstacles
