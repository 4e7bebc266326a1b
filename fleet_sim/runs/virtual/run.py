"""The virtual run: the same scenario in virtual time, as fast as it goes, the same bytes each time.

The same boxes and the same probe as in a live run, on a broker in this process. This module starts
both, so it is the one place in `fleet_sim` that knows the probe.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from fleet_sim.broker.model.broker import HOP_S, BrokerModel
from fleet_sim.broker.model.control import ModelControl, limits_of
from fleet_sim.cars.defects import Defects
from fleet_sim.cars.disturbance import BOX_LINK_LIMITS
from fleet_sim.cars.fleet import Fleet
from fleet_sim.cars.spec import NULL_CAR
from fleet_sim.cars.world import World
from fleet_sim.mitigations.acting import MitigationTargets
from fleet_sim.mitigations.fault_ending import EndableFaults
from fleet_sim.platform.connection import PLATFORM_LINK_LIMITS
from fleet_sim.results import readable
from fleet_sim.results.summary import RunFacts
from fleet_sim.runs.conclude import conclude
from fleet_sim.runs.course import Course, struck_cars
from fleet_sim.runs.directory import RunDirectory, ScenarioSource
from fleet_sim.runs.injection import (
    Injector,
    broker_settings,
    end_injections,
    own_process,
)
from fleet_sim.runs.lines import LineFiles
from fleet_sim.runs.load_record import LoadRecord
from fleet_sim.runs.probe_config import probe_config, target_ids
from fleet_sim.runs.progress import Progress
from fleet_sim.runs.rentals import Movements, Rentals
from fleet_sim.runs.virtual.time import (
    EPOCH_UNIX_S,
    VirtualClock,
    VirtualEnvironment,
)
from fleet_sim.scenario.form import Scenario
from fleet_wire.contract.diagnosis import Diagnosis
from fleet_wire.contract.incident import Incident
from fleet_wire.contract.signing import DEMO_SECRET
from fleet_wire.errors import LimitError
from fleet_wire.garbage import all_frozen
from fleet_wire.profiles.loading import load_profile
from platform_probe.journal.entries import Entry
from platform_probe.journal.feed import JournalFeed
from platform_probe.journal.writer import JournalWriter
from platform_probe.judge.judge import Judge, Judgement
from platform_probe.judge.weights import shipped_ranking
from platform_probe.measure.connection import LINK_LIMITS
from platform_probe.measure.probe import Probe
from platform_probe.outputs.logs import LineWriter, make_logger, open_log
from platform_probe.outputs.metrics import ProbeMetrics, new_registry
from platform_probe.outputs.sinks import DIAGNOSES_FILE, INCIDENTS_FILE, FanOut, JsonlSink
from platform_probe.settings.monitor import ProbeSettings

BROKER = "in-process"
CONNECT_STEP_S = 1.0
CONNECT_PATIENCE_S = 300.0
"""Longer than any box needs to boot; who is not there by then comes during the load."""
SETTLE_S = 5.0
"""Until sleepers have left, and the probe knows what is retained."""
RETAINED_S = 0.25
"""Until the probe knows what is retained, in an earlier run that is done again."""
OVERDUE_S = 60.0
"""Longer after its deadline no unlock is waited for."""
LONGEST_WALK_S = 7200.0
"""Seconds after the last customer's arrival; a customer without a car by then is lost [E]."""
SAMPLES = 600
"""Points in the plots over time."""
CONNECT_COST_S = 0.00005
"""Cost of a connecting box at mosquitto 2.0.21: 47 to 57 us of CPU for accept, CONNECT and
SUBSCRIBE. It holds for 1,000 or 10,000 boxes, new or back, sessions kept or not (medians of 5
rounds on a core of an AMD EPYC: `python -m bench.connect_cost`)."""
SELDOM = (20_000, 20, 10)
"""Thresholds as in `gc.set_threshold`: a run makes hardly any cycles. With Python's own 2,000, 10
and 10 the collector took 11 % of a day of 10,000 cars, and freed 2,600 objects."""
FLOOR_UNLOCKS = 100
MAX_JOURNAL_BYTES = 2**50
"""All of it is kept."""
JOURNAL_WRITTEN_BYTES = 2**18
"""Size of one write to the journal."""
FLOOR_MAX_RATE_PER_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualOptions:
    """The user's choices besides the scenario."""

    seed: int
    fleet_secret: str = DEMO_SECRET
    hop_s: float = HOP_S
    """Seconds from a client to the broker or back: a quarter of a live run's baseline."""
    load_began_s: float | None = None
    """Simulated second of load second 0, to do an earlier run again; None: when all are there."""
    journal: bool = False
    """Whether the monitor's journal is written too, to be judged anew."""
    with_report: bool = True
    """A page takes longer than many a run: a sweep throws it away."""
    course: Course | None = None
    """What happens besides the scenario, where the run is a future; it has customers then."""


