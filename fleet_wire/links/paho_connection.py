"""One connection through paho-mqtt on the event loop: what `fleet_wire.links.paho_link` stands on.

It uses the calls that paho documents for a custom event loop. While paho reads and writes it calls
back, and meanwhile holds locks that some of its own calls need. So callbacks are queued until paho
has returned, and reach the owner then. The owner may call anything from inside a callback, and gets
none while paused.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import ssl
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from fleet_wire.links.connecting import describe_os_error
from fleet_wire.links.link import (
    FIRST_ERROR_CODE,
    BrokerAddress,
    Disconnected,
    EndReason,
    LinkLimits,
    Message,
    Session,
)
from fleet_wire.links.paho_forms import (
    Client,
    ConnectFlags,
    DisconnectFlags,
    MQTTErrorCode,
    MQTTMessage,
    Outgoing,
    Properties,
    ReasonCode,
    connect_arguments,
    message_of,
    new_client,
    reason_of,
    subscribe_options,
)
from fleet_wire.links.unwaited import unwaited

logger = logging.getLogger(__name__)

_LARGEST_RECEIVE_MAX = 65_535
"""The broker's receive maximum if it sends none (MQTT 5, section 3.2.2.3.3)."""
_MAX_UNWRITTEN = 1_000
"""Number of unwritten packets above which the peer counts as not reading."""
_LOOK_AFTER_IT_EVERY_S = 1.0
_GOODBYE_TIMEOUT_S = 10.0
_READ_BYTES = 65_536


class ConnectionOwner(Protocol):
    """The callbacks of a connection, until it has ended or its owner has closed it."""

    def handle_opened(self, *, session_present: bool, receive_max: int) -> None:
        """Handle CONNACK and SUBACK; `receive_max` is the number of messages in flight allowed."""
        ...

    def handle_message(self, message: Message) -> None:
        """Handle a message; none arrives before `handle_opened`."""
        ...

    def handle_puback(self, packet_id: int, code: int) -> None:
        """Handle the PUBACK of the message for which `publish` returned `packet_id`."""
        ...

    def handle_end(self, reason: Disconnected) -> None:
        """Handle the end or the failure of the connection, the last callback. Nothing follows."""
        ...


