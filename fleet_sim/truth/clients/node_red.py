"""A Node-RED flow with a button and a text for each car, pressed and read over HTTP nodes.

The variable `NODE_RED` names the program to start (default: `node-red` in PATH). The flow is
`node_red.json` beside this file: it sends the command, and shows what the car answers.
"""

from __future__ import annotations

import asyncio
import sys
import time
from importlib.resources import files
from pathlib import Path
from typing import Final

import msgspec

from fleet_sim.broker.process import free_port
from fleet_sim.truth.client import Ask
from fleet_sim.truth.clients.presses import (
    ShownStates,
    body_of,
    own_directory,
    plain_broker,
    require_profile,
    serve_polled,
    show,
    start_program,
)
from fleet_sim.truth.grading import Screen
from fleet_wire.web.client import HttpClient
from fleet_wire.web.exchange import JSON

PROFILE: Final = "saic"
POLL_S: Final = 0.25
STARTS_S: Final = 120.0
_HEADERS: Final = {"Content-Type": JSON}


class NodeRed:
    """A Node-RED with the flow at a URL. Make it where the event loop runs."""

    def __init__(self, url: str) -> None:
        self._http = HttpClient(url)
        self._states = ShownStates()

    async def handle(self, ask: Ask) -> None:
        """Press a button of the flow."""
        if ask.do == "look":
            return
        body = msgspec.json.encode({"vehicle_id": ask.vehicle_id, "press": ask.do})
        path = "/press"
        if await body_of(self._http, "POST", path, headers=_HEADERS, body=body) is None:
            show(Screen.FAILED, request=ask.request)

    async def wait_until_ready(self) -> None:
        """Wait for the flow. Exits where it does not start."""
        ends_s = time.monotonic() + STARTS_S
        while not await self.show_changes():
            if time.monotonic() > ends_s:
                sys.exit("Node-RED does not serve the flow")
            await asyncio.sleep(POLL_S)

    async def show_changes(self) -> bool:
        """Show what has changed; return whether the flow answers."""
        answer = await body_of(self._http, "GET", "/screens", headers=_HEADERS)
        if answer is None:
            return False
        self._states.update(msgspec.json.decode(answer, type=dict[str, Screen]))
        return True

    async def close(self) -> None:
        """Hang up."""
        await self._http.close()


def write_flow(directory: Path) -> Path:
    """Write the flow with the broker's address into a file, and return it."""
    broker = plain_broker()
    if broker.username or broker.password:
        sys.exit("the flow has no user and no password: use a broker that asks for none")
    text = files("fleet_sim.truth.clients").joinpath("node_red.json").read_text("utf-8")
    flow = directory / "flow.json"
    flow.write_text(
        text.replace("BROKER_HOST", broker.host).replace("BROKER_PORT", str(broker.port)), "utf-8"
    )
    return flow


async def _main() -> None:
    require_profile(PROFILE)
    directory, port = own_directory(), free_port()
    settings = ("--userDir", str(directory), "--port", str(port), "-D", "uiHost=127.0.0.1")
    await start_program("NODE_RED", "node-red", *settings, str(write_flow(directory)))
    node_red = NodeRed(f"http://127.0.0.1:{port}")
    await node_red.wait_until_ready()
    try:
        await serve_polled(node_red.handle, node_red.show_changes, every_s=POLL_S)
    finally:
        await node_red.close()


if __name__ == "__main__":
    asyncio.run(_main())
