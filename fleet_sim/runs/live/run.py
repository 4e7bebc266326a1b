"""The live run: broker, boxes and probe together, then the summary.

This module starts the cars and, as a child process, the monitor; it is the only place that knows
of both.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine
from contextlib import AsyncExitStack, closing, nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fleet_sim.broker.access import MONITOR_USER, PLATFORM_USER
from fleet_sim.platform.connection import PLATFORM_LINK_LIMITS
from fleet_sim.results import readable
from fleet_sim.results.injected import OWN_PROCESS
from fleet_sim.results.summary import LOST_BOXES, RunFacts
from fleet_sim.runs.conclude import conclude
from fleet_sim.runs.directory import RunDirectory, ScenarioSource
from fleet_sim.runs.injection import Injector
from fleet_sim.runs.lines import LineFiles
from fleet_sim.runs.live.absences import lost_boxes
from fleet_sim.runs.live.control import served
from fleet_sim.runs.live.credentials import TlsFiles
from fleet_sim.runs.live.drills import Drills, how_to_drill
from fleet_sim.runs.live.fleet import FleetOptions
from fleet_sim.runs.live.health import Pulse
from fleet_sim.runs.live.probe_process import ProbeError, ProbeProcess
from fleet_sim.runs.live.run_brokers import RunBrokers
from fleet_sim.runs.live.run_fleet import RunFleet
from fleet_sim.runs.live.stop import Stop
from fleet_sim.runs.live.supervision import Supervision
from fleet_sim.runs.live.workers import Workers
from fleet_sim.runs.load_record import LoadRecord
from fleet_sim.runs.memory import rss_bytes
from fleet_sim.runs.probe_config import probe_config, target_ids
from fleet_sim.runs.progress import Progress
from fleet_sim.runs.rentals import PLATFORM, Movements, Rentals
from fleet_sim.scenario.form import Scenario
from fleet_sim.scenario.loading import Lacks
from fleet_wire.contract.signing import DEMO_SECRET
from fleet_wire.links.connecting import IdentityOf
from fleet_wire.private_files import FOR_OWNER
from fleet_wire.profiles.loading import load_profile

if TYPE_CHECKING:
    from fleet_sim.api.client import HttpPlatform

SAMPLE_S = 1.0
HOST = "127.0.0.1"
METRICS_ADDRESS = "127.0.0.1:9464"
"""The default address in deploy/prometheus/prometheus.yml."""
FLOOR_RATE_PER_S = 2.0
RETAINED_A_CAR = 2
"""Its presence and its state."""
WITHOUT_PROBE = "no unlock begins or ends until it does"


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveOptions:
    """The user's choices besides the scenario."""

    seed: int
    broker_url: str | None = None
    """None: private brokers."""
    broker_password: str | None = field(default=None, repr=False)
    """Besides the one in the URL."""
    identity_of: IdentityOf | None = None
    """Returns who each box is; None: all are the user of the broker."""
    fleet_secret: str = DEMO_SECRET
    tls: TlsFiles = field(default_factory=TlsFiles)
    wait_s: float = 60.0
    platform_url: str | None = None
    """A platform elsewhere, which customers ask; None: the emulated one of this process."""
    listen: str | None = None
    """`HOST:PORT` of the probe's metrics; None: 127.0.0.1:9464, or a free port."""
    control: Path | None = None
    """The socket for drills; None: there are none."""
    lacks: Lacks = field(default_factory=dict)
    """The needs of faults and drills that this run cannot meet, with the reason."""


class RunsOn(NamedTuple):
    """The resources that are started before the event loop of a run."""

    brokers: RunBrokers
    workers: Workers
    """The processes that play the boxes; none where this one does."""
    here: frozenset[str] = frozenset()
    """The cars whose boxes this process plays all the same."""