class VirtualRun:
    """One run of one scenario in virtual time."""

    def __init__(
        self,
        scenario: Scenario,
        source: ScenarioSource,
        directory: RunDirectory,
        options: VirtualOptions,
        progress: Progress,
    ) -> None:
        self._scenario = scenario
        self._source = source
        self._directory = directory
        self._options = options
        self._progress = progress
        self._specs = scenario.cars()
        self._judge = self.make_judge()
        self._sinks = FanOut({}, on_error=lambda *_: None)
        self._journal_writer: JournalWriter | None = None
        self._unwritable: Exception | None = None
        """Why a file of the run cannot be written."""
        self._files = LineFiles(directory.path, self._cannot_write)
        self._record = LoadRecord(scenario, directory.path, self._files, progress)
        self._env = VirtualEnvironment(initial_time=0.0)
        self._defects = Defects()
        self._broker = BrokerModel(
            self._env, hop_s=options.hop_s, limits=limits_of(broker_settings(scenario))
        )
        self._broker.connect_cost_s = CONNECT_COST_S
        self._broker.on_handler_error = self._defects.note
        self._movements = Movements()
        self._profile = load_profile(scenario.fleet.profile)
        link = partial(self._broker.link, protocol=self._profile.traits.mqtt)
        world = World(
            env=self._env,
            seed=options.seed,
            fleet_secret=options.fleet_secret,
            epoch_unix_s=EPOCH_UNIX_S,
            link_factory=partial(link, limits=BOX_LINK_LIMITS),
            profile=self._profile,
            defects=self._defects,
            on_movement=self._movements.handle_movement,
            on_bad_certificate=self._broker.bad_certificate,
        )
        self._fleet = Fleet(world, self._specs, sms_centre="sms-centre", beside=[NULL_CAR])

    def run(self) -> dict[str, Any]:
        """Do the run and return its summary.

        Raises `UnlockpathError` where it cannot be done. All gathered data is on disk then.
        """
        course = self._options.course
        self._directory.write_manifest(
            self._source,
            seed=self._options.seed,
            mode="virtual",
            broker=BROKER,
            scenario=self._scenario.resolved(),
            hop_s=self._options.hop_s,
            **({} if course is None else course.entries()),
        )
        gc.disable()  # nothing is garbage while a fleet grows
        try:
            self._connect()
        finally:
            gc.enable()
        with _cars_left_alone_by_garbage_collection(), ExitStack() as stack:
            rentals = self._make_rentals()
            stack.callback(self._files.close)
            stack.callback(rentals.leave)
            probe = self._make_probe(stack, self.probe_config())
            if probe.platform is not None:
                rentals.on_event = probe.platform.handle_event
            self._load(probe, rentals)
        self._directory.write_json("probe_stats.json", probe.stats())
        self._progress.close()
        counts = self._fleet.world.counts
        facts = RunFacts(
            seed=self._options.seed,
            mode="virtual",
            broker=BROKER,
            boxes_configured=len(self._specs),
            boxes_connected_max=counts.reachable_max,
            connect_rate_per_s=None,
            rss_bytes_per_box=None,
            model_defects=self._defects.count,
            first_model_defect=self._defects.first,
            movements=rentals.safety.movements,
        )
        return conclude(
            self._directory,
            self._scenario,
            self._source,
            facts,
            load_began_s=self._options.load_began_s,
            with_report=self._options.with_report,
        )

    def _pass(self, duration_s: float) -> None:
        self._pass_until(self._env.now + duration_s)

    def _pass_until(self, moment_s: float) -> None:
        self._env.run_to(moment_s, self._defects)
        self._sinks.flush()
        self._raise_unwritable()

    def _connect(self) -> None:
        total = len(self._specs)
        self._progress.phase(f"connecting {readable.boxes(total)} in virtual time")
        self._fleet.start()
        counts = self._fleet.world.counts
        load_began_s = self._options.load_began_s
        if load_began_s is not None:
            self._pass_until(load_began_s - self._scenario.load.start_delay_s - RETAINED_S)
            return
        while counts.known < total and self._env.now < CONNECT_PATIENCE_S:
            self._pass(CONNECT_STEP_S)
            self._progress.connecting(counts.known, total)
        self._pass(SETTLE_S)

    def _make_rentals(self) -> Rentals:
        rentals = Rentals(
            self._scenario,
            self._fleet,
            self._movements,
            files=self._files,
            links=partial(
                self._broker.link,
                limits=PLATFORM_LINK_LIMITS,
                protocol=self._profile.traits.mqtt,
            ),
            vehicle_ids=frozenset(spec.vehicle_id for spec in self._specs),
        )
        rentals.start()
        return rentals

    def probe_config(self) -> dict[str, Any]:
        """Return the settings of the monitor."""
        config = probe_config(
            self._scenario,
            seed=self._options.seed,
            fleet_secret=self._options.fleet_secret,
            floor_rate_per_s=min(
                FLOOR_MAX_RATE_PER_S, FLOOR_UNLOCKS / self._scenario.load_duration_s
            ),
        )
        config["broker_log"] = True
        config["load"]["vehicles"] = target_ids(
            self._scenario, self._specs, seed=self._options.seed
        )
        return config

    def _make_probe(self, stack: ExitStack, config: dict[str, Any]) -> Probe:
        clock = VirtualClock(self._env)
        metrics = ProbeMetrics(new_registry(), version="virtual")
        log = stack.enter_context(closing(open_log(self._directory.path / "probe.log.jsonl")))
        writer = LineWriter(log.append, on_error=metrics.sink_errors["log"].inc)
        jsonl = stack.enter_context(JsonlSink(self._directory.path))
        self._sinks = FanOut(
            {"jsonl": jsonl},
            on_error=lambda _sink, error: self._cannot_write(error),
            soon=lambda _flush: None,  # each pass does so
        )
        stack.callback(self._sinks.flush)
        logger = make_logger("warning", writer, clock)
        link = partial(self._broker.link, protocol=self._profile.traits.mqtt)
        self._write_diagnosis = self._files.opened(DIAGNOSES_FILE)
        self._write_incident = self._files.opened(INCIDENTS_FILE)
        probe = Probe(
            ProbeSettings.model_validate(config),
            links=partial(link, limits=LINK_LIMITS),
            clock=clock,
            timers=self._env,
            sink=self._sinks,
            metrics=metrics,
            logger=logger,
            profile=self._profile,
        )
        if self._options.journal:
            self._journal_writer = stack.enter_context(
                JournalWriter(
                    self._directory.path / "journal",
                    max_bytes=MAX_JOURNAL_BYTES,
                    max_age_s=math.inf,
                    soon=lambda _: None,
                    on_lost=lambda _: self._cannot_journal("it is too far behind"),
                    on_problem=self._cannot_journal,
                )
            )
        probe.write_journal(JournalFeed(self.judge_entry, clock=clock))
        probe.on_defect(self._defects.note)
        return probe

    def make_judge(self) -> Judge:
        """Return a judge that knows nothing yet."""
        return Judge(shipped_ranking(), name=f"virtual/{self._options.seed}")

    def judge_entry(self, entry: Entry) -> None:
        """Judge an entry of the probe's journal, which is written first if it is kept."""
        writer = self._journal_writer
        if writer is not None:
            writer.append(entry)
            if writer.waiting_bytes >= JOURNAL_WRITTEN_BYTES:
                writer.flush()
        for judgement in self._judge.apply(entry):
            self.handle_judgement(judgement)

    def handle_judgement(self, judgement: Judgement) -> None:
        """Write a diagnosis or an incident."""
        if isinstance(judgement, Diagnosis):
            self._write_diagnosis(judgement)
        elif isinstance(judgement, Incident):
            self._write_incident(judgement)

    def begin_load(self, probe: Probe) -> float:
        """Begin the load, and return the simulated second in which it begins."""
        return probe.begin_load() - EPOCH_UNIX_S

    def _load(self, probe: Probe, rentals: Rentals) -> None:
        load = self._scenario.load
        probe.connection.connect()
        if self._options.load_began_s is None:
            self._pass(SETTLE_S)
        else:
            self._pass_until(self._options.load_began_s - load.start_delay_s)
        self._progress.phase("cars are being opened")
        load_starts_s = self.begin_load(probe)
        course = self._options.course
        faults = EndableFaults()
        injector = Injector(
            self._specs,
            self._fleet,
            load_starts_s=load_starts_s,
            record=self._record.add_truth,
            process_of=own_process if course is None else faults.process_of,
            around=rentals.fault_targets(ModelControl(self._broker)),
        ).inject_all(self._scenario)
        rentals.start_customers(load_starts_s)
        if course is not None and rentals.platform and rentals.population:
            struck = struck_cars(injector.injected)
            fleet, specs, broker = self._fleet, self._specs, self._broker
            targets = MitigationTargets(
                fleet, specs, rentals.platform, rentals.population, broker, struck, faults
            )
            course.begin(targets, load_starts_s=load_starts_s)
            course.mitigate(targets, load_starts_s=load_starts_s)
        duration_s = self._scenario.load_duration_s
        step_s = max(duration_s / SAMPLES, 1.0)
        ends_s = load_starts_s + duration_s
        while self._env.now < ends_s or not (
            self._is_over(probe, rentals) or self._is_overdue(ends_s)
        ):
            self._sample(probe, self._env.now - load_starts_s)
            self._pass(step_s)
        end_injections(self._fleet)
        probe.stop()
        probe.close()
        self._raise_unwritable()

    def _is_over(self, probe: Probe, rentals: Rentals) -> bool:
        """Return whether every unlock has ended, and every customer has opened a car or left."""
        if self._scenario.customers is None:
            return probe.is_done
        return rentals.is_served and probe.is_done and probe.is_idle

    def _is_overdue(self, ends_s: float) -> bool:
        """Return whether a defect keeps the probe from its end: each unlock has its deadline."""
        last_walk_s = 0.0 if self._scenario.customers is None else LONGEST_WALK_S
        return self._env.now_s() > ends_s + last_walk_s + self._scenario.load.deadline_s + OVERDUE_S

    def _cannot_write(self, error: Exception) -> None:
        """End the run when the model has returned: a full disk is no defect of the model."""
        self._unwritable = self._unwritable or error

    def _cannot_journal(self, why: str) -> None:
        self._cannot_write(LimitError(f"cannot write the journal: {why}", "see df -h"))

    def _raise_unwritable(self) -> None:
        if self._unwritable is not None:
            raise self._unwritable

    def _sample(self, probe: Probe, elapsed_s: float) -> None:
        self._record.sample(elapsed_s, self._fleet.world.counts, sent=probe.counts()["sent"])


@contextmanager
def _cars_left_alone_by_garbage_collection() -> Iterator[None]:
    """Cars live as long as the run: looking through them again and again takes a sixth of it.

    Objects older than the run are excluded too: they may be many. The monitor's knowledge of each
    car lives as long, so the collector runs less often.
    """
    usual = gc.get_threshold()
    gc.collect(1)
    gc.set_threshold(*SELDOM)
    try:
        with all_frozen():
            yield
    finally:
        gc.set_threshold(*usual)
