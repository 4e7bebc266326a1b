"""Bare servers of several web stacks: `python -m bench.web.servers KIND` prints its port, serves."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import uvloop

BIG_BYTES = 50_000_000
SLOW_S = 1.0
UNLOCK = "/v1/vehicles/{vehicle_id}/unlock"


class UnlockBody(msgspec.Struct):
    """What a phone sends."""

    booking_id: str


_DECODER = msgspec.json.Decoder(UnlockBody)
LOCATION = {"Location": "/v1/commands/0123456789abcdef"}


def answer(body: bytes) -> bytes:
    """Do what the bare handler does: read the JSON, write some."""
    booking_id = _DECODER.decode(body).booking_id
    return msgspec.json.encode({"command_id": "0123456789abcdef", "booking_id": booking_id})


async def aiohttp_bare() -> tuple[int, Callable[[], Awaitable[None]]]:
    """aiohttp's low-level server, as /metrics uses it."""
    from aiohttp import web  # noqa: PLC0415 - each process loads its own stack alone

    async def handle(request: web.BaseRequest) -> web.Response:
        if request.path == "/big":
            return web.Response(body=b"x" * BIG_BYTES)
        if request.path == "/slow":
            await asyncio.sleep(SLOW_S)
            return web.Response(text="done")
        return web.Response(
            body=answer(await request.read()), status=202, headers=LOCATION,
            content_type="application/json",
        )  # fmt: skip

    runner = web.ServerRunner(web.Server(handle, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner.addresses[0][1], runner.cleanup


async def aiohttp_routed() -> tuple[int, Callable[[], Awaitable[None]]]:
    """aiohttp's application with its router."""
    from aiohttp import web  # noqa: PLC0415

    async def unlock(request: web.Request) -> web.Response:
        return web.Response(
            body=answer(await request.read()), status=202, headers=LOCATION,
            content_type="application/json",
        )  # fmt: skip

    async def big(_: web.Request) -> web.Response:
        return web.Response(body=b"x" * BIG_BYTES)

    async def slow(_: web.Request) -> web.Response:
        await asyncio.sleep(SLOW_S)
        return web.Response(text="done")

    app = web.Application()
    app.add_routes([web.post(UNLOCK, unlock), web.get("/big", big), web.get("/slow", slow)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner.addresses[0][1], runner.cleanup


async def _uvicorn(app: Any) -> tuple[int, Callable[[], Awaitable[None]]]:
    import uvicorn  # noqa: PLC0415

    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, access_log=False, log_level="warning", lifespan="off",
        http="httptools", server_header=False,
    )  # fmt: skip
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    beat = asyncio.ensure_future(server.main_loop())

    async def stop() -> None:
        server.should_exit = True
        await beat
        await server.shutdown()

    return server.servers[0].sockets[0].getsockname()[1], stop


async def uvicorn_bare() -> tuple[int, Callable[[], Awaitable[None]]]:
    """uvicorn with httptools, and nothing on it."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        kind, location, status = b"application/json", b"", 202
        if scope["path"] == "/big":
            body = b"x" * BIG_BYTES
        elif scope["path"] == "/slow":
            await asyncio.sleep(SLOW_S)
            body = b"done"
        else:
            message = await receive()
            got = message["body"]
            while message["more_body"]:
                message = await receive()
                got += message["body"]
            body, location = answer(got), LOCATION["Location"].encode()
        headers = [
            (b"content-type", kind), (b"content-length", b"%d" % len(body)), (b"location", location)
        ]  # fmt: skip
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return await _uvicorn(app)


async def starlette_routed() -> tuple[int, Callable[[], Awaitable[None]]]:
    """Starlette with its router on uvicorn."""
    from starlette.applications import Starlette  # noqa: PLC0415
    from starlette.requests import Request  # noqa: PLC0415
    from starlette.responses import Response  # noqa: PLC0415
    from starlette.routing import Route  # noqa: PLC0415

    async def unlock(request: Request) -> Response:
        return Response(
            answer(await request.body()), status_code=202, headers=LOCATION,
            media_type="application/json",
        )  # fmt: skip

    async def big(_: Request) -> Response:
        return Response(b"x" * BIG_BYTES)

    async def slow(_: Request) -> Response:
        await asyncio.sleep(SLOW_S)
        return Response("done")

    return await _uvicorn(
        Starlette(
            routes=[
                Route(UNLOCK, unlock, methods=["POST"]),
                Route("/big", big),
                Route("/slow", slow),
            ]
        )
    )


KINDS = {
    "aiohttp": aiohttp_bare,
    "aiohttp-routed": aiohttp_routed,
    "uvicorn": uvicorn_bare,
    "starlette": starlette_routed,
}


async def serve(kind: str) -> None:
    """Serve until SIGTERM, then stop as the stack does."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    port, end = await KINDS[kind]()
    print(port, flush=True)
    await stop.wait()
    await end()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1]))
