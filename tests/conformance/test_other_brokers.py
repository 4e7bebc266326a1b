"""RabbitMQ and ejabberd: passwords, TLS, client certificates, WebSocket, and a fleet at work."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
import trustme

from fleet_wire.contract.causes import Cause
from fleet_wire.links.factory import link_factory
from fleet_wire.links.lean.link import LeanLinkFactory
from fleet_wire.links.link import BrokerAddress, EndReason, LinkFactory, Session
from fleet_wire.links.paho_link import PahoLinkFactory
from tests.helpers.commands import lines, run, summary, write_scenario
from tests.helpers.hand_made_boxes import HandMadeBox, links_to, say_nothing
from tests.helpers.harness import BROKER_DIFFERENCES, LINK_DIFFERENCES, Difference, LinkKind
from tests.helpers.leaks import open_sockets
from tests.helpers.other_brokers import (
    AUTHORITY,
    OTHER_BROKERS,
    PASSWORD,
    USER,
    OtherBroker,
    SharedBrokers,
)
from tests.helpers.recorder import Recorder
from tests.helpers.running_probe import running_probe
from tests.helpers.waiting import eventually

pytestmark = pytest.mark.other_brokers

SILENT = "north-0"
NOT_AUTHORIZED = (134, 135)
"""Bad user name or password; not authorized (MQTT 5, section 3.2.2.2)."""


@pytest.fixture(params=OTHER_BROKERS)
def broker(request: pytest.FixtureRequest, other_brokers: SharedBrokers) -> OtherBroker:
    """Give each broker in turn."""
    return other_brokers[request.param]


@pytest.fixture(autouse=True)
async def _closed_connections(broker: OtherBroker) -> AsyncIterator[None]:  # noqa: ARG001 - started before
    """Wait until the connections that a test has ended are closed: TLS says goodbye before."""
    before = open_sockets()
    yield
    await eventually(lambda: open_sockets() <= before)


def _trusting(authority: trustme.CA, name: str | None = None) -> ssl.SSLContext:
    """Return the TLS context of a client that trusts an authority, with a certificate or none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    if name is not None:
        authority.issue_cert(name, common_name=name).configure_cert(context)
    return context


def _links(kind: LinkKind, broker: BrokerAddress, tls: ssl.SSLContext | None = None) -> LinkFactory:
    if kind == "lean":
        return LeanLinkFactory(broker, tls=tls)
    protocol: Literal["5", "3.1.1"] = "5" if kind == "paho-5" else "3.1.1"
    return PahoLinkFactory(broker, protocol=protocol, tls=tls)


async def _end_of(links: LinkFactory) -> Recorder:
    """Return a client whose attempt to connect has ended one way or the other.

    Its id is the user's name: with a certificate and without a user ejabberd compares these.
    """
    client = Recorder(links, Session(USER, ("topic",)))
    client.link.connect()
    await eventually(lambda: client.link.is_connected or client.ends)
    return client


async def _check_echo(links: LinkFactory) -> None:
    client = await _end_of(links)
    assert client.link.is_connected, client.ends
    client.link.publish("topic", b"echo")
    await eventually(lambda: client.messages)
    client.link.disconnect()
    assert client.payloads == [b"echo"]


async def _check_refused(links: LinkFactory) -> None:
    client = await _end_of(links)
    assert client.ends[0].why is EndReason.REFUSED
    assert client.ends[0].code in NOT_AUTHORIZED


@pytest.mark.parametrize("kind", LINK_DIFFERENCES)
async def test_password(kind: LinkKind, broker: OtherBroker) -> None:
    """The right password connects; a wrong one, or none, is REFUSED with a code."""
    await _check_echo(_links(kind, broker.address))
    wrong = replace(broker.address, password="guess")  # noqa: S106
    nobody = replace(broker.address, username=None, password=None)
    await asyncio.gather(*(_check_refused(_links(kind, address)) for address in (wrong, nobody)))


@pytest.mark.parametrize("kind", LINK_DIFFERENCES)
async def test_tls(kind: LinkKind, broker: OtherBroker) -> None:
    """TLS connects when the authority is trusted; else it is UNREACHABLE and says why."""
    address = broker.at("mqtts")
    await _check_echo(_links(kind, address, _trusting(AUTHORITY)))
    refused = await _end_of(_links(kind, address, _trusting(trustme.CA())))
    assert refused.ends[0].why is EndReason.UNREACHABLE
    assert "certificate verify failed" in refused.ends[0].detail.lower()


@pytest.mark.parametrize("kind", LINK_DIFFERENCES)
async def test_client_certificate(kind: LinkKind, broker: OtherBroker) -> None:
    """A certificate with the user's name takes the place of a password; another's does not."""
    address = replace(broker.at("mqtts"), username=None, password=None)
    await _check_echo(_links(kind, address, _trusting(AUTHORITY, USER)))
    others = (_trusting(AUTHORITY, "somebody"), _trusting(AUTHORITY))
    await asyncio.gather(*(_check_refused(_links(kind, address, tls)) for tls in others))


@pytest.mark.parametrize("scheme", ["ws", "wss"])
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_websocket(protocol: Literal["5", "3.1.1"], scheme: str, broker: OtherBroker) -> None:
    """MQTT runs over WebSocket, with and without TLS."""
    tls = _trusting(AUTHORITY) if scheme == "wss" else None
    await _check_echo(link_factory(broker.at(scheme), protocol=protocol, tls=tls))


def test_a_fleet_opens(broker: OtherBroker, tmp_path: Path) -> None:
    """Boxes and probe in their own processes: 80 unlocks of 30 cars, each heard to its end."""
    out = tmp_path / "run"
    address = broker.address
    code, stdout, stderr = run(
        *("fleet_sim", "run", write_scenario(tmp_path), "--out", out, "--listen", "127.0.0.1:0"),
        *("--broker", f"mqtt://{address.username}:{address.password}@127.0.0.1:{address.port}"),
    )
    assert code == 0, stdout + stderr
    result = summary(out)
    assert result["attempts"]["by_outcome"] == {"ok": 80, "refused": 0, "failed": 0, "unknown": 0}
    assert result["boxes"] == {"configured": 30, "connected_max": 30}
    stages = {"published", "broker_accepted", "box_received", "box_executed", "result_received"}
    assert all(stages <= attempt["stages"].keys() for attempt in lines(out / "attempts.jsonl"))


async def test_a_monitor_that_comes_later(broker: OtherBroker, tmp_path: Path) -> None:
    """Of a box that says no more it knows what the broker retains, if that comes by a wildcard."""
    load = {
        "stages": [{"kind": "constant", "rate_per_s": 1, "duration_s": 1}],
        "vehicles": [SILENT],
        "deadline_s": 1.0,
        "relock": False,
    }
    async with links_to(broker.address) as links:
        box = HandMadeBox(links, SILENT, say_nothing)
        await eventually(lambda: box.link.is_connected)
        async with running_probe(
            tmp_path, broker.address, broker_password=PASSWORD, load=load
        ) as probe:
            await eventually(probe.attempts)
    (attempt,) = probe.attempts()
    forgets = Difference.NO_RETAINED_BY_WILDCARD in BROKER_DIFFERENCES[broker.kind]
    assert attempt.cause is (Cause.NO_SUBSCRIBER if forgets else Cause.BOX_SILENT)
    assert len(box.commands) == 1
