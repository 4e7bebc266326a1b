"""Packets between the clients of the broker model and the broker: one value a packet.

PUBLISH is a `Publication` on its way to the broker and a `Message` on its way to a client; PUBACK
to the broker is the message, SUBSCRIBE the filters, SUBACK the codes.
"""

from __future__ import annotations

import msgspec

from fleet_wire.errors import LocalProtocolError
from fleet_wire.links.link import LinkLimits, OnAck, PublishProperties, Session

LARGEST_PACKET = 268_435_455
"""The specification's limit in bytes, section 2.1.4."""

_LONGEST_TOPIC = 65_535
_ONE_BYTE, _TWO_BYTES, _THREE_BYTES = 1 << 7, 1 << 14, 1 << 21
"""Below these a variable byte integer takes so many bytes (specification, section 1.5.5)."""
_MOST_BYTES_OF_LETTER = 4
_MOST_AROUND = 16
"""Bytes in a PUBLISH without properties besides topic and payload: 10 at most."""


class Connect(msgspec.Struct, frozen=True, gc=False):
    """CONNECT."""

    session: Session
    limits: LinkLimits
    is_v5: bool = True


class ConnAck(msgspec.Struct, frozen=True, gc=False):
    """CONNACK. `filters` are those of the session: they come back, so that no link keeps them."""

    code: int
    max_packet_bytes: int = LARGEST_PACKET
    filters: tuple[str, ...] = ()


class Close(msgspec.Struct, frozen=True, gc=False):
    """DISCONNECT, or the end of the connection without one."""

    is_goodbye: bool


class PubAck(msgspec.Struct, frozen=True, gc=False):
    """PUBACK to a client, with what it acknowledges."""

    publication: Publication
    code: int


class Publication(msgspec.Struct, eq=False):
    """A PUBLISH on its way: the client's until it is acknowledged, the broker's from its arrival.

    `expires_at_s` is in whole seconds of the broker's clock, as mosquitto counts them.
    """

    topic: str
    payload: bytes
    qos: int
    retain: bool
    properties: PublishProperties | None = None
    on_ack: OnAck | None = None
    expires_at_s: int | None = None
    most_bytes: int = LARGEST_PACKET + 1
    """Its size or more, as far as was asked: most packets are far below a limit."""

    def resend_copy(self) -> Publication:
        """Return a copy to send again: the broker may still hold the first."""
        return Publication(
            self.topic, self.payload, self.qos, self.retain, self.properties, self.on_ack
        )

    def check(self, limit_bytes: int) -> None:
        """Raise `LocalProtocolError` for what MQTT does not allow, and above `limit_bytes`."""
        topic, properties = self.topic, self.properties
        if self.qos not in (0, 1):
            raise LocalProtocolError(f"{topic}: QoS {self.qos}, only 0 and 1 are allowed")
        if (  # asked of every message: a call of `_has_wildcard` each would show
            not topic
            or len(topic) > _LONGEST_TOPIC
            or "\0" in topic
            or "+" in topic
            or "#" in topic
        ):
            raise LocalProtocolError(f"{topic[:200]!r}: not a topic")
        if properties is not None:
            answer = properties.response_topic
            if answer is not None and (not answer or _has_wildcard(answer)):
                raise LocalProtocolError(f"{topic}: response topic {answer!r} is not a topic")
            if properties.expiry_s is not None and properties.expiry_s < 0:
                raise LocalProtocolError(f"{topic}: expiry {properties.expiry_s} s")
        self.most_bytes = (
            len(self.payload) + _MOST_BYTES_OF_LETTER * len(topic) + _MOST_AROUND
            if properties is None
            else self.packet_bytes()
        )
        if self.is_larger_than(limit_bytes):
            size = f"packet of {self.packet_bytes()} bytes, the broker takes {limit_bytes}"
            raise LocalProtocolError(f"{topic}: {size}")

    def is_larger_than(self, limit_bytes: int) -> bool:
        """Return whether the PUBLISH packet is above a limit."""
        return self.most_bytes > limit_bytes and self.packet_bytes() > limit_bytes

    def packet_bytes(self) -> int:
        """Return the size of the PUBLISH packet."""
        properties_bytes = 0 if self.properties is None else _properties_bytes(self.properties)
        length = 2 + _bytes_of(self.topic) + 2 * self.qos + len(self.payload)
        length += _varint_bytes(properties_bytes) + properties_bytes
        return 1 + _varint_bytes(length) + length


def _has_wildcard(topic: str) -> bool:
    return "+" in topic or "#" in topic


def _bytes_of(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _varint_bytes(value: int) -> int:
    if value < _ONE_BYTE:
        return 1
    if value < _TWO_BYTES:
        return 2
    return 3 if value < _THREE_BYTES else 4


def _properties_bytes(properties: PublishProperties) -> int:
    size = 0 if properties.expiry_s is None else 5
    if properties.response_topic is not None:
        size += 3 + _bytes_of(properties.response_topic)
    if properties.correlation_data is not None:
        size += 3 + len(properties.correlation_data)
    for name, value in properties.user_properties:
        size += 5 + _bytes_of(name) + _bytes_of(value)
    return size
