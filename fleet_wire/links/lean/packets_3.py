"""MQTT 3.1.1 packets to bytes and back, without any I/O: those of MQTT 5 without properties.

https://docs.oasis-open.org/mqtt/mqtt/v3.1.1/os/mqtt-v3.1.1-os.html; what stands here differs from
MQTT 5, and PUBACK and PINGREQ do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import mqtt5

from fleet_wire.errors import LocalProtocolError
from fleet_wire.links.lean.packets import (
    AT_LEAST_ONCE,
    AT_MOST_ONCE,
    CONTINUES,
    LARGEST_PAYLOAD,
    ConnAckPacket,
    Packet,
    PacketForms,
    PeerError,
    PingRespPacket,
    PubAckPacket,
    PublishPacket,
    SubAckPacket,
    packet_size,
)
from fleet_wire.links.link import (
    FIRST_ERROR_CODE,
    MALFORMED_PACKET,
    PROTOCOL_ERROR,
    PublishProperties,
    Session,
)

_CONNACK, _PUBLISH, _PUBACK, _SUBACK, _PINGRESP = 2, 3, 4, 9, 13
"""The upper half of the first byte (section 2.2.1)."""
_REASON_CODES: Final = {0: 0, 1: 132, 2: 133, 3: 136, 4: 134, 5: 135}
"""The codes of MQTT 5 for each return code of CONNACK (section 3.2.2.3)."""
_LONGEST_TEXT: Final = 65_535


def _connect_packet(
    session: Session,
    *,
    username: str | None,
    password: str | None,
    receive_max: int,  # noqa: ARG001 - it has no place in CONNECT
    max_packet_bytes: int,  # noqa: ARG001 - nor has this
) -> bytes:
    """Return CONNECT. A session that is to outlive its connection has no end (section 3.1.2.4)."""
    will = session.will
    flags = (session.clean_start or not session.session_expiry_s) << 1
    fields = [_field(session.client_id.encode())]
    if will is not None:
        flags |= 0x04 | will.qos << 3 | will.retain << 5
        fields += [_field(will.topic.encode()), _field(will.payload)]
    if username is not None:  # a password alone is not allowed (section 3.1.2.9)
        flags |= 0x80
        fields.append(_field(username.encode()))
        if password is not None:
            flags |= 0x40
            fields.append(_field(password.encode()))
    keepalive = session.keepalive_s.to_bytes(2, "big")
    return _packet(0x10, _field(b"MQTT"), bytes((4, flags)), keepalive, *fields)


def _subscribe_packet(packet_id: int, topic_filters: Sequence[str]) -> bytes:
    filters = [_field(pattern.encode()) + b"\x01" for pattern in topic_filters]
    return _packet(0x82, packet_id.to_bytes(2, "big"), *filters)


def _publish_packet(
    topic: str,
    payload: bytes,
    packet_id: int | None,
    properties: PublishProperties | None,  # noqa: ARG001 - there are none
    *,
    retain: bool,
) -> bytes:
    """Return PUBLISH. Raises `LocalProtocolError` for what MQTT does not allow."""
    try:
        name = topic.encode()
    except UnicodeError as error:
        raise LocalProtocolError(f"{topic[:200]!r}: {error}") from None
    if not 1 <= len(name) <= _LONGEST_TEXT or any(mark in topic for mark in "+#\0"):
        raise LocalProtocolError(f"{topic[:200]!r}: not a topic")
    if not isinstance(payload, bytes) or len(payload) > LARGEST_PAYLOAD:
        raise LocalProtocolError(f"{topic[:200]!r}: payload is not bytes, or above MQTT's limit")
    if packet_id is None:
        return _packet(0x30 | retain, _field(name), payload)
    return _packet(0x32 | retain, _field(name), packet_id.to_bytes(2, "big"), payload)


def _disconnect_packet(code: int) -> bytes:
    """Return DISCONNECT; nothing for an error, which only the end of the connection can say."""
    return b"" if code else b"\xe0\x00"


def _packet(first: int, *parts: bytes) -> bytes:
    length, size = sum(map(len, parts)), bytearray()
    while length >= CONTINUES:
        size.append(length & ~CONTINUES & 0xFF | CONTINUES)
        length >>= 7
    return b"".join((bytes((first,)), size, bytes((length,)), *parts))


def _field(content: bytes) -> bytes:
    return len(content).to_bytes(2, "big") + content


def _decode(view: memoryview, max_packet_bytes: int) -> tuple[Packet | None, int]:
    """Return the packet with which `view` begins, and its size; None while it is not all there.

    Raises `PeerError` for anything else.
    """
    size = packet_size(view, max_packet_bytes)
    if not size or size > len(view):
        return None, 0
    start = 2
    while view[start - 1] & CONTINUES:
        start += 1
    try:
        return _read(view[0], bytes(view[start:size])), size
    except (ValueError, IndexError) as error:
        raise PeerError(MALFORMED_PACKET, f"malformed packet: {error}") from None


def _read(first: int, body: bytes) -> Packet:
    kind, packet_id = first >> 4, int.from_bytes(body[:2], "big")
    if kind == _PUBLISH:
        return _read_publish(first, body)
    if kind == _CONNACK:
        code = mqtt5.ConnAckReasonCode(_REASON_CODES.get(body[1], FIRST_ERROR_CODE))
        return ConnAckPacket(session_present=bool(body[0] & 1), reason_code=code)
    if kind == _PUBACK:
        return PubAckPacket(packet_id)
    if kind == _SUBACK:
        return SubAckPacket(packet_id, [mqtt5.SubAckReasonCode(code) for code in body[2:]])
    if kind == _PINGRESP:
        return PingRespPacket()
    raise PeerError(PROTOCOL_ERROR, f"unexpected packet of type {kind}")


def _read_publish(first: int, body: bytes) -> PublishPacket:
    qos, start = first >> 1 & 0b11, 2 + int.from_bytes(body[:2], "big")
    if qos > 1 or len(body) < start + 2 * qos:
        raise PeerError(PROTOCOL_ERROR, "QoS 2, or a topic that is not all there")
    return PublishPacket(
        body[2:start].decode(),
        body[start + 2 * qos :],
        qos=AT_LEAST_ONCE if qos else AT_MOST_ONCE,
        retain=bool(first & 0b1),
        duplicate=bool(first & 0b1000),
        packet_id=int.from_bytes(body[start : start + 2], "big") if qos else None,
    )


MQTT_3: Final = PacketForms(
    connect=_connect_packet,
    subscribe=_subscribe_packet,
    publish=_publish_packet,
    disconnect=_disconnect_packet,
    decode=_decode,
)
