"""The platform of a live run behind its HTTP API, and the customers' way to it."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack
from typing import Final

from prometheus_client import CollectorRegistry

from fleet_sim.api.client import HttpPlatform
from fleet_sim.api.metrics import ApiMetrics
from fleet_sim.api.own_answers import OwnAnswers
from fleet_sim.api.server import ApiServer
from fleet_sim.platform.gateway import EmulatedPlatform
from fleet_sim.runs.live.driver import LiveDriver
from fleet_sim.runs.rentals import Rentals
from fleet_wire.web.server import at_url

HOST: Final = "127.0.0.1"
_logger = logging.getLogger(__name__)


class RentalApi:
    """Serves the platform of one run on a free port. Make it where the event loop runs."""

    def __init__(self, rentals: Rentals, platform: EmulatedPlatform, driver: LiveDriver) -> None:
        self._driver = driver
        self._platform = platform
        self._open = AsyncExitStack()
        self._server = ApiServer(
            platform,
            present=driver.present,
            metrics=ApiMetrics(CollectorRegistry()),
            own=OwnAnswers(rentals.write_event, self._unix_s),
            on_untreated=_log_untreated,
        )
        self.url = ""
        self.client: HttpPlatform | None = None

    def _unix_s(self) -> float:
        with self._driver.present():
            return self._platform.unix_s()

    async def start(self) -> None:
        """Listen, and make the client that customers ask by. Raises `LimitError`."""
        self.url = at_url(HOST, await self._server.start(HOST, 0))
        self._open.push_async_callback(self._server.stop)
        self.client = HttpPlatform(self.url, present=self._driver.present)
        self._open.push_async_callback(self.client.close)

    async def close(self) -> None:
        """Hang up, and stop listening."""
        await self._open.aclose()


def _log_untreated(error: BaseException, endpoint: str, trace_id: str) -> None:
    _logger.error(
        "%s was answered as an internal error, trace %s", endpoint, trace_id, exc_info=error
    )
