"""MQTT packets to bytes and back: all that we need of the `mqtt5` codec, without any I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import mqtt5
from mqtt5 import (
    ConnAckPacket,
    DisconnectPacket,
    Packet,
    PingRespPacket,
    PubAckPacket,
    PublishPacket,
    SubAckPacket,
)

from fleet_wire.errors import LocalProtocolError
from fleet_wire.links.link import (
    MALFORMED_PACKET,
    PACKET_TOO_LARGE,
    PROTOCOL_ERROR,
    TOPIC_ALIAS_INVALID,
    Message,
    PublishProperties,
    Session,
)

__all__ = [
    "ConnAckPacket",
    "DisconnectPacket",
    "Packet",
    "PingRespPacket",
    "PubAckPacket",
    "PublishPacket",
    "SubAckPacket",
]

LARGEST_PACKET = 268_435_455
"""The specification's limit in bytes, section 2.1.4."""

PUBACK = 0x40
"""The first byte of one (section 2.1)."""
SHORTEST_PUBACK = 4
"""In bytes: one that says success (section 3.4.2.1)."""
_SUCCESS_FOLLOWS = b"\x02"
"""The length in such a one."""
LARGEST_PAYLOAD = LARGEST_PACKET - 1_000_000
"""Leaves room for topic and properties: above the limit the codec panics."""
_LENGTH_BYTES = 4
CONTINUES = 0x80
"""In a length: another byte follows (section 1.5.5)."""
_DUPLICATE = 0x08
AT_MOST_ONCE = mqtt5.QoS.AT_MOST_ONCE
AT_LEAST_ONCE = mqtt5.QoS.AT_LEAST_ONCE


class PeerError(Exception):
    """The broker broke the protocol; `code` is what to tell it in DISCONNECT."""

    def __init__(self, code: int, detail: str) -> None:
        self.code = code
        super().__init__(detail)


def packet_size(view: memoryview, max_packet_bytes: int) -> int:
    """Return the size of the packet that begins here; 0 while its header is not there.

    Raises `PeerError` for a size above `max_packet_bytes`, before anything is buffered.
    """
    length = 0
    length_bytes = view[1 : 1 + _LENGTH_BYTES]
    for index, byte in enumerate(length_bytes):
        length |= (byte & ~CONTINUES) << (7 * index)
        if byte < CONTINUES:
            size = 2 + index + length
            if size > max_packet_bytes:
                raise PeerError(
                    PACKET_TOO_LARGE, f"packet of {size} bytes, we take {max_packet_bytes}"
                )
            return size
    if len(length_bytes) == _LENGTH_BYTES:
        raise PeerError(MALFORMED_PACKET, "packet length of more than 4 bytes")
    return 0


