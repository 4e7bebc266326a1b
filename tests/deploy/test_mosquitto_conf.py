"""The shipped mosquitto.conf, in a real mosquitto."""

from __future__ import annotations

import re
import socket
import subprocess
from pathlib import Path

import pytest

from fleet_wire.contract.codec import MAX_PAYLOAD_BYTES
from tests.helpers.brokers import running_mosquitto
from tests.helpers.pages import page
from tests.helpers.places import ROOT
from tests.helpers.shipped import mosquitto_config

pytestmark = pytest.mark.broker

MAX_PACKET_SIZE = 0x27
PACKET_TOO_LARGE = 0x95

# CONNECT of MQTT 5: clean start, keepalive 60 s, client id "x". Then a PUBLISH header that
# announces 10 MB.
CONNECT = bytes.fromhex("100e 00044d515454 05 02 003c 00 0001 78".replace(" ", ""))
HUGE_PUBLISH = bytes.fromhex("30 80ade204 0001 74 00".replace(" ", ""))

DEBIANS_FILE = """\
persistence true
persistence_location /var/lib/mosquitto/

log_dest file /var/log/mosquitto/mosquitto.log

include_dir /etc/mosquitto/conf.d
"""
"""/etc/mosquitto/mosquitto.conf of Debian 13 (mosquitto 2.0.21) without its comments."""


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


def test_broker_says_why_connections_end(tmp_path: Path) -> None:
    """What the runbook sends its reader to look for is in the log."""
    with running_mosquitto(mosquitto_config(tmp_path)) as broker:
        for _ in range(2):
            with socket.create_connection(("127.0.0.1", broker.port), timeout=10) as first:
                first.sendall(CONNECT)
                assert first.recv(1024)[0] == 0x20
                with socket.create_connection(("127.0.0.1", broker.port), timeout=10) as twin:
                    twin.sendall(CONNECT)
                    assert twin.recv(1024)[0] == 0x20
        broker.stop()
        log = broker.log_text()
    assert "already connected, closing old connection" in log
    assert "closed its connection" in log


def test_broker_takes_what_the_guide_makes_beside_debians_own_file(tmp_path: Path) -> None:
    """Debian's main file includes the result of the guide's line: each place is set only once."""
    (command,) = (line for line in page("stack.md").splitlines() if line.startswith("sed -E"))
    made = subprocess.run(
        ["bash", "-c", command.partition(" | ")[0]],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    included = tmp_path / "conf.d"
    included.mkdir()
    listener = re.escape("listener 1883")
    made, listeners = re.subn(rf"^{listener}$", "", made, flags=re.MULTILINE)
    assert listeners == 1
    (included / "unlockpath.conf").write_text(made)
    main = DEBIANS_FILE.replace("/etc/mosquitto/conf.d", str(included))
    main = main.replace("/var/lib/mosquitto/", f"{tmp_path}/")
    main = main.replace("/var/log/mosquitto/", f"{tmp_path}/")
    with running_mosquitto(main) as broker:
        broker.stop()
    assert (tmp_path / "mosquitto.db").stat().st_size > 0
