"""`platform-probe run`: puts the parts together, runs them, and ends them in good order."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import msgspec
from prometheus_client.metrics_core import Metric

from fleet_wire.background import BackgroundWriter, write_all
from fleet_wire.contract.diagnosis import Diagnosis
from fleet_wire.contract.incident import Incident, IncidentAction
from fleet_wire.contract.platform_log import MAX_LINE_BYTES
from fleet_wire.contract.topics import TopicKind
from fleet_wire.errors import BrokerUnreachableError
from fleet_wire.garbage import calm_garbage_collector
from fleet_wire.links.factory import link_factory, tls_for
from fleet_wire.links.link import BrokerAddress, Disconnected, LinkFactory
from fleet_wire.links.several import OnBroker, spread_links
from fleet_wire.profiles.loading import load_profile
from fleet_wire.profiles.profile import Profile, vehicle_of_topic
from fleet_wire.system_clock import SystemClock
from fleet_wire.web.server import at_url
from platform_probe.alerting import Alerting
from platform_probe.load.timers import LoopTimers
from platform_probe.load_settings import LoadSettings
from platform_probe.outputs.earlier import last_attempts, last_ends, last_incidents
from platform_probe.outputs.files import Rotation
from platform_probe.outputs.logs import (
    LineWriter,
    Logger,
    LogSink,
    make_logger,
    open_log,
    route_standard_library,
)
from platform_probe.outputs.messages.asking import MAX_ASKED_BYTES
from platform_probe.outputs.messages.service import Messages
from platform_probe.outputs.metrics import ProbeMetrics, new_registry
from platform_probe.outputs.otlp.sink import OtlpExport, exporter_config
from platform_probe.outputs.otlp.spans import ANY_VEHICLE, Broker
from platform_probe.outputs.sinks import (
    DiagnosesFile,
    FanOut,
    IncidentsFile,
    JsonlSink,
    Sink,
    disk_error,
)
from platform_probe.probe import LINK_LIMITS, Probe
from platform_probe.settings import ProbeSettings
from platform_probe.store.limits import Limits
from platform_probe.store.writer import StoreWriter
from platform_probe.support.times import minute_clock, zone_named
from platform_probe.watching.follow import follow
from platform_probe.watching.otlp_logs import MAX_POST_BYTES, need_protobuf
from platform_probe.watching.otlp_receiver import LOGS_PATH, OtlpReceiver
from platform_probe.watching.tailed_file import TailedFile
from platform_probe.web.console.child import ConsoleChild
from platform_probe.web.server import MAX_BODY_BYTES, Page, ProbePages
from platform_probe.weights import shipped_ranking

STATS_FILE: Final = "probe_stats.json"
STDOUT: Final = 1
STDERR: Final = 2
PROGRESS_S: Final = 1.0
POLL_S: Final = 0.05
SETTLE_S: Final = 0.1
"""Ready when no retained message came for so long: presence is evidence for the first unlock."""
MAX_SETTLE_S: Final = 30.0
DRAIN_MARGIN_S: Final = 1.0
"""What is in flight ends with its deadline, and is noticed a moment later."""
COUNTED_WHEN_WRITTEN: Final = {"metrics": "jsonl"}
"""What is counted is on disk: neither a killed process nor a full disk parts the two."""
READ_TOGETHER_S: Final = 0.001
"""A monitor that only watches hears many customers a millisecond late, at half the CPU. One that
opens cars itself times its own answers to the microsecond: see docs/decisions/0011."""
YOUNG_OBJECTS: Final = 20_000
"""Objects between two runs of the garbage collector: what is open is not collected in vain."""
SELDOM: Final = 20
"""Runs of it between two over what is older, Python's 10 doubled: an attempt lives for some
seconds, and is no garbage while it does [E]."""


async def serve(settings: ProbeSettings) -> None:
    """Run a probe until it is done or told to stop.

    Raises `BrokerError` when the broker stays away, `LimitError` for what the machine does not
    allow, `ConfigError` for settings that cannot be used.
    """
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, _nothing)
    profile = load_profile(settings.profile)
    with ExitStack() as stack:
        metrics = ProbeMetrics(
            new_registry(),
            version=version("unlockpath"),
            follows_platform=settings.platform is not None,
            asks_api=settings.tracking.door_file is not None,
            backends=() if settings.messages is None else settings.messages.backends,
        )
        clock = SystemClock()
        export = _export(settings, profile, metrics, clock)
        logger = _logger(settings, metrics, stack, export)
        metrics.set_last_ends(last_ends(settings.out_dir))
        jsonl = stack.enter_context(JsonlSink(settings.out_dir, _rotation(settings)))
        probe: Probe

        def sink_failed(name: str, error: Exception) -> None:
            metrics.count_sink_error(name)
            probe.complain("sink_failed", name, error=str(error))

        diagnoses = DiagnosesFile(settings.out_dir, _rotation(settings), on_error=sink_failed)
        stack.enter_context(diagnoses)
        sinks: dict[str, Sink] = {"jsonl": jsonl, "metrics": metrics, "log": LogSink(logger, clock)}
        if export is not None:
            sinks["otlp"] = export

        def store_complains(why: str) -> None:
            loop.call_soon_threadsafe(lambda: probe.complain("store_behind", "store", why=why))

        def broker_changed(broker: BrokerAddress, reason: Disconnected | None) -> None:
            probe.broker_changed(broker, reason)

        store = _store(settings, stack, metrics, store_complains)
        if store is not None:
            sinks["store"] = store
        timers = LoopTimers(loop)
        stack.callback(timers.close)
        messages = _messages(settings, metrics, logger, clock)
        alerting = _alerting(
            settings,
            stack,
            clock=clock,
            timers=timers,
            metrics=metrics,
            store=store,
            messages=messages,
            failed=sink_failed,
        )
        if alerting is not None:
            sinks["alerting"] = alerting
        fan_out = FanOut(
            sinks, on_error=sink_failed, needs=COUNTED_WHEN_WRITTEN, soon=loop.call_soon
        )
        probe = Probe(
            settings,
            links=_links(settings, profile, broker_changed),
            clock=clock,
            timers=timers,
            sink=fan_out,
            metrics=metrics,
            logger=logger,
            profile=profile,
        )
        probe.diagnose(shipped_ranking(), _told(diagnoses, store, alerting, fan_out.flush))
        if store is not None:
            probe.let_hear(store, store.platform_event)
        if alerting is not None:
            probe.let_hear(alerting)
            probe.on_connection = alerting.connection
        await _work(
            settings,
            probe,
            metrics=metrics,
            logger=logger,
            export=export,
            messages=messages,
            alerting=alerting,
            flush=fan_out.flush,
        )


async def _work(
    settings: ProbeSettings,
    probe: Probe,
    *,
    metrics: ProbeMetrics,
    logger: Logger,
    export: OtlpExport | None,
    messages: Messages | None,
    alerting: Alerting | None,
    flush: Callable[[], None],
) -> None:
    """Let a probe that is put together do its work, and end it in good order.

    `flush` sees to it that all its records are written.
    """

    def refresh() -> None:
        probe.refresh_gauges()
        if messages is not None:
            messages.refresh_gauges()

    def families() -> Iterable[Metric]:
        refresh()
        return metrics.registry.collect()

    server = _pages(
        settings, probe, metrics, refresh=refresh, messages=messages, alerting=alerting
    ).server()
    port = await server.start(
        settings.listen_host, settings.listen_port, or_free=settings.listen_or_free
    )
    if export is not None:
        export.start(families=families, complain=probe.complain)
    if messages is not None:
        messages.start()
    console = _console(settings)
    if console is not None:
        console.start(complain=probe.complain, tell=lambda url: logger.info("console", url=url))
    run = _Run(settings, probe, logger, port, flush)
    following = asyncio.ensure_future(_follow_platform(settings, probe))
    try:
        await run.run()
    finally:
        await _cancelled(following)
        probe.close()
        flush()
        await probe.synthetic.closed()
        _write_stats(settings.out_dir / STATS_FILE, probe, logger)
        if messages is not None:
            await messages.close(at_once=run.is_told_to_end)
        if export is not None:
            await export.close(at_once=run.is_told_to_end)
        if console is not None:
            await console.close()
        await server.stop()


def _told(
    diagnoses: DiagnosesFile,
    store: StoreWriter | None,
    alerting: Alerting | None,
    flush: Callable[[], None],
) -> Callable[[Diagnosis], None]:
    """Return what keeps a diagnosis; `flush` lets its record be written before it."""

    def tell(diagnosis: Diagnosis) -> None:
        flush()
        diagnoses.tell(diagnosis)
        if store is not None:
            store.diagnosis(diagnosis)
        if alerting is not None:
            alerting.diagnosis(diagnosis)

    return tell


def _messages(
    settings: ProbeSettings, metrics: ProbeMetrics, logger: Logger, clock: SystemClock
) -> Messages | None:
    """Return what tells people of incidents. Raises `LimitError` where it cannot remember them."""
    if settings.messages is None:
        return None
    try:
        return Messages(
            settings.messages,
            directory=settings.out_dir,
            metrics=metrics.messages,
            logger=logger,
            clock=clock,
        )
    except OSError as error:
        raise disk_error(settings.out_dir, error) from error


def _console(settings: ProbeSettings) -> ConsoleChild | None:
    """Return the console's process, where one is wanted: over the store, or else the records."""
    if settings.console is None:
        return None
    store = settings.store
    return ConsoleChild(
        settings.console,
        directory=settings.out_dir if store is None else store.directory,
        zone="UTC" if store is None else store.zone,
        audit_file=settings.console.audit_file_in(settings.out_dir),
    )


