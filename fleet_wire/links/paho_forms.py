"""The interface to paho-mqtt: conversions between paho's types and ours.

No other module of the product knows paho: the types that others name come from here.
"""

from __future__ import annotations

import ssl
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from paho.mqtt import MQTTException
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from fleet_wire.errors import LocalProtocolError
from fleet_wire.links.link import (
    KEEP_ALIVE_TIMEOUT,
    PROTOCOL_ERROR,
    BrokerAddress,
    Disconnected,
    EndReason,
    LinkLimits,
    Message,
    PublishProperties,
    Session,
)

__all__ = [
    "Client",
    "ConnectFlags",
    "DisconnectFlags",
    "MQTTErrorCode",
    "MQTTMessage",
    "Outgoing",
    "Properties",
    "ReasonCode",
    "connect_arguments",
    "message_of",
    "new_client",
    "outgoing",
    "reason_of",
    "subscribe_options",
]

_new_properties = cast("Callable[[int], Any]", Properties)  # untyped in paho
_LARGEST_TOPIC_BYTES = 65_535
_LARGEST_PAYLOAD = 268_000_000


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to publish, with its properties in paho's form. Made by `outgoing`."""

    topic: str
    payload: bytes
    retain: bool
    properties: Any


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


def new_client(
    session: Session,
    broker: BrokerAddress,
    limits: LinkLimits,
    *,
    is_v5: bool,
    tls: ssl.SSLContext | None,
) -> Client:
    """Return a client that is not connected, and does nothing by itself.

    Raises what paho raises for a session that MQTT does not allow: errors of many kinds.
    """
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=session.client_id,
        clean_session=None if is_v5 else session.clean_start or not session.session_expiry_s,
        protocol=MQTTv5 if is_v5 else MQTTv311,
        transport="websockets" if broker.is_websocket else "tcp",
        reconnect_on_failure=False,
        manual_ack=True,
    )
    client.connect_timeout = limits.connect_timeout_s
    client.max_inflight_messages = limits.max_in_flight
    client.username_pw_set(broker.username, broker.password)
    client.ws_set_options(broker.path)
    if tls is not None:
        tls.sslsocket_class = _TlsSocket
        client.tls_set_context(tls)
    if session.will is not None:
        will, properties = session.will, None
        if is_v5:
            properties = _new_properties(PacketTypes.WILLMESSAGE)
            properties.WillDelayInterval = will.delay_s
        client.will_set(will.topic, will.payload, will.qos, will.retain, properties)
    return client


def connect_arguments(session: Session, limits: LinkLimits, *, is_v5: bool) -> dict[str, Any]:
    """Return what only MQTT 5 says in CONNECT."""
    if not is_v5:
        return {}
    properties = _new_properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = session.session_expiry_s
    properties.ReceiveMaximum = limits.receive_max
    properties.MaximumPacketSize = limits.max_packet_bytes
    return {"clean_start": session.clean_start, "properties": properties}


def subscribe_options(*, is_v5: bool) -> Any:
    """Return what goes with a topic filter at QoS 1."""
    return SubscribeOptions(qos=1) if is_v5 else 1


def outgoing(
    topic: str, payload: bytes, *, retain: bool, properties: PublishProperties | None
) -> Outgoing:
    """Return a message to publish.

    Raises `LocalProtocolError` for what MQTT does not allow: paho notices some only later.
    """
    try:
        size = len(topic.encode())
    except UnicodeError as error:
        raise LocalProtocolError(f"{topic[:200]!r}: {error}") from None
    if not 1 <= size <= _LARGEST_TOPIC_BYTES or any(mark in topic for mark in "+#\0"):
        raise LocalProtocolError(f"{topic[:200]!r}: invalid topic")
    if not isinstance(payload, bytes) or len(payload) > _LARGEST_PAYLOAD:
        raise LocalProtocolError(f"{topic[:200]!r}: payload is not bytes, or above MQTT's limit")
    return Outgoing(topic, payload, retain, _properties_of(properties))


def _properties_of(properties: PublishProperties | None) -> Any:
    if properties is None:
        return None
    result = _new_properties(PacketTypes.PUBLISH)
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


def message_of(message: MQTTMessage) -> Message:
    """Return our form of a message. Raises `UnicodeDecodeError` for a topic that is no text."""
    properties: Any = message.properties
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


def reason_of(flags: DisconnectFlags, reason_code: ReasonCode) -> Disconnected:
    """Return why paho closed a connection, or the broker did."""
    code = reason_code.value
    if flags.is_disconnect_packet_from_server:
        return Disconnected(EndReason.BROKER_CLOSED, code, str(reason_code))
    if code == KEEP_ALIVE_TIMEOUT:
        return Disconnected(EndReason.KEEPALIVE, detail="no PINGRESP in time")
    if code == PROTOCOL_ERROR:
        return Disconnected(EndReason.PROTOCOL_ERROR, detail=str(reason_code))
    return Disconnected(EndReason.BROKER_CLOSED, detail="connection closed")
