"""The platform of a live run behind its HTTP API, and the customers' way to it."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Final

from fleet_sim.api.client import HttpPlatform
from fleet_sim.platform.gateway import EmulatedPlatform
from fleet_sim.runs.live.driver import LiveDriver
from fleet_sim.runs.live.platform_api import platform_api
from fleet_sim.runs.rentals import Rentals
from fleet_wire.web.server import at_url

HOST: Final = "127.0.0.1"


class RentalApi:
    """Serves the platform of one run on a free port. Make it where the event loop runs."""

    def __init__(self, rentals: Rentals, platform: EmulatedPlatform, driver: LiveDriver) -> None:
        self._driver = driver
        self._open = AsyncExitStack()
        self._server = platform_api(platform, driver, write=rentals.write_event)
        self.url = ""
        self.client: HttpPlatform | None = None

    async def start(self) -> None:
        """Listen, and make the client that customers ask by. Raises `LimitError`."""
        self.url = at_url(HOST, await self._server.start(HOST, 0))
        self._open.push_async_callback(self._server.stop)
        self.client = HttpPlatform(self.url, present=self._driver.present)
        self._open.push_async_callback(self.client.close)

    async def close(self) -> None:
        """Hang up, and stop listening."""
        await self._open.aclose()