def _alerting(
    settings: ProbeSettings,
    stack: ExitStack,
    *,
    clock: SystemClock,
    timers: LoopTimers,
    metrics: ProbeMetrics,
    store: StoreWriter | None,
    messages: Messages | None,
    failed: Callable[[str, Exception], None],
) -> Alerting | None:
    """Return what finds problems and makes incidents of them, which are kept; None: nothing does.

    It takes up what the records of an earlier process say.
    """
    chosen = settings.detection
    if chosen is None:
        return None
    incidents = IncidentsFile(settings.out_dir, _rotation(settings), on_error=failed)
    stack.enter_context(incidents)

    def tell(incident: Incident) -> None:
        incidents.tell(incident)
        if store is not None:
            store.incident(incident)
        if messages is not None:
            messages.tell(incident)
        metrics.note_incident(incident, alerting.incidents.open)

    alerting = Alerting(
        clock=clock,
        timers=timers,
        tell=tell,
        words=minute_clock(zone_named(chosen.zone)),
        name=settings.client_id,
        windows=chosen.windows(),
    )
    stack.callback(alerting.close)
    alerting.take_up(last_attempts(settings.out_dir), last_incidents(settings.out_dir))
    return alerting


def _pages(
    settings: ProbeSettings,
    probe: Probe,
    metrics: ProbeMetrics,
    *,
    refresh: Callable[[], None],
    messages: Messages | None,
    alerting: Alerting | None,
) -> ProbePages:
    """Return what answers over HTTP. Raises `ConfigError` where it cannot take the log's posts."""

    def exposition(media_type: str) -> tuple[Iterator[bytes], str]:
        refresh()
        return metrics.exposition(media_type)

    posts: dict[str, Page] = {}
    max_body_bytes = MAX_BODY_BYTES
    if messages is not None:
        posts |= messages.pages(_nothing_to_act_on if alerting is None else alerting.act)
        max_body_bytes = MAX_ASKED_BYTES
    receiver = _otlp_receiver(settings, probe)
    if receiver is not None:
        posts[LOGS_PATH] = receiver.answer
        max_body_bytes = MAX_POST_BYTES
    return ProbePages(
        metrics=exposition,
        not_ready=probe.not_ready,
        posts=posts,
        max_body_bytes=max_body_bytes,
    )


