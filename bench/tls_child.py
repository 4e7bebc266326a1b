"""Connections with TLS in a process of their own: `python -m bench.tls_child KIND PORT CA COUNT`.

`bare` makes handshakes with uvloop and nothing else; `link` connects and subscribes lean links.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import ssl
from pathlib import Path

import uvloop

from bench.fleets.common import Reporter, connect_all, stop_event, vehicle_id_of
from fleet_sim.broker.process import HOST
from fleet_sim.cars.disturbance import BOX_LINK_LIMITS
from fleet_wire.links.connecting import Dialer
from fleet_wire.links.factory import tls_context
from fleet_wire.links.lean.link import LeanLinkFactory
from fleet_wire.links.link import BrokerAddress, Disconnected, Link, LinkFactory, Message, Session


class _Client:
    """Connects and subscribes. Implements `fleet_wire.links.link.LinkHandler`."""

    __slots__ = ("_connected", "_index", "link")

    def __init__(
        self, index: int, link_factory: LinkFactory, connected: asyncio.Future[None]
    ) -> None:
        self._index = index
        self._connected: asyncio.Future[None] | None = connected
        self.link: Link = link_factory(self)

    def session(self) -> Session:
        vehicle_id = vehicle_id_of(self._index)
        return Session(client_id=vehicle_id, subscriptions=(f"cars/{vehicle_id}/command",))

    def on_connected(self, *, session_present: bool) -> None:  # noqa: ARG002 - LinkHandler's form
        if self._connected is not None:
            self._connected.set_result(None)
            self._connected = None

    def on_message(self, message: Message) -> None:
        self.link.acknowledge(message)

    def on_disconnected(self, reason: Disconnected) -> None:
        raise ConnectionError(f"the broker has gone: {reason}")


async def _run(kind: str, port: int, tls: ssl.SSLContext, count: int) -> None:
    stop, loop = stop_event(), asyncio.get_running_loop()
    dialer = Dialer(HOST, port)
    broker = BrokerAddress(scheme="mqtts", host=HOST, port=port)
    links = LeanLinkFactory(broker, loop=loop, tls=tls, limits=BOX_LINK_LIMITS)
    kept: list[object] = []

    async def shake_hands(_index: int) -> None:
        kept.append(
            await loop.create_connection(
                asyncio.Protocol, sock=await dialer.dial(), ssl=tls, server_hostname=HOST
            )
        )

    async def connect_link(index: int) -> None:
        connected: asyncio.Future[None] = loop.create_future()
        client = _Client(index, links, connected)
        kept.append(client)
        client.link.connect()
        await connected

    reporter = Reporter()
    await connect_all(count, shake_hands if kind == "bare" else connect_link)
    reporter.all_connected(count)
    await stop.wait()
    reporter.stopped()


def main() -> None:
    """Connect, print the line of a fleet, and wait for SIGTERM."""
    parser = argparse.ArgumentParser(prog="bench.tls_child")
    parser.add_argument("kind", choices=("bare", "link"))
    parser.add_argument("port", type=int)
    parser.add_argument("ca", type=Path)
    parser.add_argument("count", type=int)
    arguments = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    tls = tls_context(ca_file=arguments.ca)
    uvloop.run(_run(arguments.kind, arguments.port, tls, arguments.count))


if __name__ == "__main__":
    main()
