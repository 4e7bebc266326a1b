"""Sessions of the broker model."""

from __future__ import annotations

from fleet_sim.broker.model.packets import Publication
from fleet_sim.broker.model.session import LAST_PACKET_ID, BrokerSession


def test_packet_ids_pass_over_those_in_flight() -> None:
    """Packet ids go round without 0, and no id is used twice at a time."""
    session = BrokerSession("client")
    message = Publication("topic", b"", 1, False)  # noqa: FBT003
    session.in_flight = {1: (message, None), 2: (message, None)}  # type: ignore[dict-item]
    session.last_packet_id = LAST_PACKET_ID
    assert session.next_packet_id() == 3
    session.last_packet_id = 0
    del session.in_flight[2]
    assert session.next_packet_id() == 2