def _nothing_to_act_on(_: IncidentAction) -> bool:
    """Do nothing to an incident: none is looked for."""
    return False


def _otlp_receiver(settings: ProbeSettings, probe: Probe) -> OtlpReceiver | None:
    """Return what takes posts of the platform's log. Raises `ConfigError` where that cannot be."""
    if settings.platform is None or not settings.platform.otlp or probe.platform is None:
        return None
    need_protobuf()
    return OtlpReceiver(probe.platform)


async def _follow_platform(settings: ProbeSettings, probe: Probe) -> None:
    """Read the platform's log, where it is a file, until cancelled."""
    path = None if settings.platform is None else settings.platform.log_file
    if path is None:
        return

    def on_problem(why: str) -> None:
        probe.complain("platform_log_unreadable", "file", path=str(path), why=why)

    with closing(TailedFile(path, max_line_bytes=MAX_LINE_BYTES)) as file:
        await follow(file, probe.take_platform_line, on_problem)


def drain_s(load: LoadSettings) -> float:
    """Return how long a probe that is told to stop waits for what is in flight, at most.

    An unlock that has just begun may last until its deadline, and one try to lock its car after
    that as long again.
    """
    relocks = load.unlocks and load.relock
    return load.deadline_s * (2 if relocks else 1) + DRAIN_MARGIN_S


