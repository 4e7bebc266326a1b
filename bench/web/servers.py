"""What the API is measured beside: its unlock endpoint as a bare handler of the same web stack.

It takes the same requests, and answers with the same fields.

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
_ID = "0123456789abcdef0123456789abcdef"
_HEADERS = {"Content-Type": "application/json", "Location": f"/commands/{_ID}"}
_ANSWER = {
    "command_id": _ID,
    "vehicle_id": "bench-00000",
    "action": "unlock",
    "state": "published",
    "is_final": False,
    "issued_at": 1.7e9 + 0.123,
    "expires_at": 1.7e9 + 30.123,
    "trace_id": _ID,
}
"""What the API says of a command, but for the booking."""


async def unlock(request: web.BaseRequest) -> web.Response:
    """See who asks, read the JSON, write some, and say where the status would be."""
    if token_of(request.headers) is None:
        return web.Response(status=401)
    booking_id = _DECODER.decode(await request.read()).booking_id
    body = msgspec.json.encode({**_ANSWER, "booking_id": booking_id})
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
