"""The link over aiomqtt (paho-mqtt): for MQTT 3.1.1, WebSocket, or a broker that needs both.

It costs about 20 times the memory and CPU of the lean link, and differs from it:

- MQTT 3.1.1 has no properties, reason codes, message expiry or receive maximum: publish properties
  are dropped, every PUBACK counts as success, a broker's reason to close is not known, a session
  is kept for as long as the broker likes, or not at all where `session_expiry_s` is 0, and
  `retain` is false on every message that comes after its subscription.
- What was unacknowledged when a connection broke is sent again as a new message, without DUP.
- paho buffers a packet of any declared size. An MQTT 5 broker is told our limit; one that ignores
  it, or a 3.1.1 broker, is not closed on.
- A broker that is away is found out by blocking calls in a pool of threads: connecting is not
  paced, and is slow for many clients at once.
- paho does not check the topics and packet ids that a broker sends as strictly as the lean link.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, cast

import aiomqtt
from paho.mqtt import MQTTException
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from fleet_wire.errors import LocalProtocolError
from fleet_wire.links.connecting import describe_os_error
from fleet_wire.links.link import (
    FIRST_ERROR_CODE,
    KEEP_ALIVE_TIMEOUT,
    PROTOCOL_ERROR,
    BrokerAddress,
    Disconnected,
    Ended,
    LinkHandler,
    LinkLimits,
    Message,
    OnAck,
    PublishProperties,
    Session,
)

logger = logging.getLogger(__name__)

_new_properties = cast("Callable[[int], Any]", Properties)  # untyped in paho
_TCP_NODELAY = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
_LARGEST_TOPIC_BYTES = 65_535
_LARGEST_PAYLOAD = 268_000_000
_MAX_UNWRITTEN_PACKETS = 1_000
"""From here on the peer does not read: QoS 0 is dropped."""


@dataclass(frozen=True, slots=True)
class _Publish:
    """A QoS 1 message until its PUBACK."""

    topic: str
    payload: bytes
    retain: bool
    properties: PublishProperties | None
    on_ack: OnAck | None


class _Connection:
    """One connection of a link: an `aiomqtt.Client` with our callbacks in front of its own."""

    def __init__(self, link: AiomqttLink, session: Session, factory: AiomqttLinkFactory) -> None:
        self._link = link
        self.session = session
        self.client = _new_client(session, factory)
        self.paho: Client = self.client._client  # noqa: SLF001 - aiomqtt hides manual PUBACK
        self.session_present = False
        self.is_closed = False
        self.is_leaving = False
        """Whether DISCONNECT is on its way, after which paho closes by itself."""
        self._is_paused = False
        self._loop = asyncio.get_running_loop()
        self.held: list[Message] = []
        """Messages that came before SUBACK."""
        self.by_mid: dict[int, int] = {}
        """From paho's packet ids to our keys of unacknowledged messages."""
        self.paho.manual_ack_set(on=True)
        self.paho.on_message = self._on_message
        self.paho.on_socket_register_write = self._on_register_write
        self.paho.on_publish = self._on_publish
        self._connect_of_aiomqtt = self.client._on_connect  # noqa: SLF001
        self.paho.on_connect = self._on_connect
        self._disconnect_of_aiomqtt = self.client._on_disconnect  # noqa: SLF001
        self.paho.on_disconnect = self._on_disconnect
        self.ended: asyncio.Future[Disconnected] = self._loop.create_future()

    def end(self, reason: Disconnected) -> None:
        """Say why this connection ended; the first reason counts."""
        if not self.ended.done():
            self.ended.set_result(reason)

    async def gone(self, timeout_s: float) -> None:
        """Wait until paho has closed the connection; a peer that does not read may keep it."""
        await asyncio.wait({self.client._disconnected}, timeout=timeout_s)  # noqa: SLF001

    def drop(self) -> None:
        """Close the socket without a goodbye, soon: paho dead-locks inside its own callbacks."""
        self.is_closed = True
        self._loop.call_soon(self._close_socket)

    def _close_socket(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self.paho._sock_close()  # noqa: SLF001 - paho has no public way without DISCONNECT

    def pause(self) -> None:
        """Neither read, write nor ping."""
        self._is_paused = True
        connection = self.paho.socket()
        if connection is None:
            return
        self._loop.remove_reader(connection.fileno())
        self._loop.remove_writer(connection.fileno())
        if self.client._misc_task is not None:  # noqa: SLF001
            self.client._misc_task.cancel()  # noqa: SLF001

    def resume(self) -> None:
        """Undo `pause`."""
        self._is_paused = False
        connection = self.paho.socket()
        if connection is None:
            return
        self.client._on_socket_open(self.paho, None, connection)  # noqa: SLF001
        if self.paho.want_write():
            self._start_writing(connection)

    def _on_register_write(self, _client: Client, _userdata: Any, connection: Any) -> None:
        # In aiomqtt's own place: it comes too late where the socket closes meanwhile.
        self._loop.call_soon_threadsafe(self._start_writing, connection)

    def _start_writing(self, connection: Any) -> None:
        if connection.fileno() >= 0 and not self._is_paused:
            self._loop.add_writer(connection.fileno(), self._write)

    def _write(self) -> None:
        try:
            self.paho.loop_write()
        except Exception as error:
            logger.exception("paho failed to write")
            self.end(Disconnected(Ended.BROKER_CLOSED, detail=str(error)))

    def _on_connect(
        self,
        client: Client,
        userdata: Any,
        flags: ConnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        self.session_present = flags.session_present
        self._connect_of_aiomqtt(client, userdata, flags, reason_code, properties)

    def _on_disconnect(
        self,
        client: Client,
        userdata: Any,
        flags: DisconnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        self.end(_reason_of(flags, reason_code))
        self._disconnect_of_aiomqtt(client, userdata, flags, reason_code, properties)

    def _on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        self._link.take_message(self, _message_of(message))

    def _on_publish(
        self,
        _client: Client,
        _userdata: Any,
        mid: int,
        reason_code: ReasonCode,
        _properties: Properties | None = None,
    ) -> None:
        key = self.by_mid.pop(mid, None)
        if key is not None:
            self._link.take_puback(self, key, reason_code.value)


class AiomqttLink:
    """One MQTT client over aiomqtt; implements `fleet_wire.links.link.Link`."""

    def __init__(self, factory: AiomqttLinkFactory, handler: LinkHandler) -> None:
        self._factory = factory
        self._handler = handler
        self._connection: _Connection | None = None
        self._attempt: object | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_connected = False
        self._is_frozen = False
        self._unacknowledged_out: dict[int, _Publish] = {}
        self._last_key = 0
        self._unacknowledged_in: dict[int, Message] = {}

    @property
    def is_connected(self) -> bool:
        """Whether `on_connected` has come and nothing has ended the connection since."""
        return self._is_connected

    def connect(self) -> None:
        """Start to connect. Does nothing while connecting or connected."""
        if self._attempt is None:
            self._attempt = attempt = object()
            task = asyncio.get_running_loop().create_task(self._live(attempt))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 1,
        retain: bool = False,
        properties: PublishProperties | None = None,
        on_ack: OnAck | None = None,
    ) -> None:
        """Send a message, see `fleet_wire.links.link.Link.publish`."""
        if qos not in (0, 1):
            raise LocalProtocolError(f"{topic}: QoS {qos}, only 0 and 1 are allowed")
        _check(topic, payload)
        entry = _Publish(topic, payload, retain, properties, on_ack)
        if qos == 0:
            self._publish_qos0(entry)
            return
        limits = self._factory.limits
        if len(self._unacknowledged_out) >= limits.max_queued + limits.max_in_flight:
            raise LocalProtocolError(f"{len(self._unacknowledged_out)} messages wait: no more")
        _properties_of(properties, PacketTypes.PUBLISH)  # raises what MQTT does not allow
        self._last_key += 1
        self._unacknowledged_out[self._last_key] = entry
        if self._is_connected and not self._is_frozen and self._connection is not None:
            self._hand_over(self._connection, self._last_key, entry)

    def acknowledge(self, message: Message) -> None:
        """Send the PUBACK of a QoS 1 message of this connection, once."""
        packet_id = message.packet_id
        if packet_id is None or self._unacknowledged_in.get(packet_id) is not message:
            return
        del self._unacknowledged_in[packet_id]
        if self._connection is not None:
            self._connection.paho.ack(packet_id, 1)

    def disconnect(self) -> None:
        """Say goodbye and close; a frozen link cannot say it, so that its will is published."""
        connection = self._connection
        if connection is None or self._is_frozen or not self._is_connected:
            self.abort()
            return
        connection.is_leaving = True
        self._forget()
        connection.paho.disconnect()

    def abort(self) -> None:
        """Drop the connection as a crash does: the broker publishes the will."""
        connection = self._connection
        self._forget()
        if connection is not None:
            connection.drop()

    def freeze(self) -> None:
        """Neither read nor write until `thaw`."""
        self._is_frozen = True
        if self._connection is not None:
            self._connection.pause()

    def thaw(self) -> None:
        """Undo `freeze`."""
        if not self._is_frozen:
            return
        self._is_frozen = False
        if self._connection is not None:
            self._connection.resume()
            if self._is_connected:
                self._hand_over_missing(self._connection)

    # What paho's callbacks bring

    def take_message(self, connection: _Connection, message: Message) -> None:
        """Take a message from `connection`."""
        if connection is not self._connection:
            return
        if message.packet_id is not None:
            self._unacknowledged_in[message.packet_id] = message
        if self._is_connected:
            self._guarded(connection, self._handler.on_message, message)
        else:
            connection.held.append(message)

    def take_puback(self, connection: _Connection, key: int, code: int) -> None:
        """Take the PUBACK of the message with our `key`."""
        entry = self._unacknowledged_out.pop(key, None)
        if entry is not None and entry.on_ack is not None:
            self._guarded(connection, entry.on_ack, code)

    # The life of a connection

    async def _live(self, attempt: object) -> None:
        try:
            connection = _Connection(self, self._handler.session(), self._factory)
        except Exception:
            logger.exception("session of a link's handler failed")
            self._end(attempt, Disconnected(Ended.HANDLER_ERROR, detail="session() raised"))
            return
        self._connection = connection if self._attempt is attempt else None
        reason = await self._open(connection)
        if reason is None and self._attempt is attempt:
            self._guarded(connection, self._become_connected, connection)
            reason = await connection.ended
            if connection.is_leaving:
                await connection.gone(self._factory.limits.connect_timeout_s)
        connection.drop()
        self._end(attempt, reason)

    async def _open(self, connection: _Connection) -> Disconnected | None:
        """Connect and subscribe; return why that failed, or None."""
        timeout_s = self._factory.limits.connect_timeout_s
        opening = asyncio.ensure_future(self._connect_and_subscribe(connection))
        broken = connection.client._disconnected  # noqa: SLF001 - where it puts what paho raised
        waiting: set[asyncio.Future[Any]] = {opening, connection.ended, broken}
        await asyncio.wait(waiting, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if opening.done():
            broken.add_done_callback(lambda future: connection.end(_reason_of_crash(future)))
            return opening.result()
        opening.cancel()
        if connection.ended.done():
            return connection.ended.result()
        if broken.done():
            return _reason_of_crash(broken)
        return Disconnected(Ended.UNREACHABLE, detail=f"no answer in {timeout_s:g} s")

    async def _connect_and_subscribe(self, connection: _Connection) -> Disconnected | None:
        client, session = connection.client, connection.session
        try:
            await client.__aenter__()
            _set_no_delay(connection.paho)
            if self._is_frozen:
                connection.pause()
            if not session.subscriptions or connection.is_closed:
                return None
            codes = await client.subscribe(
                [(pattern, self._factory.subscribe_options()) for pattern in session.subscriptions]
            )
        except aiomqtt.MqttCodeError as error:
            return Disconnected(Ended.REFUSED, _number_of(error.rc), str(error.rc))
        except (aiomqtt.MqttError, OSError, ValueError) as error:
            cause = error.__context__ if isinstance(error, aiomqtt.MqttError) else error
            detail = describe_os_error(cause) if isinstance(cause, OSError) else str(error)
            return Disconnected(Ended.UNREACHABLE, detail=detail)
        for code in map(_number_of, codes):
            if code >= FIRST_ERROR_CODE:
                return Disconnected(Ended.REFUSED, code, "SUBSCRIBE")
        return None

    def _become_connected(self, connection: _Connection) -> None:
        self._is_connected = True
        self._factory.connects += 1
        self._factory.connected += 1
        self._hand_over_missing(connection)
        self._handler.on_connected(session_present=connection.session_present)
        for message in connection.held:
            if self._connection is connection:
                self._handler.on_message(message)

    def _hand_over_missing(self, connection: _Connection) -> None:
        """Give paho every message that it has not had on this connection."""
        known = set(connection.by_mid.values())
        for key, entry in list(self._unacknowledged_out.items()):
            if key not in known:
                self._hand_over(connection, key, entry)

    def _hand_over(self, connection: _Connection, key: int, entry: _Publish) -> None:
        properties = self._factory.publish_properties(entry.properties)
        info = connection.paho.publish(entry.topic, entry.payload, 1, entry.retain, properties)
        connection.by_mid[info.mid] = key

    def _publish_qos0(self, entry: _Publish) -> None:
        connection = self._connection
        if (
            connection is None
            or not self._is_connected
            or self._is_frozen
            or len(connection.paho._out_packet) > _MAX_UNWRITTEN_PACKETS  # noqa: SLF001
        ):
            self._factory.qos0_dropped += 1
            return
        properties = self._factory.publish_properties(entry.properties)
        connection.paho.publish(entry.topic, entry.payload, 0, entry.retain, properties)

    def _guarded(
        self, connection: _Connection, callback: Callable[..., None], *arguments: object
    ) -> None:
        """Call the handler; its exception closes this link alone."""
        try:
            callback(*arguments)
        except Exception:
            logger.exception("a handler raised: its link is closed")
            connection.end(Disconnected(Ended.HANDLER_ERROR, detail="see the log"))

    def _end(self, attempt: object, reason: Disconnected | None) -> None:
        if self._attempt is not attempt or reason is None:
            return
        self._forget()
        if reason.why is Ended.PROTOCOL_ERROR:
            self._factory.protocol_errors += 1
        try:
            self._handler.on_disconnected(reason)
        except Exception:
            logger.exception("on_disconnected raised")

    def _forget(self) -> None:
        if self._is_connected:
            self._factory.connected -= 1
        if self._connection is not None:
            self._connection.end(Disconnected(Ended.BROKER_CLOSED, detail="closed by us"))
        self._attempt = self._connection = None
        self._is_connected = False
        self._unacknowledged_in.clear()


class _TlsSocket(ssl.SSLSocket):
    """A socket that closes when its handshake fails: paho forgets it open."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - ssl's own form
        try:
            super().do_handshake(block)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except OSError:
            self.close()
            raise


class AiomqttLinkFactory:
    """Makes links over aiomqtt to one broker, by MQTT `protocol` over TCP, TLS or WebSocket."""

    def __init__(
        self,
        broker: BrokerAddress,
        *,
        protocol: Literal["5", "3.1.1"] = "5",
        tls: ssl.SSLContext | None = None,
        limits: LinkLimits | None = None,
    ) -> None:
        self.broker = broker
        self.protocol = protocol
        self.tls = (tls or ssl.create_default_context()) if broker.is_tls else None
        if self.tls is not None:
            self.tls.sslsocket_class = _TlsSocket
        self.limits = limits or LinkLimits()
        self.connects = 0
        """Connections that got as far as `on_connected`."""
        self.connected = 0
        """Connections that are open now."""
        self.qos0_dropped = 0
        self.protocol_errors = 0
        """Connections that were closed for what the broker sent."""

    def __call__(self, handler: LinkHandler) -> AiomqttLink:
        """Return a new link for `handler`, not connected."""
        return AiomqttLink(self, handler)

    def subscribe_options(self) -> Any:
        """Return what goes with a topic filter: options in MQTT 5, the QoS in 3.1.1."""
        return SubscribeOptions(qos=1) if self.protocol == "5" else 1

    def publish_properties(self, properties: PublishProperties | None) -> Any:
        """Return paho's form of `properties`; none in 3.1.1."""
        return _properties_of(properties, PacketTypes.PUBLISH) if self.protocol == "5" else None


def _new_client(session: Session, factory: AiomqttLinkFactory) -> aiomqtt.Client:
    broker, is_v5 = factory.broker, factory.protocol == "5"
    arguments: dict[str, Any] = {}
    if is_v5:
        arguments["clean_start"] = session.clean_start
        arguments["properties"] = connect = _new_properties(PacketTypes.CONNECT)
        connect.SessionExpiryInterval = session.session_expiry_s
        connect.ReceiveMaximum = factory.limits.receive_max
        connect.MaximumPacketSize = factory.limits.max_packet_bytes
    else:
        arguments["clean_session"] = session.clean_start or not session.session_expiry_s
    if broker.is_websocket:
        arguments |= {"transport": "websockets", "websocket_path": broker.path}
    client = aiomqtt.Client(
        broker.host,
        broker.port,
        username=broker.username,
        password=broker.password,
        identifier=session.client_id,
        protocol=aiomqtt.ProtocolVersion.V5 if is_v5 else aiomqtt.ProtocolVersion.V311,
        keepalive=session.keepalive_s,
        timeout=factory.limits.connect_timeout_s,
        tls_context=factory.tls,
        max_inflight_messages=factory.limits.max_in_flight,
        socket_options=(_TCP_NODELAY,),
        will=_will_of(session, is_v5=is_v5),
        **arguments,
    )
    client._client.connect_timeout = factory.limits.connect_timeout_s  # noqa: SLF001
    return client


def _will_of(session: Session, *, is_v5: bool) -> aiomqtt.Will | None:
    will = session.will
    if will is None:
        return None
    properties = None
    if is_v5:
        properties = _new_properties(PacketTypes.WILLMESSAGE)
        properties.WillDelayInterval = will.delay_s
    return aiomqtt.Will(will.topic, will.payload, will.qos, will.retain, properties)


def _set_no_delay(paho: Client) -> None:
    """Set TCP_NODELAY below the WebSocket wrapper too, where aiomqtt sets no options."""
    connection: Any = paho.socket()
    if connection is not None and not isinstance(connection, socket.socket):
        connection._socket.setsockopt(*_TCP_NODELAY)  # noqa: SLF001


def _properties_of(properties: PublishProperties | None, packet_type: int) -> Any:
    if properties is None:
        return None
    result = _new_properties(packet_type)
    try:
        if properties.response_topic is not None:
            result.ResponseTopic = properties.response_topic
        if properties.correlation_data is not None:
            result.CorrelationData = properties.correlation_data
        if properties.expiry_s is not None:
            result.MessageExpiryInterval = properties.expiry_s
        if properties.user_properties:
            result.UserProperty = list(properties.user_properties)
        result.pack()
    except (MQTTException, ValueError, TypeError, struct.error) as error:
        raise LocalProtocolError(f"publish properties: {error}") from None
    return result


def _message_of(message: MQTTMessage) -> Message:
    properties: Any = getattr(message, "properties", None)
    return Message(
        message.topic,
        bytes(message.payload),
        message.qos,
        message.retain,
        message.dup,
        message.mid if message.qos else None,
        getattr(properties, "CorrelationData", None),
        getattr(properties, "ResponseTopic", None),
        getattr(properties, "MessageExpiryInterval", None),
        list(getattr(properties, "UserProperty", ())),
    )


def _check(topic: str, payload: bytes) -> None:
    """Raise `LocalProtocolError` for what MQTT does not allow: paho notices some only later."""
    try:
        size = len(topic.encode())
    except UnicodeError as error:
        raise LocalProtocolError(f"{topic[:200]!r}: {error}") from None
    if not 1 <= size <= _LARGEST_TOPIC_BYTES or any(mark in topic for mark in "+#\0"):
        raise LocalProtocolError(f"{topic[:200]!r}: invalid topic")
    if not isinstance(payload, bytes) or len(payload) > _LARGEST_PAYLOAD:
        raise LocalProtocolError(f"{topic[:200]!r}: payload is not bytes, or above MQTT's limit")


def _number_of(code: int | ReasonCode | None) -> int:
    return code.value if isinstance(code, ReasonCode) else int(code or 0)


def _reason_of(flags: DisconnectFlags, reason_code: ReasonCode) -> Disconnected:
    code = reason_code.value
    if flags.is_disconnect_packet_from_server:
        return Disconnected(Ended.BROKER_CLOSED, code, str(reason_code))
    if code == KEEP_ALIVE_TIMEOUT:
        return Disconnected(Ended.KEEPALIVE, detail="no PINGRESP in time")
    if code == PROTOCOL_ERROR:
        return Disconnected(Ended.PROTOCOL_ERROR, detail=str(reason_code))
    return Disconnected(Ended.BROKER_CLOSED, detail="connection closed")


def _reason_of_crash(future: asyncio.Future[None]) -> Disconnected:
    """Return why aiomqtt gave up: paho raises of all kinds on what it cannot parse."""
    error = future.exception()
    if error is None or isinstance(error, aiomqtt.MqttError | OSError):
        return Disconnected(Ended.BROKER_CLOSED, detail=str(error or "connection closed"))
    return Disconnected(Ended.PROTOCOL_ERROR, detail=f"{type(error).__name__}: {error}")
