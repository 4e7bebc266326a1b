"""The emulated platform by itself: it serves its API, and sends commands over a real broker."""

from __future__ import annotations

import asyncio
import math
import os
import socket
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry

from fleet_sim.api.metrics import ApiMetrics
from fleet_sim.platform.connection import PLATFORM_LINK_LIMITS
from fleet_sim.platform.gateway import CLIENT_ID, EmulatedPlatform
from fleet_sim.runs.injection import (
    FaultTargets,
    Injector,
    ProcessRole,
    with_platform_faults_alone,
)
from fleet_sim.runs.live.fleet import GOODBYE_S, FleetOptions, LiveFleet
from fleet_sim.runs.live.health import Health
from fleet_sim.runs.live.platform_api import platform_api
from fleet_sim.runs.live.stop import REPORT_S, report_until, route_signals
from fleet_sim.runs.live.waiting import Waiting, why_not
from fleet_sim.runs.progress import Progress
from fleet_sim.scenario.form import Scenario
from fleet_wire.background import BackgroundWriter, write_all
from fleet_wire.contract.platform_log import PlatformEvent, encode_events
from fleet_wire.errors import LimitError
from fleet_wire.garbage import calm_garbage_collector
from fleet_wire.links.away import Away
from fleet_wire.links.brokers import Brokers
from fleet_wire.links.link import SESSION_TAKEN_OVER, BrokerAddress, Disconnected
from fleet_wire.private_files import open_to_append
from fleet_wire.web.server import at_url

POLL_S: Final = 0.02
TOGETHER_S: Final = 0.02
"""Seconds that log lines wait for more: at 2,000 unlocks a second that is 200 lines. They are
encoded in about 0.2 ms, during which no request is answered."""
MAX_QUEUED: Final = 1_000
"""Most batches that wait for a slow disk: at 2,000 unlocks a second 50 MB in 20 s."""
YOUNG_OBJECTS: Final = 5_000
"""Between two runs of the garbage collector: each stops all for about a millisecond."""
LEAVE_OLD_ALONE: Final = 1_000_000
"""Threshold that keeps the garbage collector from old objects. Requests leave no cycles behind, and
a pass over all remembered commands takes half a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformOptions:
    """The needs of a platform on a real broker besides its scenario."""

    fleet: FleetOptions
    """Those of the fleet whose boxes are elsewhere."""
    listen: tuple[str, int]
    """Host and port of the API; port 0 is any free one."""
    log_file: Path | None = None
    """The file of the platform's structured log; None: no log."""
    client_id: str | None = None
    """Its MQTT client id; None: see `usual_client_id`."""


def usual_client_id(shared_group: str | None) -> str:
    """Return the client id of a platform: of each member of a group another one."""
    if shared_group is None:
        return CLIENT_ID
    return f"{CLIENT_ID}-{socket.gethostname()}-{os.getpid()}"