class _Run:
    """One run: from the first connect to the last word on stdout."""

    def __init__(
        self,
        settings: ProbeSettings,
        probe: Probe,
        logger: Logger,
        http_port: int,
        flush: Callable[[], None],
    ) -> None:
        self._flush = flush
        self._settings = settings
        self._probe = probe
        self._logger = logger
        self._http_port = http_port
        self._told_to_stop = asyncio.Event()
        self._told_to_end = asyncio.Event()

    @property
    def is_told_to_end(self) -> bool:
        """Whether somebody does not want to wait."""
        return self._told_to_end.is_set()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._told_to_stop.set)
        loop.add_signal_handler(signal.SIGINT, self._interrupted)
        work = asyncio.ensure_future(self._work())
        end = asyncio.ensure_future(self._told_to_end.wait())
        try:
            await asyncio.wait({work, end}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
        finally:
            await _cancelled(work, end)
        self._probe.close()
        self._flush()
        self._say("done", **self._probe.counts())

    async def _work(self) -> None:
        stopping = asyncio.ensure_future(self._stop_when_told())
        try:
            await self._connect()
            if self._told_to_stop.is_set():
                return
            calm_garbage_collector(young=YOUNG_OBJECTS, middle=SELDOM, old=SELDOM)
            load_starts_at = self._probe.begin_load()
            url = at_url(self._settings.listen_host, self._http_port)
            self._say("ready", load_starts_at=load_starts_at, metrics_url=f"{url}/metrics")
            await self._until_done()
            self._probe.stop()
            await _until(lambda: self._probe.is_idle, drain_s(self._settings.tracking))
        finally:
            await _cancelled(stopping)

    async def _connect(self) -> None:
        """Connect, and learn what is retained. Raises `BrokerError` when that does not work out."""
        probe = self._probe
        wait_s = math.inf if self._settings.wait_s is None else self._settings.wait_s
        probe.watch_itself()
        probe.connect()
        await _until(
            lambda: probe.is_connected or probe.refusal is not None or self._told_to_stop.is_set(),
            wait_s,
        )
        if probe.refusal is not None:
            raise probe.refusal
        if not probe.is_connected and not self._told_to_stop.is_set():
            broker = self._settings.brokers
            raise BrokerUnreachableError(
                f"no connection to {broker} within {wait_s:g} s: {probe.last_error}"
            )
        settled_s = time.monotonic() + MAX_SETTLE_S
        seen = -1
        while seen != probe.retained and time.monotonic() < settled_s:
            seen = probe.retained
            await asyncio.sleep(SETTLE_S)

    async def _until_done(self) -> None:
        while not self._told_to_stop.is_set():
            if self._settings.exit_when_done and self._probe.is_done:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._told_to_stop.wait(), PROGRESS_S)
            self._say("progress", **self._probe.counts())

    async def _stop_when_told(self) -> None:
        await self._told_to_stop.wait()
        self._logger.info("stopping")
        self._probe.stop()

    def _interrupted(self) -> None:
        if self._told_to_stop.is_set():
            self._told_to_end.set()
        self._told_to_stop.set()

    def _say(self, event: str, **fields: Any) -> None:
        """Write a line for whoever started us; a reader that is gone or asleep must not stop us."""
        line = msgspec.json.encode({"event": event, **fields}) + b"\n"
        with contextlib.suppress(OSError):
            if select.select((), (STDOUT,), (), 0)[1]:
                os.write(STDOUT, line)


