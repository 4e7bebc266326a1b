"""TLS handshakes of uvloop, and nothing else: the floor of what a link with TLS takes."""

from __future__ import annotations

import asyncio

import uvloop

from bench.fleets.common import FleetArguments, Reporter, connect_all, stop_event
from fleet_wire.links.connecting import Dialer
from fleet_wire.links.tls import tls_context


def run(arguments: FleetArguments) -> None:
    """Keep the connections until SIGTERM."""
    uvloop.run(_run(arguments))


async def _run(arguments: FleetArguments) -> None:
    stop, loop, host = stop_event(), asyncio.get_running_loop(), arguments.host
    tls = tls_context(ca_file=arguments.ca_file)
    dialer = Dialer(host, arguments.port)
    kept: list[object] = []

    async def shake_hands(_index: int) -> None:
        kept.append(
            await loop.create_connection(
                asyncio.Protocol, sock=await dialer.dial(), ssl=tls, server_hostname=host
            )
        )

    reporter = Reporter()
    await connect_all(arguments.count, shake_hands)
    reporter.all_connected(arguments.count)
    await stop.wait()
    reporter.stopped()
