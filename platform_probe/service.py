"""`platform-probe run`: puts the parts together, runs them, and ends them in good order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterable
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from prometheus_client.metrics_core import Metric

from fleet_wire.contract.diagnosis import Diagnosis
from fleet_wire.links.link import BrokerAddress, Disconnected, Message
from fleet_wire.profiles.loading import load_profile
from fleet_wire.system_clock import SystemClock
from platform_probe.alerting import Alerting
from platform_probe.load.timers import LoopTimers
from platform_probe.outputs.earlier import (
    last_ends,
    recent,
    recent_calls,
    recent_diagnoses,
    written_since,
)
from platform_probe.outputs.logs import (
    Logger,
    LogSink,
)
from platform_probe.outputs.messages.service import Messages
from platform_probe.outputs.metrics import ProbeMetrics
from platform_probe.outputs.otlp.sink import OtlpExport
from platform_probe.outputs.sinks import (
    DiagnosesFile,
    FanOut,
    JsonlSink,
    Sink,
)
from platform_probe.parts import (
    alerting_of,
    console_of,
    export_of,
    links_of,
    logger_of,
    messages_of,
    metrics_of,
    pages_of,
    rotation_of,
    store_of,
)
from platform_probe.probe import Probe
from platform_probe.running import Run, cancelled
from platform_probe.settings import ProbeSettings
from platform_probe.store.writer import StoreWriter
from platform_probe.watching.follow import AT_ONCE, AT_ONCE_WATCHING, LOOK_S, follow
from platform_probe.watching.resumed import (
    LogPlace,
    Places,
    at_once_kept,
    forget_place,
    last_place,
    open_resumed,
)
from platform_probe.weights import shipped_ranking

STATS_FILE: Final = "probe_stats.json"
COUNTED_WHEN_WRITTEN: Final = {"metrics": "jsonl"}
"""What is counted is on disk: neither a killed process nor a full disk parts the two."""

TAKEN_UP_S: Final = 1800.0
"""Of so long an earlier process's unlocks are known to the next one: by them it compares cars, and
finds what a customer calls about."""
CARS_WAITED_S: Final = 30.0
"""So long lines of between stop and start wait for what the broker retains of their cars [E]."""


class _Parts(NamedTuple):
    """What a monitor has besides its probe."""

    metrics: ProbeMetrics
    logger: Logger
    export: OtlpExport | None
    messages: Messages | None
    alerting: Alerting | None
    store: StoreWriter | None
    flush: Callable[[], None]
    """Sees to it that all records are written."""


async def serve(settings: ProbeSettings) -> None:
    """Run a probe until it is done or told to stop.

    Raises `BrokerError` when the broker stays away, `LimitError` for what the machine does not
    allow, `ConfigError` for settings that cannot be used.
    """
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, _nothing)
    profile = load_profile(settings.profile)
    with ExitStack() as stack:
        metrics = metrics_of(settings)
        clock = SystemClock()
        export = export_of(settings, profile, metrics, clock)
        logger = logger_of(settings, metrics, stack, export)
        metrics.set_last_ends(last_ends(settings.out_dir))
        jsonl = stack.enter_context(JsonlSink(settings.out_dir, rotation_of(settings)))
        probe: Probe

        def sink_failed(name: str, error: Exception) -> None:
            metrics.count_sink_error(name)
            probe.complain("sink_failed", name, error=str(error))

        diagnoses = DiagnosesFile(settings.out_dir, rotation_of(settings), on_error=sink_failed)
        stack.enter_context(diagnoses)
        sinks: dict[str, Sink] = {"jsonl": jsonl, "metrics": metrics, "log": LogSink(logger, clock)}
        if export is not None:
            sinks["otlp"] = export

        def store_complains(why: str) -> None:
            loop.call_soon_threadsafe(lambda: probe.complain("store_behind", "store", why=why))

        def broker_changed(broker: BrokerAddress, reason: Disconnected | None) -> None:
            probe.broker_changed(broker, reason)

        def left_over(broker: BrokerAddress, message: Message) -> None:
            probe.left_over(broker, message)

        log_file = None if settings.platform is None else settings.platform.log_file
        last = last_place(log_file, settings.out_dir)
        kept = None if last is None else last.kept
        store = store_of(settings, stack, metrics, store_complains, kept)
        if last is None:
            forget_place(settings.out_dir)  # what we keep from now on is none of what it counted
        if store is not None:
            sinks["store"] = store
        timers = LoopTimers(loop)
        stack.callback(timers.close)
        messages = messages_of(settings, metrics, logger, clock)
        alerting = alerting_of(
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
            links=links_of(settings, profile, on_broker=broker_changed, on_left_over=left_over),
            clock=clock,
            timers=timers,
            sink=fan_out,
            metrics=metrics,
            logger=logger,
            profile=profile,
        )
        probe.diagnose(shipped_ranking(), _told(diagnoses, store, alerting, fan_out.flush))
        _let_hear(probe, store, alerting)
        if last is not None:
            _take_up_again(probe, store, settings.out_dir, last)
        _take_up(probe, settings.out_dir, since=clock.unix_s() - TAKEN_UP_S)
        parts = _Parts(metrics, logger, export, messages, alerting, store, fan_out.flush)
        await _work(settings, probe, parts, last)


def _let_hear(probe: Probe, store: StoreWriter | None, alerting: Alerting | None) -> None:
    """Hand on what is heard to those who keep it, and who look for problems."""
    if store is not None:
        probe.let_hear(store, store.platform_event)
    if alerting is not None:
        probe.let_hear(alerting, alerting.platform_said)
        probe.on_connection = alerting.connection
        probe.watch_unanswered(alerting.unanswered)


def _take_up_again(probe: Probe, store: StoreWriter | None, out_dir: Path, last: LogPlace) -> None:
    """Let it know all unlocks that have a record, and whose lines are read once more.

    The store gets the records that were still on their way to it.
    """
    if not last.is_stop and last.earlier_records is not None and probe.joiner is not None:
        probe.joiner.take_up_again(written_since(out_dir, last.earlier_records))
    if store is not None and last.kept is not None and last.records is not None:
        for record in written_since(out_dir, last.records):
            store.emit(record)


def _take_up(probe: Probe, out_dir: Path, *, since: float) -> None:
    """Let it know what an earlier process has written since a moment, Unix seconds."""
    probe.take_up(
        recent(out_dir, since=since),
        recent_diagnoses(out_dir, since=since),
        recent_calls(out_dir, since=since),
    )


async def _work(
    settings: ProbeSettings, probe: Probe, parts: _Parts, last: LogPlace | None
) -> None:
    """Let a probe that is put together do its work, and end it in good order."""
    metrics, logger, export, messages, alerting, store, flush = parts
    refresh = partial(_refresh_gauges, probe, messages)

    def families() -> Iterable[Metric]:
        refresh()
        return metrics.registry.collect()

    server = pages_of(
        settings, probe, metrics, refresh=refresh, messages=messages, alerting=alerting
    ).server()
    port = await server.start(
        settings.listen_host, settings.listen_port, or_free=settings.listen_or_free
    )
    if export is not None:
        export.start(families=families, complain=probe.complain)
    if messages is not None:
        messages.start()
    console = console_of(settings)
    if console is not None:
        console.start(complain=probe.complain, tell=lambda url: logger.info("console", url=url))
    run = Run(settings, probe, logger, port, flush)
    stopped = ExitStack()
    following = asyncio.ensure_future(_follow_platform(settings, probe, store, last, stopped))
    try:
        await run.run()
    finally:
        await cancelled(following)
        probe.close()
        flush()
        stopped.close()  # only now has all that was under way a record
        await probe.synthetic.closed()
        _write_stats(settings.out_dir / STATS_FILE, probe, logger)
        if alerting is not None:
            alerting.close()  # what it finds at last is told too
        for sender in (messages, export):
            if sender is not None:
                await sender.close(at_once=run.is_told_to_end)
        if console is not None:
            await console.close()
        await server.stop()


def _refresh_gauges(probe: Probe, messages: Messages | None) -> None:
    """Bring all gauges up to date, before they are read."""
    probe.refresh_gauges()
    if messages is not None:
        messages.refresh_gauges()


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


async def _follow_platform(
    settings: ProbeSettings,
    probe: Probe,
    store: StoreWriter | None,
    last: LogPlace | None,
    stopped: ExitStack,
) -> None:
    """Read the platform's log, where it is a file, until cancelled; begin where it was `last`.

    `stopped` is to be closed when all that was under way has a record.
    """
    path = None if settings.platform is None else settings.platform.log_file
    if path is None:
        return

    def on_problem(why: str) -> None:
        probe.complain("platform_log_unreadable", "file", path=str(path), why=why)

    def is_behind() -> bool:
        return store is not None and store.is_behind

    loop = asyncio.get_running_loop()

    def place_not_written(why: str) -> None:
        complain = partial(probe.complain, "sink_failed", "platform_log_place", error=why)
        loop.call_soon_threadsafe(complain)

    def on_end() -> None:
        probe.caught_up()
        if store is not None:
            store.caught_up()

    clock = SystemClock()
    is_alone = settings.watch_group is None  # else the others have what comes meanwhile
    within_s = settings.tracking.late_window_s if is_alone else 0.0
    file, has_missed = open_resumed(path, last, clock=clock, within_s=within_s)
    if has_missed and probe.joiner is not None:
        probe.joiner.missed()
    with closing(file):
        at_once = AT_ONCE_WATCHING if settings.only_watches else AT_ONCE
        if file.is_resumed:
            probe.catch_up()
            await _until_begun(probe)
        places = Places(
            file,
            path,
            settings.out_dir,
            clock=clock,
            on_end=on_end,
            on_problem=place_not_written,
            when_kept=at_once_kept if store is None else store.when_kept,
        )
        stopped.callback(places.stopped)
        await follow(
            file,
            lambda lines: probe.take_platform_lines(lines, is_again=file.is_again),
            on_problem,
            is_behind,
            at_once=at_once,
            on_taken=places.taken,
        )


async def _until_begun(probe: Probe) -> None:
    """Wait until it is known which cars there are, for a while: what is late already can wait."""
    for _ in range(round(CARS_WAITED_S / LOOK_S)):
        if probe.has_begun:
            return
        await asyncio.sleep(LOOK_S)


def _nothing() -> None:
    """Live on after SIGHUP: each line goes to where its path leads, also after a rename."""


def _write_stats(path: Path, probe: Probe, logger: Logger) -> None:
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(probe.stats())) + b"\n")
    except OSError as error:
        logger.warning("stats_not_written", path=str(path), error=str(error))