class LiveRun:
    """One run of one scenario in live time. Make it where the event loop runs."""

    def __init__(
        self,
        scenario: Scenario,
        source: ScenarioSource,
        directory: RunDirectory,
        options: LiveOptions,
        around: RunsOn,
        progress: Progress,
    ) -> None:
        self._scenario = scenario
        self._source = source
        self._directory = directory
        self._options = options
        self._progress = progress
        self._files = LineFiles(
            directory.path, lambda error: progress.note(f"{error}; going on without it")
        )
        self._stop = Stop(progress)
        self._brokers, self._workers, self._here = around
        self._specs = scenario.cars()
        self._vehicle_ids = [spec.vehicle_id for spec in self._specs]
        self._movements = Movements()
        own_options = fleet_options(scenario, options, self._brokers)
        own_options = replace(own_options, on_movement=self._movements.handle_movement)
        own = [each for each in self._specs if each.vehicle_id in self._here or not self._workers]
        self._fleet = RunFleet(own, own_options, self._workers, progress)
        self._driver = self._fleet.driver
        self._driver.on_stall = self._stop.ask
        self._rentals = self._make_rentals()
        self._api = AsyncExitStack()
        """The way of customers to their platform."""
        self._client: HttpPlatform | None = None
        self._own = Pulse(f"{OWN_PROCESS} ({readable.boxes(len(own))})")
        self._load_starts_s: float | None = None
        self._last_event: dict[str, Any] = {}
        self._record = LoadRecord(scenario, directory.path, self._files, progress)
        self._tasks: list[asyncio.Task[None]] = []
        self._drills = Drills(scenario, self._driver, lacks=options.lacks, boxes=len(self._specs))
        self._facts: RunFacts | None = None
        self._interrupted_after_s: float | None = None

    def _make_rentals(self) -> Rentals:
        brokers = self._brokers.as_user(PLATFORM_USER)
        return Rentals(
            self._scenario,
            self._fleet.here.fleet,
            self._movements,
            files=self._files,
            links=self._fleet.here.links(PLATFORM_LINK_LIMITS, brokers=brokers),
            is_platform_elsewhere=self._options.platform_url is not None,
            vehicle_ids=frozenset(self._vehicle_ids),
        )

    @property
    def was_cut_short(self) -> bool:
        """Whether the user did not want to wait for the unlocks under way."""
        return self._stop.now.is_set()

    async def run(self) -> None:
        """Do the run; `conclude` makes of it what is to be read, when all that has run has ended.

        Raises `UnlockpathError` where it cannot be done. All gathered data is on disk then.
        """
        control = self._options.control
        with closing(self._files):
            async with nullcontext() if control is None else served(control, self._drills.answer):
                await self._run()

    async def _run(self) -> None:
        brokers, fleet = self._brokers, self._fleet
        if brokers.processes:
            self._progress.note(brokers.description)
        self._directory.write_manifest(
            self._source,
            seed=self._options.seed,
            mode="live",
            broker=str(brokers.brokers),
            scenario=self._scenario.resolved(),
        )
        supervision = Supervision(brokers.processes, self._vehicle_ids, self._progress.note)
        for work in supervision.work():
            self._background(work)
        try:
            boxes = readable.boxes(fleet.total)
            self._progress.phase(f"connecting {boxes} to {brokers.brokers}")
            await fleet.connect(self._stop.asked)
            rss_bytes_per_box = fleet.rss_bytes_per_box
            if self._stop.asked.is_set():
                self._interrupted_after_s = 0.0
            else:
                await self._load()
        finally:
            await self._shut_down()
        self._record_lost()
        defects, first_defect = fleet.defects
        pulses = (self._own, *(worker.pulse for worker in self._workers))
        self._facts = RunFacts(
            seed=self._options.seed,
            mode="live",
            broker=brokers.description,
            boxes_configured=fleet.total,
            boxes_connected_max=fleet.counts.reachable_max,
            connect_rate_per_s=fleet.connect_rate_per_s,
            rss_bytes_per_box=rss_bytes_per_box,
            model_defects=defects,
            first_model_defect=first_defect,
            movements=self._rentals.safety.movements,
            processes=max(len(self._workers), 1),
            lost_processes=self._workers.lost_texts,
            silent_processes=tuple(text for pulse in pulses for text in pulse.texts),
            interrupted_after_s=self._interrupted_after_s,
            broken_brokers=tuple(supervision.told),
        )

    def conclude(self) -> dict[str, Any]:
        """Write summary and report of a run that has ended, and return the summary."""
        assert self._facts is not None  # noqa: S101 - else `run` has raised
        return conclude(
            self._directory,
            self._scenario,
            self._source,
            self._facts,
            load_began_s=self._load_starts_s,
        )

    async def _shut_down(self) -> None:
        """Shut everything down, boxes last. The user who wants an end now gets no goodbyes."""
        for task in self._tasks:
            task.cancel()
        await self._api.aclose()
        with self._driver.present():
            self._rentals.leave()
        self._brokers.stop_reading()
        if self._workers:
            self._progress.phase(self._last_phase())
        goodbye = asyncio.ensure_future(self._fleet.close())
        now = asyncio.ensure_future(self._stop.now.wait())
        try:
            await asyncio.wait({goodbye, now}, return_when=asyncio.FIRST_COMPLETED)
            goodbye.cancel()
            with suppress(asyncio.CancelledError):
                await goodbye
        finally:
            now.cancel()

    def _record_lost(self) -> None:
        """Write down whose boxes were lost or stood still, and when."""
        if self._load_starts_s is None:
            return
        for boxes in lost_boxes(
            self._workers,
            self._own,
            vehicle_ids=self._vehicle_ids,
            here=self._here,
            began_at=self._driver.began_at + self._load_starts_s,
        ):
            self._files.append(LOST_BOXES, boxes)

    def _last_phase(self) -> str:
        """Return what a run of several processes does from now on."""
        private = self._brokers.processes
        if not private:
            boxes = self._fleet.counts.reachable
            say = "says" if boxes == 1 else "say"
            return f"{readable.boxes(boxes)} {say} goodbye, then comes the report"
        brokers = readable.number_of(len(private), "broker")
        return f"ending {len(self._workers)} processes and {brokers}, then comes the report"

    async def _load(self) -> None:
        health = self._fleet.health
        with self._driver.present():
            self._rentals.start()
        if self._scenario.has_platform:
            await self._open_api()
        self._progress.phase("starting the probe")
        probe = await ProbeProcess.start(self._write_probe_config())
        self._background(self._pass_on_stop(probe))
        pulse = Pulse("the probe", without=WITHOUT_PROBE)
        try:
            async for event in probe.events():
                pulse.beat()
                match event.get("event"):
                    case "ready":
                        self._start_load(float(event["load_starts_at"]))
                        self._progress.serving(str(event["metrics_url"]))
                        self._background(self._end_when_served(probe))
                        health.follow(self._own, is_ours=True)
                        health.follow(pulse)
                    case "learning":
                        expected = RETAINED_A_CAR * self._fleet.counts.known
                        self._progress.learning(int(event["retained"]), expected)
                    case "stopping":
                        if not probe.is_told_to_end:
                            self._stop.ask("the probe was told to end, not by this run")
                    case _:
                        self._last_event = dict(event)
            pulse.end()
            await probe.finish()
        except ProbeError:
            if not self._stop.now.is_set():
                raise
        finally:
            probe.kill()

    async def _open_api(self) -> None:
        """Serve our own platform on a free port, or use the one elsewhere. Raises `LimitError`."""
        # a run without customers loads no HTTP
        from fleet_sim.api.client import HttpPlatform  # noqa: PLC0415
        from fleet_sim.runs.live.platform_api import platform_api  # noqa: PLC0415
        from fleet_wire.web.server import at_url  # noqa: PLC0415

        url, rentals, driver = self._options.platform_url, self._rentals, self._driver
        if rentals.platform is not None:
            server = platform_api(rentals.platform, driver, write=rentals.write_event)
            url = at_url(HOST, await server.start(HOST, 0))
            self._api.push_async_callback(server.stop)
        assert url is not None  # noqa: S101 - there is a platform here, where none is elsewhere
        self._client = HttpPlatform(url, present=driver.present)
        self._api.push_async_callback(self._client.close)
        self._progress.note(f"the platform's API: {url}")

    def _start_load(self, load_starts_at: float) -> None:
        """Start faults and customers with the load; `load_starts_at` is in Unix seconds."""
        self._progress.phase("cars are being opened")
        driver, rentals = self._driver, self._rentals
        load_starts_s = driver.now_s() + load_starts_at - time.time()
        self._load_starts_s = load_starts_s
        if self._options.control is not None:
            self._progress.note(how_to_drill(self._options.control))
        with driver.present():
            self._drills.injector = Injector(
                self._specs,
                self._fleet.here.fleet,
                load_starts_s=load_starts_s,
                record=self._record.add_truth,
                around=rentals.fault_targets(self._brokers.control),
                part=self._fleet.start_load(load_starts_s, self._record.add_truth),
            ).inject_all(self._scenario)
            rentals.start_customers(load_starts_s, self._client)
        self._background(self._sample(load_starts_s))

    async def _end_when_served(self, probe: ProbeProcess) -> None:
        """End the probe, where it does not end by itself, when every customer has opened a car."""
        if self._scenario.customers is None:
            return
        ends_s = (self._load_starts_s or 0.0) + self._scenario.load_duration_s
        while self._driver.now_s() < ends_s or not self._rentals.is_served:  # noqa: ASYNC110 - seldom
            await asyncio.sleep(SAMPLE_S)
        probe.drain()

    async def _sample(self, load_starts_s: float) -> None:
        while True:
            self._record.sample(
                self._driver.now_s() - load_starts_s,
                self._fleet.counts,
                sent=self._last_event.get("sent", 0),
                rss_bytes=rss_bytes(),
            )
            await asyncio.sleep(SAMPLE_S)

    async def _pass_on_stop(self, probe: ProbeProcess) -> None:
        await self._stop.asked.wait()
        after_s = 0.0
        if self._load_starts_s is not None:
            after_s = max(self._driver.now_s() - self._load_starts_s, 0.0)
        if after_s < self._scenario.load_duration_s or not self._rentals.is_served:
            self._interrupted_after_s = round(after_s, 3)
        probe.drain()
        await self._stop.now.wait()
        probe.kill()

    def _background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(_log_failure)
        self._tasks.append(task)

    def _write_probe_config(self) -> Path:
        seed, directory = self._options.seed, self._directory.path.resolve()
        vehicles_file = directory / "vehicles.txt"
        ids = target_ids(self._scenario, self._specs, seed=seed)
        vehicles_file.write_text("".join(f"{vehicle_id}\n" for vehicle_id in ids), "utf-8")
        config = probe_config(
            self._scenario,
            seed=seed,
            fleet_secret=self._options.fleet_secret,
            floor_rate_per_s=FLOOR_RATE_PER_S,
        )
        config["load"]["vehicles_file"] = str(vehicles_file)
        if self._options.platform_url is not None:
            config.pop("platform", None)  # its log is where it is
        elif self._scenario.has_platform:
            config["platform"]["log_file"] = str(directory / PLATFORM)
        monitor = self._brokers.as_user(MONITOR_USER)
        has_log = self._brokers.has_log
        config.update(
            broker=self._options.broker_url or monitor.urls(),
            broker_password=monitor.first.password if has_log else self._options.broker_password,
            broker_log=has_log,
            tls=self._options.tls.as_settings(),
            listen=self._options.listen or METRICS_ADDRESS,
            listen_or_free=self._options.listen is None,
            out_dir=str(directory),
            log_file=str(directory / "probe.log.jsonl"),
            rotation=None,  # whoever reads the run reads it whole
            wait_s=self._options.wait_s,
        )
        # JSON is YAML; the file holds the fleet's secret, so it is for its owner alone.
        return self._directory.write_json("probe.yaml", config, FOR_OWNER)


def fleet_options(scenario: Scenario, options: LiveOptions, brokers: RunBrokers) -> FleetOptions:
    """Return what the boxes of a run need besides their cars."""
    bad, control = brokers.bad_certificates, brokers.control
    return FleetOptions(
        brokers=brokers.brokers,
        seed=options.seed,
        fleet_secret=options.fleet_secret,
        profile=load_profile(scenario.fleet.profile),
        tls=options.tls.context_for(brokers.brokers),
        identity_of=control.identity_of if control else options.identity_of,
        on_bad_certificate=None if bad is None else bad.refuse,
        quick_ack=brokers.wants_quick_ack,
        says_goodbye=not brokers.processes,
        wait_s=options.wait_s,
    )


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logging.getLogger(__name__).error("%s failed", task.get_coro(), exc_info=error)