class LivePlatform:
    """Platform and API of this process. Make it where the event loop runs."""

    def __init__(
        self,
        scenario: Scenario,
        options: PlatformOptions,
        *,
        write: Callable[[PlatformEvent], None],
        warn: Callable[[str], object],
        progress: Progress,
    ) -> None:
        fleet = options.fleet
        self._brokers = BrokersOfPlatform(fleet.brokers, warn)
        self._scenario = scenario
        self._options = options
        self._progress = progress
        self._fleet = LiveFleet((), fleet, progress.note)
        self.driver = self._fleet.driver
        links = self._fleet.links(PLATFORM_LINK_LIMITS, on_broker=self._brokers.changed)
        parameters = scenario.platform_parameters
        self._client_id = options.client_id or usual_client_id(parameters.shared_group)
        self.platform = EmulatedPlatform(
            replace(self._fleet.fleet.world, link_factory=links),
            parameters,
            vehicle_ids=frozenset(spec.vehicle_id for spec in scenario.cars()),
            write=write,
            client_id=self._client_id,
        )
        self.metrics = ApiMetrics(CollectorRegistry())
        self._api = platform_api(
            self.platform,
            self.driver,
            metrics=self.metrics,
            write=write,
            away=self._brokers.away,
        )

    async def connect(self, stop: asyncio.Event) -> None:
        """Connect to the broker, or return when `stop` is set.

        Raises `BrokerUnreachableError` and `BrokerRefusedError`.
        """
        connection = self.platform.service.connection
        take_overs = TakeOvers(self._client_id, self._progress.note, self.driver.now_s)

        def record_end(end: Disconnected) -> None:
            take_overs.handle_end(end)
            self._brokers.on_none_left(end)

        begin = connection.on_begin

        def record_begin() -> None:
            begin()
            self._brokers.there()

        connection.on_end, connection.on_begin = record_end, record_begin
        with self.driver.present():
            self.platform.start()
        fleet = self._options.fleet
        waiting = Waiting(fleet.brokers, fleet.wait_s, self._progress, who="platform")
        while connection.open_link is None and not stop.is_set():
            await asyncio.sleep(POLL_S)
            waiting.check(time.monotonic(), connection.last_end)

    async def serve(self) -> str:
        """Start the API and the platform's faults; return the URL.

        Raises `LimitError`.
        """
        host, port = self._options.listen
        url = at_url(host, await self._api.start(host, port))
        scenario = with_platform_faults_alone(self._scenario)
        if scenario.faults:
            with self.driver.present():
                Injector(
                    scenario.cars(),
                    self._fleet.fleet,
                    load_starts_s=self.driver.now,
                    record=lambda _line: None,
                    say=self._progress.note,
                    around=FaultTargets(self.platform),
                    part=ProcessRole.AROUND,
                ).inject_all(scenario)
        return url

    async def close(self) -> None:
        """Answer who waits, stop listening, and leave the broker."""
        await self._api.stop()
        await self._fleet.close()
        with self.driver.present():
            self.platform.close()
        await asyncio.sleep(GOODBYE_S)

    def state(self) -> str:
        """Return a summary of its work in one line."""
        metrics, defects = self.metrics, self.driver.defects
        connection = self.platform.service.connection
        there = connection.open_link is not None
        return (
            f"{metrics.answered} requests answered, {metrics.problems} with a problem,"
            f" {metrics.generic} of these without a cause; {self.platform.service.open} commands"
            " under way"
            + ("" if there else f"; no connection with the broker: {connection.last_end}")
            + (f"; {defects.count} defects of the model" if defects.count else "")
        )


class BrokersOfPlatform:
    """Says to `warn`, once each time, that a broker is away, or all are, and that it is back."""

    def __init__(self, brokers: Brokers, warn: Callable[[str], object]) -> None:
        self.away = Away()
        """Those that are away while others are there."""
        self._brokers = brokers
        self._health = Health(warn)
        self._was_there = False
        """Whether one has been there; before, `Waiting` says why none is."""

    def changed(self, broker: BrokerAddress, end: Disconnected | None) -> None:
        """Handle that one of several brokers is away, with the reason, or there (None)."""
        if self.away.record(broker, end):
            away = f"broker {broker} is away, its cars are not reached"
            problem = None if end is None else f"{away}: {self._reason_of(end)}"
            self._health.report(f"{broker}", problem, end=f"broker {broker} is there again")

    def on_none_left(self, end: Disconnected) -> None:
        """Handle that no broker is there any more; `TakeOvers` reports another with our id."""
        if self._was_there and end.code != SESSION_TAKEN_OVER:
            problem = (
                f"no connection with {self._brokers}, no car is reached: {self._reason_of(end)}"
            )
            self._health.report("all", problem, end="")

    def there(self) -> None:
        """Handle that there is a connection."""
        self._was_there = True
        self._health.report("all", None, end=f"connected with {self._brokers} again")

    def _reason_of(self, end: Disconnected) -> str:
        return why_not(end, self._brokers, has_answered=self._was_there)