class PahoConnection:
    """One connection to a broker, used once. An exception from its owner ends it, and is logged."""

    def __init__(
        self,
        owner: ConnectionOwner,
        session: Session,
        broker: BrokerAddress,
        limits: LinkLimits,
        *,
        is_v5: bool,
        tls: ssl.SSLContext | None,
    ) -> None:
        self._owner = owner
        self._session = session
        self._limits = limits
        self._is_v5 = is_v5
        self._loop = asyncio.get_running_loop()
        self._client = new_client(session, broker, limits, is_v5=is_v5, tls=tls)
        self._dial = partial(
            self._client.connect,
            broker.host,
            broker.port,
            session.keepalive_s,
            **connect_arguments(session, limits, is_v5=is_v5),
        )
        self._socket: Any = None
        """paho's socket, from the end of dialling until it is closed."""
        self._is_open = False
        self._is_over = False
        """Whether the owner gets no more callbacks."""
        self._is_paused = False
        self._deadline: asyncio.TimerHandle | None = None
        self._next_look: asyncio.TimerHandle | None = None
        self._events: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        """Events from paho that the owner has not received yet."""
        self._held: list[Message] = []
        """Messages that came before SUBACK."""
        self._subscribe_id: int | None = None
        self._session_present = False
        self._receive_max = _LARGEST_RECEIVE_MAX
        self._unwritten: set[int] = set()
        """The packet ids of QoS 0 messages that the kernel has not taken."""
        self._listen_to_paho()

    def _listen_to_paho(self) -> None:
        client = self._client
        client.on_connect = self._later(self._handle_connack)
        client.on_subscribe = self._later(self._handle_suback)
        client.on_publish = self._later(self._handle_published)
        client.on_disconnect = self._later(self._handle_closed)
        client.on_message = self._on_message
        client.on_socket_close = self._on_socket_close
        client.on_socket_register_write = self._on_register_write
        client.on_socket_unregister_write = self._on_unregister_write

    # Calls of the owner

    def open(self) -> None:
        """Connect and subscribe: `handle_opened` or `handle_end` follows."""
        timeout_s = self._limits.connect_timeout_s
        reason = Disconnected(EndReason.UNREACHABLE, detail=f"no answer in {timeout_s:g} s")
        self._deadline = self._loop.call_later(timeout_s, self._end_connection, reason)
        # It blocks for DNS, TCP, TLS and the handshake of a WebSocket.
        unwaited("paho", self._dial).add_done_callback(self._take_socket)

    @property
    def is_backed_up(self) -> bool:
        """Whether the peer does not read: QoS 0 should be dropped."""
        return len(self._unwritten) > _MAX_UNWRITTEN

    def publish(self, message: Outgoing, qos: int) -> int:
        """Send a message at QoS 0 or 1, and return its packet id."""
        properties = message.properties if self._is_v5 else None
        arguments = (message.topic, message.payload, qos, message.retain, properties)
        while (info := self._client.publish(*arguments)).rc is MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:
            pass  # an old message still has this packet id: paho takes the next one
        if qos == 0:
            self._unwritten.add(info.mid)
        return info.mid

    def acknowledge(self, packet_id: int) -> None:
        """Send the PUBACK of a QoS 1 message."""
        self._client.ack(packet_id, 1)

    def pause(self) -> None:
        """Neither read, write nor ping, and tell the owner nothing, until `resume`."""
        self._is_paused = True
        self._unwatch()

    def resume(self) -> None:
        """Undo `pause`."""
        self._is_paused = False
        self._watch()
        self._loop.call_soon(self._read)  # paho may hold packets that it has already read

    def say_goodbye(self) -> None:
        """Send DISCONNECT behind what waits, and close."""
        self._release()
        self._unwatch()
        self._client.disconnect()
        self._write()
        if self._socket is not None:  # the peer does not read: not for ever
            self._loop.add_writer(self._socket.fileno(), self._write)
            self._deadline = self._loop.call_later(_GOODBYE_TIMEOUT_S, self.drop)

    def drop(self) -> None:
        """Close without a goodbye. paho has no call for that, so its socket is closed for it."""
        self._release()
        if self._socket is not None:
            self._unwatch()
            self._socket.close()
            self._socket = None

    def leave_behind(self) -> None:
        """Forget the connection as `drop` does, but keep the socket until the broker closes it."""
        if self._socket is not None:
            with contextlib.suppress(OSError):  # no descriptor is free: it closes after all
                _LeftBehind(os.dup(self._socket.fileno()), self._loop)
        self.drop()

    def _release(self) -> None:
        self._is_over = True
        self._events.clear()
        if self._deadline is not None:
            self._deadline.cancel()

    # Sockets and time

    def _take_socket(self, dialling: asyncio.Future[Any]) -> None:
        error = dialling.exception()
        if error is not None:
            self._end_connection(Disconnected(EndReason.UNREACHABLE, detail=_describe(error)))
            return
        self._socket = self._client.socket()
        if self._is_over:  # given up meanwhile
            self.drop()
            return
        _set_no_delay(self._socket.fileno())
        self._watch()

    def _watch(self) -> None:
        if self._socket is None or self._is_paused:
            return
        self._loop.add_reader(self._socket.fileno(), self._read)
        if self._client.want_write():
            self._loop.add_writer(self._socket.fileno(), self._write)
        self._look_later()

    def _unwatch(self) -> None:
        if self._socket is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._loop.remove_writer(self._socket.fileno())
        if self._next_look is not None:
            self._next_look.cancel()

    def _on_socket_close(self, *_: object) -> None:
        self._unwatch()
        self._socket = None

    def _on_register_write(self, *_: object) -> None:
        # In a thread while dialling: there is no socket then, and `_watch` does it later.
        if self._socket is not None and not self._is_paused:
            self._loop.add_writer(self._socket.fileno(), self._write)

    def _on_unregister_write(self, *_: object) -> None:
        if self._socket is not None:
            self._loop.remove_writer(self._socket.fileno())

    def _read(self) -> None:
        self._run_paho(self._client.loop_read)
        # TLS may have decoded more than paho has read: no event of the kernel tells.
        pending = getattr(self._socket, "pending", None)
        if pending is not None and pending() and not self._is_paused:
            self._loop.call_soon(self._read)

    def _write(self) -> None:
        self._run_paho(self._client.loop_write)

    def _look_later(self) -> None:
        self._next_look = self._loop.call_later(_LOOK_AFTER_IT_EVERY_S, self._run_housekeeping)

    def _run_housekeeping(self) -> None:
        self._look_later()
        self._run_paho(self._client.loop_misc)

    def _run_paho(self, work: Callable[[], object]) -> None:
        """Run a call of paho, then deliver the events that it queued."""
        if self._socket is not None and not self._is_paused:
            try:
                work()
            except Exception as error:  # noqa: BLE001 - paho raises all kinds for packets that it cannot parse
                self._unwatch()
                is_lost = isinstance(error, OSError)
                why = EndReason.BROKER_CLOSED if is_lost else EndReason.PROTOCOL_ERROR
                self._events.append(
                    (self._end_connection, (Disconnected(why, detail=_describe(error)),))
                )
        self._deliver_events()

    def _deliver_events(self) -> None:
        while self._events and not (self._is_over or self._is_paused):
            step, arguments = self._events.popleft()
            try:
                step(*arguments)
            except Exception:
                logger.exception("a handler raised: its link is closed")
                self._end_connection(Disconnected(EndReason.HANDLER_ERROR, detail="see the log"))

    # Callbacks of paho

    def _later(self, step: Callable[..., None]) -> Callable[..., None]:
        """Return a callback for paho that queues its arguments for `step`."""

        def callback(_client: Client, _userdata: object, *arguments: Any) -> None:
            self._events.append((step, arguments))

        return callback

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        # Not later: what cannot be understood is the broker's fault, not the owner's.
        self._events.append((self._handle_message, (message_of(message),)))

    def _handle_connack(
        self, flags: ConnectFlags, code: ReasonCode, properties: Properties
    ) -> None:
        if code.is_failure:
            self._end_connection(Disconnected(EndReason.REFUSED, code.value, str(code)))
            return
        if self._is_open:
            self._end_connection(
                Disconnected(EndReason.PROTOCOL_ERROR, detail="unexpected CONNACK")
            )
            return
        self._session_present = flags.session_present
        self._receive_max = getattr(properties, "ReceiveMaximum", _LARGEST_RECEIVE_MAX)
        if self._session.subscriptions:
            options = subscribe_options(is_v5=self._is_v5)
            topics = [(topic, options) for topic in self._session.subscriptions]
            _, self._subscribe_id = self._client.subscribe(topics)
        else:
            self._become_open()

    def _handle_suback(self, packet_id: int, codes: list[ReasonCode], _: Properties) -> None:
        if packet_id != self._subscribe_id:
            return
        self._subscribe_id = None
        for code in codes:
            if code.value >= FIRST_ERROR_CODE:
                self._end_connection(Disconnected(EndReason.REFUSED, code.value, "SUBSCRIBE"))
                return
        self._become_open()

    def _become_open(self) -> None:
        self._is_open = True
        if self._deadline is not None:
            self._deadline.cancel()
        self._events.extendleft((self._handle_message, (each,)) for each in reversed(self._held))
        self._held.clear()
        self._owner.handle_opened(
            session_present=self._session_present, receive_max=self._receive_max
        )

    def _handle_message(self, message: Message) -> None:
        if self._is_open:
            self._owner.handle_message(message)
        else:
            self._held.append(message)

    def _handle_published(self, packet_id: int, code: ReasonCode, _: Properties) -> None:
        if packet_id in self._unwritten:
            self._unwritten.discard(packet_id)
        else:
            self._owner.handle_puback(packet_id, code.value)

    def _handle_closed(self, flags: DisconnectFlags, code: ReasonCode, _: Properties) -> None:
        self._end_connection(reason_of(flags, code))

    def _end_connection(self, reason: Disconnected) -> None:
        if not self._is_over:
            self.drop()
            self._owner.handle_end(reason)


class _LeftBehind:
    """A connection that nobody owns: what comes is discarded, until the broker closes it.

    It has a `descriptor` of its own, so that paho's can be closed. Nobody but the event loop holds
    it: it closes when the event loop lets go of it, at the latest with the event loop itself.
    """

    def __init__(self, descriptor: int, loop: asyncio.AbstractEventLoop) -> None:
        self._descriptor = descriptor
        self._loop = loop
        loop.add_reader(descriptor, self._discard)

    def _discard(self) -> None:
        try:
            is_closed = not os.read(self._descriptor, _READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            is_closed = True
        if is_closed:
            self._loop.remove_reader(self._descriptor)

    def __del__(self) -> None:
        os.close(self._descriptor)


def _set_no_delay(descriptor: int) -> None:
    """Set TCP_NODELAY, through a second descriptor: paho wraps the socket of a WebSocket."""
    with socket.socket(fileno=os.dup(descriptor)) as same:
        same.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _describe(error: BaseException) -> str:
    if isinstance(error, OSError):
        return describe_os_error(error)
    return f"{type(error).__name__}: {error}"
