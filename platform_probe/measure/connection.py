"""The monitor's connection with the broker: who it says it is, and how it comes back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, Protocol

from fleet_wire.clock import Clock
from fleet_wire.errors import BrokerRefusedError, BrokerUnreachableError, LocalProtocolError
from fleet_wire.links.away import Away
from fleet_wire.links.link import (
    PERMANENT_CODES,
    SESSION_TAKEN_OVER,
    BrokerAddress,
    Disconnected,
    EndReason,
    HandlerOfSeveral,
    Link,
    LinkFactory,
    LinkLimits,
    Message,
    Session,
)
from fleet_wire.links.reconnect import ReconnectPolicy, Retries
from fleet_wire.profiles.profile import Profile
from fleet_wire.randomness import RandomStream
from platform_probe.measure.load.timers import Timer, Timers
from platform_probe.measure.watching.group import GONE, Group
from platform_probe.measure.watching.inbox import subscriptions
from platform_probe.outputs.logs import Complaints, Logger
from platform_probe.outputs.metrics import ProbeMetrics
from platform_probe.settings.monitor import ProbeSettings

KEEPALIVE_S: Final = 15
"""Short, so that a broker that vanished without a word is noticed within a deadline or so."""
RECONNECT: Final = ReconnectPolicy(base_s=0.5, cap_s=10.0)
STEADY_S: Final = 10.0
"""A connection that held so long was a working one: the next delay is the shortest again."""
LINK_LIMITS: Final = LinkLimits(
    receive_max=65_535, max_in_flight=20_000, max_queued=20_000, acknowledge_after_s=0.01
)
"""One link carries what the whole fleet answers."""


class Hearer(Protocol):
    """The owner of a connection."""

    def handle_messages(self, messages: Sequence[Message]) -> None:
        """Handle messages that arrived together, other than those of the group."""

    def connection_lost(self, why: str) -> None:
        """Handle the loss of the connection, with all that is made through it."""

    def note_connection(self, *, is_there: bool) -> None:
        """Note whether there is a connection, again and again."""


class Connection(HandlerOfSeveral):
    """Keeps a connection with the broker, and counts for how long there was one.

    It is the handler of its links. Each connection gets a new link: messages held by an old one
    must not open a car whose customer was told that nobody knows.
    """

    def __init__(
        self,
        settings: ProbeSettings,
        profile: Profile,
        hearer: Hearer,
        *,
        links: LinkFactory,
        clock: Clock,
        timers: Timers,
        metrics: ProbeMetrics,
        logger: Logger,
    ) -> None:
        self._settings = settings
        self._profile = profile
        self._links = links
        self._clock = clock
        self._timers = timers
        self._metrics = metrics
        self._logger = logger
        self._hearer = hearer
        self._complaints = Complaints(logger, clock)
        self.group: Group | None = None
        """The monitors that share the customers with us."""
        if settings.watch_group is not None:
            self.group = Group(
                settings.watch_group,
                settings.client_id,
                clock=clock,
                listens_s=settings.tracking.deadline_s,
                reads_log=settings.platform is not None and settings.platform.log_file is not None,
            )
        self.away = Away()
        """The brokers that are away while others are there."""
        metrics.brokers_away.set(len(settings.brokers.addresses))
        self._announcer: Timer | None = None
        """Lets us announce ourselves again, as long as there is a connection."""
        stream = RandomStream.named(settings.seed, "probe/reconnect")
        self._retries = Retries(RECONNECT, stream)
        self._link: Link | None = None
        self._reconnect: Timer | None = None
        self._connected_s = math.inf
        self._is_closed = False
        self._could_see = False
        """Whether there was a connection until now, since `_counted_s`."""
        self._counted_s = clock.monotonic_s()
        self.last_error = "not connected yet"
        """Why there is, or was, no connection."""
        self.refusal: BrokerRefusedError | None = None
        """The broker's word that trying again is of no use."""
        self.retained = 0
        """Messages so far that had waited at the broker."""

    # Called by a link

    def session(self) -> Session:
        """Return our client id and subscriptions."""
        settings, group = self._settings, self.group
        heard = subscriptions(
            self._profile,
            watch=settings.watch,
            broker_log=settings.broker_log,
        )
        return Session(
            client_id=settings.client_id,
            # The group first: a broker that drops what waits for a newcomer drops the last of it.
            subscriptions=heard if group is None else (group.topic_filter, *heard),
            clean_start=True,
            keepalive_s=KEEPALIVE_S,
            will=None if group is None else group.will,
        )

    def on_connected(self, *, session_present: bool) -> None:
        """Note that commands can be sent and answers come."""
        self._connected_s = self._clock.monotonic_s()
        self._count_time(can_see=True)
        self._metrics.brokers_away.set(len(self.away))
        if self.group is not None:
            self.group.begin_anew()
            self._announce_again()
        self._logger.info(
            "broker_connected",
            broker=str(self._settings.brokers),
            session_present=session_present,
        )

    def on_messages(self, messages: Sequence[Message]) -> None:
        """Handle messages that arrived together, then acknowledge them."""
        group, link = self.group, self._link
        of_cars = messages
        if group is not None:
            of_cars = [
                each for each in messages if not group.handle_message(each.topic, each.payload)
            ]
        self._hearer.handle_messages(of_cars)
        if link is not None:
            link.acknowledge(*messages)
        self.retained += sum([message.retain for message in messages])

    def on_disconnected(self, reason: Disconnected) -> None:
        """End what we have in flight, and connect again after a while."""
        self._count_time(can_see=False)
        self.away.clear()
        self._metrics.brokers_away.set(len(self._settings.brokers.addresses))
        self._metrics.disconnects[reason.why].inc()
        code = f" (MQTT reason code {reason.code})" if reason.code is not None else ""
        detail = reason.detail
        if reason.code == SESSION_TAKEN_OVER:
            detail = (
                f"another client connected with our client_id '{self._settings.client_id}':"
                " give each probe its own"
            )
        self.last_error = f"{reason.why.value}{code}: {detail}".rstrip(": ")
        if reason.why is EndReason.REFUSED and reason.code in PERMANENT_CODES:
            self.refusal = BrokerRefusedError(reason.code, f"the broker refused: {reason.detail}")
        if self.group is not None:
            self.group.on_connection_lost()
        if self._announcer is not None:
            self._announcer.cancel()
        self._hearer.connection_lost(self.last_error)
        if self._is_closed:
            return
        if self._clock.monotonic_s() - self._connected_s >= STEADY_S:
            self._retries.succeed()
        self._connected_s = math.inf
        delay_s = self._retries.next_s()
        self._logger.warning(
            "broker_disconnected",
            broker=str(self._settings.brokers),
            why=reason.why,
            code=reason.code,
            detail=detail,
            retry_in_s=round(delay_s, 3),
        )
        self._reconnect = self._timers.call_later(delay_s, self.connect)

    def broker_changed(self, broker: BrokerAddress, reason: Disconnected | None) -> None:
        """Handle that one of several brokers is away, or that all are there (None)."""
        is_new = self.away.record(broker, reason)
        self._metrics.brokers_away.set(len(self.away))
        if reason is None:
            if is_new:
                self._logger.info("broker_back", broker=str(broker))
        else:
            self._complaints.complain(
                "broker_away",
                str(broker),
                broker=str(broker),
                why=reason.why,
                code=reason.code,
                detail=reason.detail,
                explanation="the cars of this broker are neither heard nor reached; the monitor"
                " goes on with the others",
            )

    def left_over(self, broker: BrokerAddress, message: Message) -> None:
        """Handle a message that a broker retains of a car on another broker."""
        self._complaints.complain(
            "left_over",
            str(broker),
            broker=str(broker),
            topic=message.topic,
            explanation="this broker keeps messages of cars that belong to another one of the list;"
            " they are left aside",
        )

    # Called by the owner

    def connect(self) -> None:
        """Begin to connect. A connection that ends is followed by another, until `close`."""
        self._link = self._links(self)
        self._link.connect()

    def leave(self) -> None:
        """Disconnect from the broker for good."""
        self._is_closed = True
        for timer in (self._reconnect, self._announcer):
            if timer is not None:
                timer.cancel()
        self._announce(GONE)
        if self._link is not None:
            self._link.disconnect()
        self._count_time(can_see=False)

    @property
    def is_connected(self) -> bool:
        """Whether we are connected and subscribed."""
        return self._link is not None and self._link.is_connected

    def not_ready(self) -> str | None:
        """Return why the probe cannot do its work now, or None when it can."""
        if self.is_connected:
            return None
        return f"no connection to {self._settings.brokers}: {self.last_error}"

    def connected_link(self) -> Link:
        """Return the link to send by. Raises `BrokerUnreachableError` without a connection."""
        if self._link is None or not self._link.is_connected:
            raise BrokerUnreachableError(self.last_error)
        return self._link

    def count_time(self) -> None:
        """Bring the counted time up to date."""
        self._count_time(can_see=self._could_see)

    # Within

    def _announce(self, payload: bytes) -> None:
        """Announce to the monitors that share the customers that we are there, or no longer."""
        if self.group is None or self._link is None or not self._link.is_connected:
            return
        with suppress(LocalProtocolError):  # too much waits to be sent: said again soon
            self._link.publish(self.group.topic, payload, retain=True)

    def _announce_again(self) -> None:
        """Announce ourselves now and at intervals."""
        group = self.group
        if group is None:
            return
        self._announce(group.announcement())
        if group.stands_by:
            self._complaints.complain(
                "platform_log_elsewhere",
                "group",
                watch_group=self._settings.watch_group,
                explanation="the platform's log comes to other monitors of the group, and not to"
                " this one: it stands by and counts no customer",
            )
        self._announcer = self._timers.call_later(group.next_in_s(), self._announce_again)

    def _count_time(self, *, can_see: bool) -> None:
        """Count the time since the last call, and note whether we can see anything from now on."""
        now_s = self._clock.monotonic_s()
        self._metrics.add_watched(now_s - self._counted_s, connected=self._could_see)
        self._counted_s, self._could_see = now_s, can_see
        self._metrics.connected.set(can_see)
        self._hearer.note_connection(is_there=can_see)
