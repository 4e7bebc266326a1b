"""Passwords, TLS, client certificates and WebSocket, against a real mosquitto."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
import trustme

from fleet_sim.broker.process import BrokerProcess, free_port
from fleet_wire.links.factory import link_factory
from fleet_wire.links.lean.link import LeanLinkFactory
from fleet_wire.links.link import BrokerAddress, EndReason, Link, LinkFactory, Session
from fleet_wire.links.paho_link import PahoLinkFactory
from tests.helpers.brokers import running_mosquitto
from tests.helpers.recorder import Recorder
from tests.helpers.waiting import eventually

pytestmark = pytest.mark.broker

KINDS = ["lean", "paho-5", "paho-3.1.1"]


def _factory(kind: str, broker: BrokerAddress, tls: ssl.SSLContext | None = None) -> LinkFactory:
    if kind == "lean":
        return LeanLinkFactory(broker, tls=tls)
    protocol: Literal["5", "3.1.1"] = "5" if kind == "paho-5" else "3.1.1"
    return PahoLinkFactory(broker, protocol=protocol, tls=tls)


async def _end_of(make_link: LinkFactory) -> Recorder:
    """Return a client whose attempt to connect has ended one way or the other."""
    client = Recorder(make_link, Session("client", ("topic",)))
    client.link.connect()
    await eventually(lambda: client.link.is_connected or client.ends)
    return client


async def _echoes(link: Link, client: Recorder) -> bool:
    link.publish("topic", b"echo")
    await eventually(lambda: client.messages)
    link.disconnect()
    return client.payloads == [b"echo"]


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[BrokerProcess]:
    """Run a mosquitto that asks for a password."""
    passwords = tmp_path / "passwords"
    subprocess.run(
        ["mosquitto_passwd", "-b", "-c", str(passwords), "probe", "s3cret"],
        check=True,
        capture_output=True,
    )
    config = f"allow_anonymous false\npassword_file {passwords}\n"
    with running_mosquitto(config) as broker:
        yield broker


@pytest.mark.parametrize("kind", KINDS)
async def test_password(kind: str, guarded: BrokerProcess) -> None:
    """The right password connects; a wrong one, or none, is REFUSED with a code."""
    right = BrokerAddress.parse(f"mqtt://probe:s3cret@127.0.0.1:{guarded.port}")
    wrong = BrokerAddress.parse(f"mqtt://probe:guess@127.0.0.1:{guarded.port}")
    client = await _end_of(_factory(kind, right))
    assert await _echoes(client.link, client)
    for address in (wrong, guarded.address):
        refused = await _end_of(_factory(kind, address))
        assert refused.ends[0].why is EndReason.REFUSED
        assert refused.ends[0].code in (134, 135)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Make a private certificate authority."""
    return trustme.CA()


def _tls_config(authority: trustme.CA, directory: Path, port: int) -> str:
    server = authority.issue_cert("127.0.0.1")
    for name, blob in (
        ("ca.pem", authority.cert_pem),
        ("server.pem", server.cert_chain_pems[0]),
        ("server.key", server.private_key_pem),
    ):
        blob.write_to_path(directory / name)
    return (
        f"listener {port} 127.0.0.1\ncafile {directory}/ca.pem\n"
        f"certfile {directory}/server.pem\nkeyfile {directory}/server.key\n"
    )


@pytest.mark.parametrize("kind", KINDS)
async def test_tls(kind: str, authority: trustme.CA, tmp_path: Path) -> None:
    """TLS connects when the authority is trusted; else it is UNREACHABLE and says why."""
    port = free_port()
    broker = BrokerAddress("mqtts", "127.0.0.1", port)
    trusting, strange = (ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) for _ in range(2))
    authority.configure_trust(trusting)
    trustme.CA().configure_trust(strange)
    with running_mosquitto(_tls_config(authority, tmp_path, port), also_port=port):
        client = await _end_of(_factory(kind, broker, trusting))
        assert await _echoes(client.link, client)
        refused = await _end_of(_factory(kind, broker, strange))
        assert refused.ends[0].why is EndReason.UNREACHABLE
        assert "certificate verify failed" in refused.ends[0].detail.lower()


@pytest.mark.parametrize("kind", KINDS)
async def test_client_certificate(kind: str, authority: trustme.CA, tmp_path: Path) -> None:
    """A broker that wants a certificate takes ours, and nobody without."""
    port = free_port()
    broker = BrokerAddress("mqtts", "127.0.0.1", port)
    known, unknown = (ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) for _ in range(2))
    for context in (known, unknown):
        authority.configure_trust(context)
    authority.issue_cert("probe").configure_cert(known)
    config = _tls_config(authority, tmp_path, port) + "require_certificate true\n"
    with running_mosquitto(config, also_port=port):
        client = await _end_of(_factory(kind, broker, known))
        assert await _echoes(client.link, client)
        refused = await _end_of(_factory(kind, broker, unknown))
        assert refused.sessions_present == []
        assert refused.ends[0].why in (EndReason.UNREACHABLE, EndReason.BROKER_CLOSED)


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_websocket(protocol: Literal["5", "3.1.1"]) -> None:
    """MQTT runs over WebSocket."""
    port = free_port()
    config = f"listener {port} 127.0.0.1\nprotocol websockets\n"
    with running_mosquitto(config, also_port=port):
        broker = BrokerAddress("ws", "127.0.0.1", port)
        client = await _end_of(link_factory(broker, protocol=protocol))
        assert await _echoes(client.link, client)


@pytest.mark.parametrize("scheme", ["mqtt", "mqtts"])
async def test_left_connection_frees_its_descriptor_once_the_broker_closes_it(
    scheme: str, authority: trustme.CA, tmp_path: Path
) -> None:
    """A connection that was left behind costs a descriptor until it is taken over, and no more."""
    port = free_port()
    config = _tls_config(authority, tmp_path, port)
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(trusting)
    with running_mosquitto(config, also_port=port) as broker:
        address = BrokerAddress("mqtts", "127.0.0.1", port)
        if scheme == "mqtt":
            address = broker.address
        client = await _end_of(_factory("lean", address, trusting))
        before = _descriptors()
        client.link.freeze()
        client.link.leave_behind()
        client.link.thaw()
        assert _descriptors() == before
        client.link.connect()
        await eventually(lambda: client.link.is_connected)
        await eventually(lambda: _descriptors() == before)
        assert client.ends == []
        assert await _echoes(client.link, client)


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
