"""What the API is measured beside: its unlock endpoint as a bare handler of the same web stack.

`python -m bench.web.servers` prints its URL and serves until SIGTERM.
"""

from __future__ import annotations

import asyncio
import signal

import msgspec
import uvloop
from aiohttp import web

from fleet_sim.api.bodies import UsedBooking
from fleet_sim.api.reading import token_of

_DECODER = msgspec.json.Decoder(UsedBooking)
_HEADERS = {"Content-Type": "application/json", "Location": "/commands/0123456789abcdef"}


async def unlock(request: web.BaseRequest) -> web.Response:
    """See who asks, read the JSON, write some, and say where the status would be."""
    if token_of(request.headers) is None:
        return web.Response(status=401)
    booking_id = _DECODER.decode(await request.read()).booking_id
    body = msgspec.json.encode({"command_id": "0123456789abcdef", "booking_id": booking_id})
    return web.Response(body=body, status=202, headers=_HEADERS)


async def _serve() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    runner = web.ServerRunner(web.Server(unlock, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"serving http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await stop.wait()
    await runner.cleanup()


if __name__ == "__main__":
    uvloop.run(_serve())
