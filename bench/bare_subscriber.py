"""A subscriber that does nothing but acknowledge: what it costs that anybody listens at all.

`python -m bench.bare_subscriber HOST PORT` hears what a monitor hears, and prints a line when it
is subscribed.
"""

from __future__ import annotations

import socket
import sys

from fleet_wire.links.lean.packets import (
    LARGEST_PACKET,
    MQTT_5,
    packet_size,
    puback_packets,
)
from fleet_wire.links.link import Session
from platform_probe.measure.connection import LINK_LIMITS
from platform_probe.measure.watching.inbox import subscriptions

_READ_BYTES = 65_536
_PUBLISH, _AT_LEAST_ONCE = 0x30, 0x02
_KIND, _CONTINUES = 0xF0, 0x80


def pubacks_of(data: memoryview) -> tuple[bytes, int]:
    """Return the PUBACKs for the whole packets in `data`, and where the last of these ends."""
    packet_ids, position = [], 0
    while size := packet_size(data[position : position + 5], LARGEST_PACKET):
        if position + size > len(data):
            break
        if data[position] & (_KIND | _AT_LEAST_ONCE) == _PUBLISH | _AT_LEAST_ONCE:
            packet_ids.append(_packet_id(data[position : position + size]))
        position += size
    return puback_packets(packet_ids), position


def _packet_id(publish: memoryview) -> int:
    """Return what stands behind the topic (MQTT 5, section 3.3.2)."""
    at = 2
    while publish[at - 1] >= _CONTINUES:
        at += 1
    at += 2 + int.from_bytes(publish[at : at + 2], "big")
    return int.from_bytes(publish[at : at + 2], "big")


def main() -> None:
    """Subscribe to all that a monitor hears, and acknowledge it, until killed."""
    host, port = sys.argv[1:]
    session = Session("bare-subscriber", clean_start=True, keepalive_s=0)
    with socket.create_connection((host, int(port))) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connect = MQTT_5.connect(
            session,
            username=None,
            password=None,
            receive_max=LINK_LIMITS.receive_max,
            max_packet_bytes=LINK_LIMITS.max_packet_bytes,
        )
        connection.sendall(connect + MQTT_5.subscribe(1, subscriptions(watch=True)))
        incoming = connection.recv(_READ_BYTES)
        print("subscribed", flush=True)
        while True:
            pubacks, end = pubacks_of(memoryview(incoming))
            incoming = incoming[end:]
            if pubacks:
                connection.sendall(pubacks)
            data = connection.recv(_READ_BYTES)
            if not data:
                break
            incoming += data


if __name__ == "__main__":
    main()
