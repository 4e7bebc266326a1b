"""Passwords, TLS, client certificates and WebSocket, against mosquitto, RabbitMQ and ejabberd."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import pytest
import trustme

from fleet_sim.broker.process import HOST
from fleet_wire.links.lean.link import LeanLinkFactory
from fleet_wire.links.link import BrokerAddress, EndReason, LinkFactory, Session
from fleet_wire.profiles.profile import MqttVersion
from tests.helpers.brokers import running_mosquitto, write_passwords
from tests.helpers.harness import LINK_DIFFERENCES, LinkKind, links_of
from tests.helpers.leaks import open_sockets
from tests.helpers.other_brokers import (
    AUTHORITY,
    OTHER_BROKERS,
    PASSWORD,
    USER,
    OtherBroker,
    SharedBrokers,
    new_ports,
    write_certificates,
)
from tests.helpers.recorder import Recorder
from tests.helpers.waiting import eventually

NOT_AUTHORIZED = (134, 135)
"""Bad user name or password; not authorized (MQTT 5, section 3.2.2.2)."""
each_kind = pytest.mark.parametrize("kind", LINK_DIFFERENCES)
each_version = pytest.mark.parametrize("protocol", get_args(MqttVersion))


@dataclass
class Mosquitto:
    """A mosquitto with a listener for each scheme."""

    kind: str
    ports: dict[str, int]

    def at(self, scheme: str) -> BrokerAddress:
        """Return the address of a listener, with user and password."""
        address = BrokerAddress(scheme, HOST, self.ports[scheme])
        return replace(address, username=USER, password=PASSWORD)


def tls_files(directory: Path) -> str:
    """Return the options of a listener that has the broker's certificate."""
    own = directory / "broker.pem"
    return f"cafile {directory / 'ca.pem'}\ncertfile {own}\nkeyfile {own}\n"


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """Run one that asks for a password."""
    write_certificates(tmp_path)
    ports, tls = new_ports(), tls_files(tmp_path)
    config = write_passwords(tmp_path / "passwords", {USER: PASSWORD})
    for scheme, options in (
        ("mqtts", tls),
        ("ws", "protocol websockets\n"),
        ("wss", f"protocol websockets\n{tls}"),
    ):
        config += f"listener {ports[scheme]} {HOST}\n{options}"
    with running_mosquitto(config, also_port=ports["wss"]) as broker:
        yield Mosquitto("mosquitto", {**ports, "mqtt": broker.port})


@pytest.fixture(
    params=[
        pytest.param("mosquitto", marks=pytest.mark.broker),
        *(pytest.param(name, marks=pytest.mark.other_brokers) for name in OTHER_BROKERS),
    ]
)
async def broker(request: pytest.FixtureRequest) -> AsyncIterator[Mosquitto | OtherBroker]:
    """Give each broker in turn; wait until what a test has ended is closed: TLS says goodbye."""
    found: Mosquitto | OtherBroker
    if request.param == "mosquitto":
        found = request.getfixturevalue("mosquitto")
    else:
        others: SharedBrokers = request.getfixturevalue("other_brokers")
        found = others[request.param]
    before = open_sockets()
    yield found
    await eventually(lambda: open_sockets() <= before)