Incoming = Message | int | Packet
"""A message, the id in a PUBACK that says success, or another packet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketForms:
    """The packets that differ between versions of MQTT: how each is made, and any of them read."""

    connect: Callable[..., bytes]
    subscribe: Callable[[int, Sequence[str]], bytes]
    publish: Callable[..., bytes]
    disconnect: Callable[[int], bytes]
    decode: Callable[[memoryview, int], tuple[Packet | None, int]]


def read_packets(
    data: bytes | bytearray, max_packet_bytes: int, forms: PacketForms, *, most: int
) -> tuple[list[Incoming], list[int], PeerError | None]:
    """Return what is there as a whole, where each of it ends, and what is wrong behind that.

    All at once, and only then taken: done in turns, either finds its code gone from the
    processor's caches. Not more than `most` packets.
    """
    view, end = memoryview(data), len(data)
    came: list[Incoming] = []
    ends: list[int] = []
    position = 0
    try:
        while position < end and len(came) < most:
            if data[position] == PUBACK and data[position + 1 : position + 2] == _SUCCESS_FOLLOWS:
                if end - position < SHORTEST_PUBACK:
                    break
                came.append(data[position + 2] << 8 | data[position + 3])
                position += SHORTEST_PUBACK
            else:
                packet, size = forms.decode(view[position:], max_packet_bytes)
                if packet is None:
                    break
                came.append(message_of(packet) if type(packet) is PublishPacket else packet)
                position += size
            ends.append(position)
    except PeerError as error:
        return came, ends, error
    return came, ends, None


def _decode(view: memoryview, max_packet_bytes: int) -> tuple[Packet | None, int]:
    """Return the packet with which `view` begins, and its size; None while it is not all there.

    Raises `PeerError` for anything else, and for a size above `max_packet_bytes`: that before the
    rest of it has come.
    """
    try:
        packet, size = mqtt5.read(view)
    except IndexError as error:
        size = packet_size(view, max_packet_bytes)
        if not size or size > len(view):
            return None, 0
        raise PeerError(MALFORMED_PACKET, f"malformed packet: {error}") from None
    except (ValueError, OverflowError) as error:
        packet_size(view, max_packet_bytes)
        raise PeerError(MALFORMED_PACKET, f"malformed packet: {error}") from None
    except BaseException as error:
        # mqtt5 0.8.0 panics on text that is not UTF-8, with an exception that nobody can import.
        if type(error).__name__ != "PanicException":
            raise
        raise PeerError(MALFORMED_PACKET, "malformed packet: text that is not UTF-8") from None
    # Everything behind the head of a PUBLISH is payload; other packets may have a rest.
    is_whole = type(packet) is PublishPacket and size <= max_packet_bytes
    if not is_whole and packet_size(view, max_packet_bytes) != size:
        raise PeerError(MALFORMED_PACKET, "malformed packet: longer than its content")
    return packet, size


def message_of(packet: PublishPacket) -> Message:
    """Return the message in `packet`. Raises `PeerError` for what we never asked for."""
    packet_id = packet.packet_id
    if packet.topic_alias is not None:
        raise PeerError(TOPIC_ALIAS_INVALID, "topic alias, though we allow none")
    if packet_id is not None and (packet_id == 0 or packet.qos != AT_LEAST_ONCE):
        raise PeerError(PROTOCOL_ERROR, "QoS 2, or packet id 0")
    return Message(
        packet.topic,
        packet.payload,
        0 if packet_id is None else 1,
        packet.retain,
        packet.duplicate,
        packet_id,
        packet.correlation_data,
        packet.response_topic,
        packet.message_expiry_interval,
        packet.user_properties,
    )


def _connect_packet(
    session: Session,
    *,
    username: str | None,
    password: str | None,
    receive_max: int,
    max_packet_bytes: int,
) -> bytes:
    """Return CONNECT for `session`."""
    will = session.will
    return mqtt5.ConnectPacket(
        session.client_id,
        username=username,
        password=None if password is None else password.encode(),
        clean_start=session.clean_start,
        keep_alive=session.keepalive_s,
        session_expiry_interval=session.session_expiry_s,
        receive_max=receive_max,
        max_packet_size=max_packet_bytes,
        will=None
        if will is None
        else mqtt5.Will(
            will.topic,
            payload=will.payload,
            qos=AT_LEAST_ONCE if will.qos else AT_MOST_ONCE,
            retain=will.retain,
            will_delay_interval=will.delay_s,
        ),
    ).write()


def _subscribe_packet(packet_id: int, topic_filters: Sequence[str]) -> bytes:
    """Return SUBSCRIBE at QoS 1.

    The retain flag of what comes then says, as in MQTT 3.1.1, that it waited at the broker.
    """
    filters = [
        mqtt5.TopicFilter(pattern, max_qos=AT_LEAST_ONCE, retain_as_published=False)
        for pattern in topic_filters
    ]
    return mqtt5.SubscribePacket(packet_id, filters).write()


def _publish_packet(
    topic: str,
    payload: bytes,
    packet_id: int | None,
    properties: PublishProperties | None,
    *,
    retain: bool,
) -> bytes:
    """Return PUBLISH, at QoS 1 with a `packet_id` and at QoS 0 without.

    Raises `LocalProtocolError` for what MQTT does not allow.
    """
    if "\0" in topic or len(payload) > LARGEST_PAYLOAD:
        raise LocalProtocolError("topic with a null character, or payload above MQTT's limit")
    qos = AT_MOST_ONCE if packet_id is None else AT_LEAST_ONCE
    try:
        if properties is None:
            return PublishPacket(
                topic, payload, qos=qos, retain=retain, packet_id=packet_id
            ).write()
        return PublishPacket(
            topic,
            payload,
            qos=qos,
            retain=retain,
            packet_id=packet_id,
            response_topic=properties.response_topic,
            correlation_data=properties.correlation_data,
            message_expiry_interval=properties.expiry_s,
            user_properties=list(properties.user_properties),
        ).write()
    except (ValueError, OverflowError, TypeError) as error:
        raise LocalProtocolError(f"{topic[:200]!r}: {error}") from None


def with_duplicate_flag(packet: bytes, *, is_duplicate: bool) -> bytes:
    """Return a PUBLISH with its DUP flag set or cleared."""
    flags = packet[0] | _DUPLICATE if is_duplicate else packet[0] & ~_DUPLICATE
    return bytes((flags,)) + packet[1:]


def puback_packets(packet_ids: Iterable[int]) -> bytes:
    """Return PUBACKs with success, whose reason code is left out (section 3.4.2.1)."""
    return b"".join([b"\x40\x02" + packet_id.to_bytes(2, "big") for packet_id in packet_ids])


def pingreq_packet() -> bytes:
    """Return PINGREQ."""
    return mqtt5.PingReqPacket().write()


def _disconnect_packet(code: int) -> bytes:
    """Return DISCONNECT with reason `code`: one of our own that the codec knows."""
    return DisconnectPacket(reason_code=mqtt5.DisconnectReasonCode(code)).write()


def name_of(reason_code: object) -> str:
    """Return the specification's name of a codec's reason code: its enums have no `name`."""
    return repr(reason_code).partition(".")[2].partition(":")[0].lower().replace("_", " ")


MQTT_5 = PacketForms(
    connect=_connect_packet,
    subscribe=_subscribe_packet,
    publish=_publish_packet,
    disconnect=_disconnect_packet,
    decode=_decode,
)
