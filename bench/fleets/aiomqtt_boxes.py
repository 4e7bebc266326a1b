"""An aiomqtt client and a task per box on uvloop, with TCP_NODELAY."""

from __future__ import annotations

import asyncio
import socket

import aiomqtt
import uvloop

from bench.fleets.common import (
    EXECUTED,
    KEEPALIVE_S,
    FleetOptions,
    Reporter,
    connect_all,
    source_address,
    stop_event,
    vehicle_id,
)

_TIMEOUT_S = 60.0


def run(options: FleetOptions) -> None:
    """Run the fleet until SIGTERM."""
    uvloop.run(_run(options))


async def _run(options: FleetOptions) -> None:
    stop = stop_event()
    reporter = Reporter()
    tasks: set[asyncio.Task[None]] = set()

    async def box(index: int, subscribed: asyncio.Event) -> None:
        vehicle = vehicle_id(index)
        client = aiomqtt.Client(
            options.host,
            options.port,
            identifier=vehicle,
            protocol=aiomqtt.ProtocolVersion.V5,
            timeout=_TIMEOUT_S,
            keepalive=KEEPALIVE_S,
            bind_address=source_address(index),
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )
        async with client:
            await client.subscribe(f"cars/{vehicle}/command", qos=1)
            subscribed.set()
            async for _ in client.messages:
                await client.publish(f"cars/{vehicle}/result", EXECUTED, qos=1)
                reporter.answered += 1

    async def connect(index: int) -> None:
        subscribed = asyncio.Event()
        tasks.add(asyncio.create_task(box(index, subscribed)))
        await subscribed.wait()

    await connect_all(options.count, connect)
    reporter.all_connected(len(tasks))
    await stop.wait()
    reporter.stopped()