def trusting(authority: trustme.CA = AUTHORITY, name: str | None = None) -> ssl.SSLContext:
    """Return the TLS context of a client that trusts an authority, with a certificate or none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    if name is not None:
        authority.issue_cert(name, common_name=name).configure_cert(context)
    return context


async def end_of(links: LinkFactory) -> Recorder:
    """Return a client whose attempt to connect has ended one way or the other.

    Its id is the user's name: with a certificate and without a user ejabberd compares these.
    """
    client = Recorder(links, Session(USER, ("topic",)))
    client.link.connect()
    await eventually(lambda: client.link.is_connected or client.ends)
    return client


async def check_echo(client: Recorder) -> None:
    """Check that a client hears itself."""
    assert client.link.is_connected, client.ends
    client.link.publish("topic", b"echo")
    await eventually(lambda: client.messages)
    client.link.disconnect()
    assert client.payloads == [b"echo"]


async def check_refused(links: LinkFactory) -> None:
    """Check that a broker says no, with a code."""
    client = await end_of(links)
    assert client.ends[0].why is EndReason.REFUSED
    assert client.ends[0].code in NOT_AUTHORIZED


@each_kind
async def test_password(kind: LinkKind, broker: Mosquitto | OtherBroker) -> None:
    """The right password connects; a wrong one, or none, is REFUSED with a code."""
    address = broker.at("mqtt")
    await check_echo(await end_of(links_of(kind, address)))
    wrong = replace(address, password="guess")  # noqa: S106
    nobody = replace(address, username=None, password=None)
    await asyncio.gather(*(check_refused(links_of(kind, each)) for each in (wrong, nobody)))


@each_kind
async def test_tls(kind: LinkKind, broker: Mosquitto | OtherBroker) -> None:
    """TLS connects when the authority is trusted; else it is UNREACHABLE and says why."""
    address = broker.at("mqtts")
    await check_echo(await end_of(links_of(kind, address, tls=trusting())))
    refused = await end_of(links_of(kind, address, tls=trusting(trustme.CA())))
    assert refused.ends[0].why is EndReason.UNREACHABLE
    assert "certificate verify failed" in refused.ends[0].detail.lower()


@each_version
@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_websocket(
    protocol: MqttVersion, scheme: str, broker: Mosquitto | OtherBroker
) -> None:
    """MQTT runs over WebSocket, with and without TLS."""
    tls = trusting() if scheme == "wss" else None
    links = LeanLinkFactory(broker.at(scheme), protocol=protocol, tls=tls)
    await check_echo(await end_of(links))


@pytest.mark.other_brokers
@pytest.mark.parametrize("name", OTHER_BROKERS)
@each_kind
async def test_a_certificate_takes_the_place_of_a_password(
    kind: LinkKind, name: str, other_brokers: SharedBrokers
) -> None:
    """One with the user's name does; another's does not."""
    address = replace(other_brokers[name].at("mqtts"), username=None, password=None)
    await check_echo(await end_of(links_of(kind, address, tls=trusting(name=USER))))
    others = (trusting(name="somebody"), trusting())
    await asyncio.gather(*(check_refused(links_of(kind, address, tls=each)) for each in others))


@pytest.mark.broker
@each_kind
async def test_a_broker_that_wants_certificates_takes_nobody_without(
    kind: LinkKind, tmp_path: Path
) -> None:
    """Whoever has one of its authority is let in."""
    write_certificates(tmp_path)
    port = new_ports()["mqtts"]
    address = BrokerAddress("mqtts", HOST, port)
    config = f"listener {port} {HOST}\n{tls_files(tmp_path)}require_certificate true\n"
    with running_mosquitto(config, also_port=port):
        await check_echo(await end_of(links_of(kind, address, tls=trusting(name="probe"))))
        refused = await end_of(links_of(kind, address, tls=trusting()))
    assert refused.sessions_present == []
    assert refused.ends[0].why in (EndReason.UNREACHABLE, EndReason.BROKER_CLOSED)


@pytest.mark.broker
@pytest.mark.parametrize("scheme", ["mqtt", "mqtts"])
async def test_left_connection_frees_its_descriptor_once_the_broker_closes_it(
    scheme: str, mosquitto: Mosquitto
) -> None:
    """A connection that was left behind costs a descriptor until it is taken over, and no more."""
    client = await end_of(links_of("lean", mosquitto.at(scheme), tls=trusting()))
    before = open_sockets()
    client.link.freeze()
    client.link.leave_behind()
    client.link.thaw()
    assert open_sockets() == before
    client.link.connect()
    await eventually(lambda: client.link.is_connected)
    await eventually(lambda: open_sockets() == before)
    assert client.ends == []
    await check_echo(client)
    await eventually(lambda: open_sockets() < before)
