"""The platform of a live run behind its HTTP API, and the customers' way to it."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Final

from fleet_sim.api.client import HttpPlatform
from fleet_sim.runs.live.driver import LiveDriver
from fleet_sim.runs.live.platform_api import platform_api
from fleet_sim.runs.rentals import Rentals
from fleet_wire.web.server import at_url

HOST: Final = "127.0.0.1"


class RentalApi:
    """The way of customers to their platform: ours, served on a free port, or one at a URL.

    Make it where the event loop runs.
    """

    def __init__(self, driver: LiveDriver, rentals: Rentals, url: str | None) -> None:
        self._driver = driver
        self._rentals = rentals
        self._url = url
        self._open = AsyncExitStack()
        self.client: HttpPlatform | None = None
        """The client that customers use."""

    async def start(self) -> str:
        """Serve our own platform, if it is ours; return the URL. Raises `LimitError`."""
        url = self._url or await self._serve()
        self.client = HttpPlatform(url, present=self._driver.present)
        self._open.push_async_callback(self.client.close)
        return url

    async def _serve(self) -> str:
        platform, driver = self._rentals.platform, self._driver
        assert platform is not None  # noqa: S101 - there is one, where none is elsewhere
        server = platform_api(platform, driver, write=self._rentals.write_event)
        port = await server.start(HOST, 0)
        self._open.push_async_callback(server.stop)
        return at_url(HOST, port)

    async def close(self) -> None:
        """Hang up, and stop listening."""
        await self._open.aclose()
