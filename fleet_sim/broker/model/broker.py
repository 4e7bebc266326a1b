"""A broker in the same process, for virtual time: the rules of MQTT as mosquitto applies them.

No socket, no wall clock, no chance: the same calls give the same callbacks in the same order. The
rules follow mosquitto 2.0.21, which counts expiry, will delay and keepalive in whole seconds of
its clock; so does this broker.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container
from dataclasses import replace
from typing import Any, Literal

from fleet_sim.broker.model import log
from fleet_sim.broker.model.link import MOST_IN_FLIGHT, ModelLink, ModelLink311
from fleet_sim.broker.model.packets import (
    LARGEST_PACKET,
    Close,
    ConnAck,
    Connect,
    PubAck,
    Publication,
)
from fleet_sim.broker.model.router import Router
from fleet_sim.broker.model.session import BrokerLimits, BrokerSession, Connection
from fleet_sim.broker.model.subscriptions import is_valid_filter
from fleet_sim.broker.model.transport import Scheduler, Transport
from fleet_wire.links.link import (
    MALFORMED_PACKET,
    NOT_AUTHORIZED,
    SESSION_TAKEN_OVER,
    SUCCESS,
    Disconnected,
    EndReason,
    LinkHandler,
    LinkLimits,
    Message,
    Session,
    Will,
)

__all__ = ["BrokerLimits", "BrokerModel", "Scheduler"]

HOP_S = 0.0002
"""Default time from a client to the broker or back."""

_GRANTED_QOS = 1
_NOT_AUTHORIZED_3_1_1 = 5
"""In CONNACK of MQTT 3.1.1 (section 3.2.2.3)."""
_NEVER_EXPIRES = 0xFFFF_FFFF
"""The session expiry interval that means for ever (specification, section 3.1.2.11.2)."""
_ROUNDING_S = 1e-6
_LOST = Disconnected(EndReason.BROKER_CLOSED, detail="connection closed")

MayUse = Callable[[str, str], bool]
"""Given a client id and a topic or filter, says whether the client may use it."""


class ConnectLimit:
    """A limit of connections in a second; as many may come at once."""

    def __init__(self, per_s: float, *, is_enforced: bool = True) -> None:
        self._interval_s = 1.0 / per_s
        self._is_enforced = is_enforced
        self._admitted_until_s = -math.inf
        self.is_exceeded = False
        """Whether a connection has come for which there was no room."""

    def admits(self, now_s: float) -> bool:
        """Count a connection, and return whether there is room for it."""
        until_s = max(self._admitted_until_s, now_s - 1.0) + self._interval_s
        if until_s > now_s:
            self.is_exceeded = True
            return not self._is_enforced
        self._admitted_until_s = until_s
        return True


class BrokerModel:
    """A broker for links in the same process.

    `hop_s` is the one-way time of a packet in seconds. The owner may set the other
    attributes at any time. `connect_cost_s` is the broker's work for one CONNECT; it does one thing
    at a time, so later packets wait. The broker closes connections that `connect_limit` does not
    admit.
    `refused` holds client ids without access. `may_publish`, `may_subscribe` and the router's
    `may_read` are the access rules; a client that may not read a topic receives nothing, silently.
    `on_handler_error` receives exceptions of a client's handler.

    Log events about clients are published as mosquitto does, if somebody subscribes (see `log`).
    """

    def __init__(
        self,
        scheduler: Scheduler,
        *,
        hop_s: float = HOP_S,
        limits: BrokerLimits | None = None,
    ) -> None:
        self.scheduler = scheduler
        self.transport: Transport = Transport(
            scheduler,
            hop_s,
            {
                Connect: self._handle_connect,
                tuple: self._handle_subscribe,
                Publication: self._handle_publish,
                Message: self._handle_puback,
                Close: self._handle_close,
            },
        )
        self.limits = limits or BrokerLimits()
        self.is_running = True
        self.connect_cost_s = 0.0
        self.connect_limit: ConnectLimit | None = None
        self.refused: Container[str] = ()
        self.may_publish: MayUse | None = None
        self.may_subscribe: MayUse | None = None
        self.qos0_dropped = 0
        """QoS 0 messages that links did not send because they could not."""
        self.on_handler_error: Callable[[Exception], None] = _ignore
        self._link_limits = LinkLimits()
        self._accepted = 0
        self._sessions: dict[str, BrokerSession] = {}
        self.router = Router(self.transport, self.limits.max_queued_messages, self._expire)
        self._late: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        """Calls that fell due while the broker did not read."""

    def link(
        self,
        handler: LinkHandler,
        limits: LinkLimits | None = None,
        *,
        protocol: Literal["5", "3.1.1"] = "5",
    ) -> ModelLink:
        """Return a new link for `handler`, not connected: a `fleet_wire.links.link.LinkFactory`."""
        kind = ModelLink if protocol == "5" else ModelLink311
        return kind(self, handler, limits or self._link_limits)

    # Faults

    def stop(self) -> None:
        """Crash: connections, sessions and retained messages are lost."""
        self.is_running = False
        for unread in self.transport.crash():
            if unread.session is None:  # its CONNECT
                self._lose(unread)
        self._late = []
        for session in self._sessions.values():
            connection, session.connection = session.connection, None
            session.will = None
            if connection is not None:
                self._lose(connection)
        self._sessions = {}
        self.router.forget_all()

    def start(self) -> None:
        """Run again after `stop`."""
        self.is_running = True

    def stop_reading(self) -> None:
        """Read nothing: connections stay open, what comes in waits, nothing is answered."""
        self.transport.stop_reading()
        for session in self._sessions.values():
            if session.connection is not None:
                session.connection.client.expect_answer(session.connection)

    def continue_reading(self) -> None:
        """Undo `stop_reading`; what fell due meanwhile comes before what waits to be read."""
        late, self._late = self._late, []
        for step, arguments in late:
            step(*arguments)
        self.transport.continue_reading()

    def _later(self, delay_s: float, step: Callable[..., None], *arguments: Any) -> None:
        self.scheduler.call_later(delay_s, self._due, step, arguments)

    def _due(self, step: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        if self.transport.is_reading:
            step(*arguments)
        else:
            self._late.append((step, arguments))

    # Connections

    def _handle_connect(self, connection: Connection, connect: Connect) -> None:
        """Handle CONNECT. It costs more than other packets, which wait meanwhile."""
        if not self.is_running or not self._admits_another():
            self._lose(connection)
            return
        if self.connect_cost_s > 0:
            self.transport.work(self.connect_cost_s)
        if connect.session.client_id in self.refused:
            self.router.say(log.denied(connect.session.client_id))
            code = NOT_AUTHORIZED if connect.is_v5 else _NOT_AUTHORIZED_3_1_1
            self.transport.down(connection, ConnAck(code))
            return
        asked, limits = connect.session, connect.limits
        if not connect.is_v5:
            asked = _session_of_3_1_1(asked)
        self._accepted += 1
        session = self._session_for(asked)
        connection.session = session
        session.connection = connection
        session.is_v5 = connect.is_v5
        session.will = asked.will
        session.keepalive_s = asked.keepalive_s
        session.session_expiry_s = asked.session_expiry_s
        session.expires_at_s = math.inf
        # mosquitto 2.0 takes the client's receive maximum in place of max_inflight_messages.
        session.window = limits.receive_max
        session.max_packet_bytes = limits.max_packet_bytes
        if not connect.is_v5:  # which names neither
            session.window = self.limits.max_inflight_messages or MOST_IN_FLIGHT
            session.max_packet_bytes = LARGEST_PACKET
        self.router.say(log.connected(asked, is_v5=connect.is_v5))
        connack = ConnAck(SUCCESS, self.limits.max_packet_bytes, asked.subscriptions)
        self.transport.down(connection, connack)
        self.router.send_again(session)
        if connection.client.is_silent(connection):
            self.watch_silence(connection)

    def _admits_another(self) -> bool:
        """Return whether there is room for one more connection now; count it then."""
        limit = self.connect_limit
        return limit is None or limit.admits(self.transport.now_s())

    def _session_for(self, asked: Session) -> BrokerSession:
        """Return the session of a new connection, and close an older connection."""
        client_id = asked.client_id or f"auto-{self._accepted}"
        session = self._sessions.get(client_id)
        if session is not None and session.is_expired(self.router.clock_s()):
            self._expire(session)
            session = None
        if session is not None:
            keeps = session.session_expiry_s > 0 and not asked.clean_start
            self._take_over(session, keeps=keeps)
            if keeps:
                session.is_resumed = True
                return session
            self._end_session(session)
        session = self._sessions[client_id] = BrokerSession(client_id)
        return session

    def _take_over(self, session: BrokerSession, *, keeps: bool) -> None:
        """Close the older connection. Its will comes only if its session ends, and without delay.

        A will that waits for its delay never comes: so does mosquitto in both cases.
        """
        will, session.will = session.will, None
        connection, session.connection = session.connection, None
        if will is not None and not keeps and not will.delay_s:
            self._publish_will(session, will)
        if connection is not None:
            self.router.say(log.taken_over(session.client_id))
            taken = Disconnected(EndReason.BROKER_CLOSED, SESSION_TAKEN_OVER, "session taken over")
            self._lose(connection, taken if session.is_v5 else _LOST)

    def _lose(self, connection: Connection, reason: Disconnected = _LOST) -> None:
        """Close a connection."""
        self.transport.down(connection, reason)

    def _handle_close(self, connection: Connection, close: Close) -> None:
        session = connection.session
        if session is not None and session.connection is connection:
            if close.is_goodbye:
                session.will = None
            has_ended = log.left if close.is_goodbye else log.closed
            self.router.say(has_ended(session.client_id))
            self._disconnect(session)

    def _disconnect(self, session: BrokerSession) -> None:
        session.connection = None
        session.expires_at_s = self._expiry_of(session)
        will = session.will
        if will is not None and will.delay_s:
            self._delay_will(session, will)
        elif session.session_expiry_s:
            session.will = None
            self._publish_will(session, will)
        else:
            self._expire(session)

    def _delay_will(self, session: BrokerSession, will: Will) -> None:
        """Publish the will after its delay, or when the session expires, if that is sooner."""
        due_s: float = self.router.clock_s() + will.delay_s
        if session.session_expiry_s:
            due_s = min(due_s, session.expires_at_s)
        else:
            session.expires_at_s = due_s + 1  # it lives until its will is published
        session.will_due_s = due_s + 1
        delay_s = session.will_due_s - self.transport.now_s()
        self._later(delay_s, self._publish_delayed_will, session)

    def _publish_delayed_will(self, session: BrokerSession) -> None:
        is_due = self.transport.now_s() + _ROUNDING_S >= session.will_due_s
        if session.connection is not None or not is_due:
            return
        if session.session_expiry_s:
            will, session.will = session.will, None
            self._publish_will(session, will)
        else:
            self._expire(session)

    def _publish_will(self, session: BrokerSession, will: Will | None) -> None:
        if will is None:
            return
        may = self.may_publish
        if may is None or may(session.client_id, will.topic):
            self.router.route(Publication(will.topic, will.payload, will.qos, will.retain))

    def _expire(self, session: BrokerSession) -> None:
        will, session.will = session.will, None
        self._end_session(session)
        self._publish_will(session, will)

    def _end_session(self, session: BrokerSession) -> None:
        self.router.unsubscribe_all(session)
        if self._sessions.get(session.client_id) is session:
            del self._sessions[session.client_id]

    def _expiry_of(self, session: BrokerSession) -> float:
        if session.session_expiry_s == _NEVER_EXPIRES:
            return math.inf
        return self.router.clock_s() + session.session_expiry_s

    # Keepalive

    def watch_silence(self, connection: Connection) -> None:
        """Close a silent client when its keepalive is over; others ping, and cost no event."""
        deadline_s = self._silence_deadline_s(connection)
        delay_s = max(0.0, deadline_s - self.transport.now_s())
        if delay_s < math.inf:
            self._later(delay_s, self._check_silence, connection)

    def _check_silence(self, connection: Connection) -> None:
        session = connection.session
        if session is None or session.connection is not connection:
            return
        if not connection.client.is_silent(connection):
            return
        if self.transport.now_s() + _ROUNDING_S < self._silence_deadline_s(connection):
            return  # it has spoken again and fallen silent again: a later check comes
        self.router.say(log.timed_out(session.client_id))
        self._disconnect(session)
        self._lose(connection)

    def _silence_deadline_s(self, connection: Connection) -> float:
        """Return 1.5 times the keepalive after the last packet, in mosquitto's whole seconds."""
        session = connection.session
        if session is None or not session.keepalive_s:
            return math.inf
        return int(connection.last_sent_s) + session.keepalive_s * 3 // 2 + 1.0

    def bad_certificate(self, is_expired: bool) -> None:  # noqa: FBT001 - the form of World's hook
        """Log that a client rejected the certificate of the proxy that ends TLS for this broker."""
        if self.is_running:
            for line in log.bad_certificate(is_expired=is_expired):
                self.router.say(line)

    # Packets

    def _handle_subscribe(self, connection: Connection, filters: tuple[str, ...]) -> None:
        """Handle SUBSCRIBE at QoS 1; SUBACK goes before the retained messages."""
        session = connection.session
        if session is None or session.connection is not connection:
            return
        if not all(map(is_valid_filter, filters)):
            self.router.say(log.malformed(session.client_id))
            self._disconnect(session)
            malformed = Disconnected(EndReason.BROKER_CLOSED, MALFORMED_PACKET, "malformed filter")
            self._lose(connection, malformed if session.is_v5 else _LOST)
            return
        may = self.may_subscribe
        granted = filters
        if may is not None:
            granted = tuple(each for each in filters if may(session.client_id, each))
        codes = [_GRANTED_QOS if each in granted else NOT_AUTHORIZED for each in filters]
        self.transport.down(connection, codes)
        for topic_filter in granted:
            self.router.subscribe(session, topic_filter)

    def _handle_publish(self, connection: Connection, publication: Publication) -> None:
        """Handle PUBLISH: deliver it and acknowledge it."""
        session = connection.session
        if session is None or session.connection is not connection:
            return
        properties = publication.properties
        if properties is not None and properties.expiry_s:
            publication.expires_at_s = self.router.clock_s() + properties.expiry_s
        may = self.may_publish
        if may is None or may(session.client_id, publication.topic):
            code = self.router.route(publication)
        else:
            code = NOT_AUTHORIZED
        if publication.qos:
            # A 3.1.1 client gets an ordinary PUBACK, denied or not (handle_publish.c).
            puback = PubAck(publication, code if session.is_v5 else SUCCESS)
            self.transport.down(connection, puback)

    def _handle_puback(self, connection: Connection, message: Message) -> None:
        session = connection.session
        if session is not None and session.connection is connection:
            self.router.acknowledged(session, message)


def _session_of_3_1_1(asked: Session) -> Session:
    """Return what CONNECT of MQTT 3.1.1 can say: a clean session, or one that never ends."""
    is_clean = asked.clean_start or not asked.session_expiry_s
    will = None if asked.will is None else replace(asked.will, delay_s=0)
    expiry_s = 0 if is_clean else _NEVER_EXPIRES
    return replace(asked, clean_start=is_clean, session_expiry_s=expiry_s, will=will)


def _ignore(_error: Exception) -> None:
    pass
