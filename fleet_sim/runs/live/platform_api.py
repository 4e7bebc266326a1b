"""The API of a live platform: requests enter by the driver, defects go to our own log."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry

from fleet_sim.api.metrics import ApiMetrics
from fleet_sim.api.own_answers import OwnAnswers
from fleet_sim.api.server import ApiServer
from fleet_sim.platform.gateway import EmulatedPlatform
from fleet_sim.runs.live.driver import LiveDriver
from fleet_wire.contract.platform_log import PlatformEvent
from fleet_wire.links.away import Away
from fleet_wire.web.exchange import HttpResponse
from fleet_wire.web.readiness import readiness

LOGGER: Final = logging.getLogger(__name__)


def platform_api(
    platform: EmulatedPlatform,
    driver: LiveDriver,
    *,
    metrics: ApiMetrics | None = None,
    write: Callable[[PlatformEvent], None],
    away: Away | None = None,
) -> ApiServer:
    """Return the server of a platform; `write` gets the answers that the API gives itself.

    `away` are the brokers that it is without.
    """
    connection = platform.service.connection
    without = Away() if away is None else away

    def unix_s() -> float:
        with driver.present():
            return platform.unix_s()

    def ready() -> HttpResponse:
        there = connection.open_link is not None
        return readiness(None if there else f"no broker: {connection.last_end}", str(without))

    return ApiServer(
        platform,
        present=driver.present,
        metrics=metrics or ApiMetrics(CollectorRegistry()),
        own=OwnAnswers(write, unix_s),
        on_untreated=_log_untreated,
        ready=ready,
    )


def _log_untreated(error: BaseException, endpoint: str, trace_id: str) -> None:
    LOGGER.error("internal error at %s, trace %s", endpoint, trace_id, exc_info=error)