class TakeOvers:
    """Says that another client has our client id: `say` takes the sentence, `now_s` is a clock."""

    def __init__(
        self, client_id: str, say: Callable[[str], None], now_s: Callable[[], float]
    ) -> None:
        self._client_id = client_id
        self._say = say
        self._now_s = now_s
        self._quiet_until_s = -math.inf

    def handle_end(self, end: Disconnected) -> None:
        """Handle the end of a connection. Two throw each other out every few seconds."""
        now_s = self._now_s()
        if end.code != SESSION_TAKEN_OVER or now_s < self._quiet_until_s:
            return
        self._quiet_until_s = now_s + REPORT_S
        self._say(
            f"another client has connected with our client id {self._client_id!r}, so the broker"
            " has closed our connection. Two platforms with one id throw each other out for ever,"
            f" and requests get 503: give one another id, as --client-id {self._client_id}-2"
        )


async def serve_platform(
    scenario: Scenario,
    options: PlatformOptions,
    progress: Progress,
    warn: Callable[[str], object],
) -> None:
    """Serve the API of a scenario's platform until SIGTERM or Ctrl-C.

    `warn` takes which brokers are away, and back, while others are there or it serves. The
    scenario's faults of the platform begin when it serves; those of cars are the boxes'. Raises
    `BrokerError` when the broker stays away, and `LimitError` for a limit of the machine. Raises
    `ModelDefectError` at the end if the model has shown a defect.
    """
    stop = asyncio.Event()
    route_signals(lambda _number: stop.set())
    async with AsyncExitStack() as stack:
        write: Callable[[PlatformEvent], None] = _drop
        if options.log_file is not None:
            log = _Log(options.log_file, progress.note)
            stack.callback(log.close)
            write = log.write
        live = LivePlatform(scenario, options, write=write, warn=warn, progress=progress)
        stack.push_async_callback(live.close)
        live.driver.on_stall = lambda _why: stop.set()
        progress.phase(f"connecting to {options.fleet.brokers}")
        await live.connect(stop)
        if not stop.is_set():
            url = await live.serve()
            calm_garbage_collector(young=YOUNG_OBJECTS, middle=2, old=LEAVE_OLD_ALONE)
            progress.phase(f"serving {url}; SIGTERM or Ctrl-C ends it")
        await report_until(stop, lambda: progress.note(live.state()))
    live.driver.defects.check()


class _Log:
    """The platform's structured log: a thread writes it, and a full disk stops nothing."""

    def __init__(self, path: Path, note: Callable[[str], None]) -> None:
        try:
            self._descriptor = open_to_append(path)
        except OSError as error:
            raise LimitError(
                f"{path}: {error.strerror}", "name another file: --log-file FILE"
            ) from error
        self._path = path
        self._note = note
        self._lost = 0
        self._waiting: list[PlatformEvent] = []
        self.write: Callable[[PlatformEvent], None] = self._waiting.append
        """Takes a line: five an unlock, so without a call of ours."""
        self._writer = BackgroundWriter(
            partial(write_all, self._descriptor), on_lost=self._lose, max_queued=MAX_QUEUED
        )
        self._flush()

    def _flush(self) -> None:
        """Pass waiting lines to the thread together: a wake-up costs more than a write.

        And again after a while.
        """
        self._again = asyncio.get_running_loop().call_later(TOGETHER_S, self._flush)
        self._give()

    def _give(self) -> None:
        waiting = self._waiting
        if waiting:
            try:
                self._writer.enqueue(encode_events(waiting))
            finally:  # one invalid line holds up no other
                waiting.clear()

    def close(self) -> None:
        """Wait a moment until everything is written."""
        self._again.cancel()
        self._give()
        if self._writer.close():
            os.close(self._descriptor)
        if self._lost:
            told = f"lines are missing, {self._lost} writes failed"
            self._note(f"{self._path}: {told} (df -h {self._path.parent})")

    def _lose(self, chunks: int) -> None:
        self._lost += chunks


def _drop(_event: PlatformEvent) -> None:
    """Keep no log."""