async def _until(predicate: Callable[[], bool], timeout_s: float) -> None:
    until_s = time.monotonic() + timeout_s
    while not predicate() and time.monotonic() < until_s:  # noqa: ASYNC110 - a few times a second
        await asyncio.sleep(POLL_S)


async def _cancelled(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _logger(
    settings: ProbeSettings, metrics: ProbeMetrics, stack: ExitStack, export: OtlpExport | None
) -> Logger:
    log_failed = partial(metrics.count_sink_error, "log")
    path = settings.log_file
    file = None if path is None else open_log(path, _rotation(settings))
    write = partial(write_all, STDERR) if file is None else file.append
    background = BackgroundWriter(write, on_lost=log_failed)

    def close() -> None:
        is_written = background.close()
        if file is not None and is_written:  # else the thread still has it
            file.close()

    stack.callback(close)

    def put(line: bytes) -> None:
        background.put(line)
        if export is not None:
            export.take_line(line)

    logger = make_logger(settings.log_level, LineWriter(put, on_error=log_failed), SystemClock())
    route_standard_library(logger, "warning", SystemClock())
    return logger


def _export(
    settings: ProbeSettings, profile: Profile, metrics: ProbeMetrics, clock: SystemClock
) -> OtlpExport | None:
    if settings.otlp is None:
        return None
    config = exporter_config(
        settings.otlp,
        broker=_broker_of_spans(settings, profile),
        resource={
            "service.name": "platform-probe",
            "service.namespace": "unlockpath",
            "service.version": version("unlockpath"),
            "service.instance.id": settings.client_id,
            "host.name": socket.gethostname(),
        },
        started_s=clock.unix_s(),
    )
    return OtlpExport(config, settings.otlp, clock=clock, metrics=metrics)


def _store(
    settings: ProbeSettings,
    stack: ExitStack,
    metrics: ProbeMetrics,
    on_problem: Callable[[str], None],
) -> StoreWriter | None:
    chosen = settings.store
    if chosen is None:
        return None
    limits = Limits(max_age_s=chosen.max_days * 86_400, max_bytes=round(chosen.max_gib * 2**30))
    try:
        store = StoreWriter(
            chosen.directory,
            limits,
            with_telemetry=chosen.telemetry,
            on_lost=partial(metrics.count_sink_error, "store"),
            on_problem=on_problem,
        )
    except OSError as error:
        raise disk_error(chosen.directory, error) from error
    return stack.enter_context(store)


def _broker_of_spans(settings: ProbeSettings, profile: Profile) -> Broker:
    """Return the broker as spans name it, with the topics of the profile in force."""
    broker = settings.brokers.first
    topics = {kind: profile.car_filters(kind, ANY_VEHICLE) for kind in TopicKind}
    return Broker(
        broker.host,
        broker.port,
        settings.mqtt_version(profile),
        {kind: found[0] for kind, found in topics.items() if found},
    )


def _rotation(settings: ProbeSettings) -> Rotation | None:
    chosen = settings.rotation
    if chosen is None:
        return None
    return Rotation(
        max_bytes=round(chosen.max_mib * 2**20), period_s=chosen.every_s, kept=chosen.keep
    )


def _nothing() -> None:
    """Live on after SIGHUP: each line goes to where its path leads, also after a rename."""


def _links(settings: ProbeSettings, profile: Profile, on_broker: OnBroker) -> LinkFactory:
    brokers, tls = settings.brokers, settings.tls
    context = tls_for(brokers, ca_file=tls.ca_file, cert_file=tls.cert_file, key_file=tls.key_file)
    version = settings.mqtt_version(profile)
    limits = LINK_LIMITS
    if settings.only_watches:
        limits = replace(limits, read_together_s=READ_TOGETHER_S)
    return spread_links(
        brokers,
        partial(link_factory, protocol=version, tls=context, limits=limits),
        vehicle_of=partial(vehicle_of_topic, profile),
        on_broker=on_broker,
    )


def _write_stats(path: Path, probe: Probe, logger: Logger) -> None:
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(probe.stats())) + b"\n")
    except OSError as error:
        logger.warning("stats_not_written", path=str(path), error=str(error))
