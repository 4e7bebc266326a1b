"""The shipped mosquitto.conf, in a real mosquitto."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from fleet_wire.contract.codec import MAX_PAYLOAD_BYTES
from tests.helpers.brokers import running_mosquitto
from tests.helpers.shipped import mosquitto_config

pytestmark = pytest.mark.broker

MAX_PACKET_SIZE = 0x27
PACKET_TOO_LARGE = 0x95

# CONNECT of MQTT 5: clean start, keepalive 60 s, client id "x". Then a PUBLISH header that
# announces 10 MB.
CONNECT = bytes.fromhex("100e 00044d515454 05 02 003c 00 0001 78".replace(" ", ""))
HUGE_PUBLISH = bytes.fromhex("30 80ade204 0001 74 00".replace(" ", ""))


def test_broker_takes_the_file_and_refuses_huge_packets(tmp_path: Path) -> None:
    """It starts, tells clients its packet limit, and closes on a packet of 10 MB."""
    with (
        running_mosquitto(mosquitto_config(tmp_path)) as broker,
        socket.create_connection(("127.0.0.1", broker.port), timeout=10) as client,
    ):
        client.sendall(CONNECT)
        connack = client.recv(1024)
        assert connack[0] == 0x20
        assert connack[3] == 0, "reason code"
        at = connack.index(MAX_PACKET_SIZE, 5)
        limit = int.from_bytes(connack[at + 1 : at + 5], "big")
        assert limit > MAX_PAYLOAD_BYTES
        client.sendall(HUGE_PUBLISH)
        goodbye = client.recv(1024)
        assert goodbye[:1] == b"\xe0"
        assert goodbye[2] == PACKET_TOO_LARGE
    assert "Warning" not in broker.log_text().replace("Mosquitto should not be run as root", "")


def test_broker_keeps_sessions_over_a_restart(tmp_path: Path) -> None:
    """The persistence file appears where the configuration says."""
    with running_mosquitto(mosquitto_config(tmp_path)) as broker:
        broker.stop()
    assert (tmp_path / "mosquitto.db").stat().st_size > 0
