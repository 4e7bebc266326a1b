"""`platform-probe run`: puts the parts together, runs them, and ends them in good order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from prometheus_client.metrics_core import Metric

from fleet_wire.contract.attempt import Record
from fleet_wire.links.link import BrokerAddress, Disconnected, Message
from fleet_wire.profiles.loading import load_profile
from fleet_wire.system_clock import SystemClock
from platform_probe.journal.feed import JournalFeed, JournalTime
from platform_probe.journal.writer import JournalWriter
from platform_probe.judge_process.child import JudgeChild
from platform_probe.judge_process.outlets import hold_store, ranking_of, rotation_of
from platform_probe.judge_process.protocol import JudgeConfig, judge_settings
from platform_probe.measure.load.timers import LoopTimers
from platform_probe.measure.probe import Probe
from platform_probe.measure.watching.follow import AT_ONCE, AT_ONCE_WATCHING, LOOK_S, follow
from platform_probe.measure.watching.resuming import (
    EarlierJournal,
    LogPositions,
    complete_records,
    open_resumed,
    read_before,
)
from platform_probe.outputs.earlier import last_ends, recent, recent_calls
from platform_probe.outputs.logs import Complaints, Logger, LogSink
from platform_probe.outputs.metrics import ProbeMetrics
from platform_probe.outputs.otlp.sink import OtlpExport
from platform_probe.outputs.sinks import FanOut, JsonlSink, Sink, disk_errors
from platform_probe.service.monitor_parts import (
    console_of,
    export_of,
    links_of,
    logger_of,
    metrics_of,
    pages_of,
    sinks_of_others,
)
from platform_probe.service.running import Run, cancelled
from platform_probe.settings.monitor import ProbeSettings

STATS_FILE: Final = "probe_stats.json"
COUNTED_WHEN_WRITTEN: Final = {"metrics": "jsonl"}
"""What is counted is on disk: neither a killed process nor a full disk parts the two."""

TAKEN_UP_S: Final = 1800.0
"""The age up to which an earlier process's unlocks are known to the next one.

They serve to compare cars, and to find the unlock that a customer calls about.
"""
CARS_WAITED_S: Final = 30.0
"""The time for which lines from between stop and start wait for the retained messages of their cars
[E].
"""


class _MonitorParts(NamedTuple):
    """The parts of a measuring process besides its probe."""

    metrics: ProbeMetrics
    logger: Logger
    complain: Callable[..., None]
    export: OtlpExport | None
    writer: JournalWriter
    judge: JudgeChild
    time: JournalTime
    flush: Callable[[], None]
    """Sees to it that all records are written."""


class _JournalFirst:
    """A sink before all others: a record is in the journal before it is anywhere else."""

    def __init__(self, flush: Callable[[], None]) -> None:
        self._flush = flush

    def emit(self, _: Record) -> None:
        """Write what waits, this record with it."""
        self._flush()

    def emit_together(self, _: Sequence[Record]) -> None:
        """Write what waits, these records with it."""
        self._flush()


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
        logger, put_line = logger_of(settings, metrics, stack, export)
        complain = Complaints(logger, clock).complain
        hold_store(settings, stack)
        ranking_of(settings.weights)  # a file that the judge cannot use ends the start
        before = read_before(settings.journal_dir)
        writer = _journal_writer(settings, metrics, stack, complain)
        if before is not None:
            with disk_errors(settings.out_dir):
                complete_records(settings.out_dir, before.records)
        metrics.set_last_ends(last_ends(settings.out_dir))
        jsonl = stack.enter_context(
            JsonlSink(settings.out_dir, rotation_of(settings), writer.json_line)
        )

        sinks: dict[str, Sink] = {
            "journal": _JournalFirst(writer.flush),
            "jsonl": jsonl,
            "metrics": metrics,
            "log": LogSink(logger, clock),
            **({} if export is None else {"otlp": export}),
            **sinks_of_others(settings),
        }
        timers = LoopTimers(loop)
        stack.callback(timers.close)
        fan_out = _fan_out(sinks, metrics, complain)
        probe: Probe

        def broker_changed(broker: BrokerAddress, reason: Disconnected | None) -> None:
            probe.connection.broker_changed(broker, reason)

        def left_over(broker: BrokerAddress, message: Message) -> None:
            probe.connection.left_over(broker, message)

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
        time = JournalTime(clock)
        feed = JournalFeed(writer.append, clock=clock, time=time)
        probe.write_journal(feed)
        _restore(probe, settings, before, since=clock.unix_s() - TAKEN_UP_S)
        judge = JudgeChild(
            JudgeConfig(judge_settings(settings)),
            on_log=put_line,
            on_families=metrics.judge.show,
            on_action=feed.act,
            on_label=feed.label,
            complain=complain,
        )
        parts = _MonitorParts(metrics, logger, complain, export, writer, judge, time, fan_out.flush)
        await _work(settings, probe, parts, feed, before)


def _fan_out(
    sinks: Mapping[str, Sink], metrics: ProbeMetrics, complain: Callable[..., None]
) -> FanOut:
    """Return what hands records to all sinks, and counts and logs what one of them could not."""

    def sink_failed(name: str, error: Exception) -> None:
        metrics.sink_errors[name].inc()
        complain("sink_failed", name, error=str(error))

    soon = asyncio.get_running_loop().call_soon
    return FanOut(sinks, on_error=sink_failed, needs=COUNTED_WHEN_WRITTEN, soon=soon)


def _journal_writer(
    settings: ProbeSettings, metrics: ProbeMetrics, stack: ExitStack, complain: Callable[..., None]
) -> JournalWriter:
    """Return what writes the journal. Raises `LimitError` where the disk allows none."""
    with disk_errors(settings.out_dir):
        writer = JournalWriter(
            settings.journal_dir,
            max_bytes=round(settings.journal.max_gib * 2**30),
            max_age_s=settings.journal.max_hours * 3600.0,
            soon=asyncio.get_running_loop().call_soon,
            on_lost=metrics.sink_errors["journal"].inc,
            on_problem=lambda why: complain("sink_failed", "journal", error=why),
        )
    return stack.enter_context(writer)


def _restore(
    probe: Probe, settings: ProbeSettings, before: EarlierJournal | None, *, since: float
) -> None:
    """Restore the unlocks of an earlier process in the probe."""
    if before is not None and not before.is_stop and probe.joiner is not None:
        probe.joiner.restore_for_reread(before.attempts)
    out_dir = settings.out_dir
    probe.restore(recent(out_dir, since=since), recent_calls(out_dir, since=since))


async def _work(
    settings: ProbeSettings,
    probe: Probe,
    parts: _MonitorParts,
    feed: JournalFeed,
    before: EarlierJournal | None,
) -> None:
    """Run a complete probe, and end it in good order."""
    metrics, logger, complain, export, writer, judge, time, flush = parts
    began_at = time.seconds()

    def refresh() -> None:
        judged_at = began_at if judge.judged_at is None else judge.judged_at
        metrics.judge_lag.set(max(time.seconds() - judged_at, 0.0))
        metrics.journal_waiting.set(writer.waiting_bytes)
        probe.refresh_gauges()

    def families() -> Iterable[Metric]:
        refresh()
        return metrics.registry.collect()

    server = pages_of(settings, probe, metrics, refresh=refresh, judge=judge).server()
    port = await server.start(
        settings.listen_host, settings.listen_port, or_free=settings.listen_or_free
    )
    if export is not None:
        export.start(families=families, complain=complain)
    judge.start()
    console = console_of(settings, port)
    if console is not None:
        console.start(complain=complain, tell=lambda url: logger.info("console", url=url))
    run = Run(settings, probe, logger, port, flush)
    following = asyncio.ensure_future(_follow_platform(settings, probe, feed, before, complain))
    try:
        await run.run()
    finally:
        await cancelled(following)
        probe.close()
        flush()
        writer.flush()
        await probe.synthetic.closed()
        _write_stats(settings.out_dir / STATS_FILE, probe, logger)
        await judge.close(at_once=run.is_told_to_end)
        if export is not None:
            await export.close(at_once=run.is_told_to_end)
        if console is not None:
            await console.close()
        await server.stop()


async def _follow_platform(
    settings: ProbeSettings,
    probe: Probe,
    feed: JournalFeed,
    before: EarlierJournal | None,
    complain: Callable[..., None],
) -> None:
    """Read the platform's log, where it is a file, until cancelled; begin where it was read to."""
    if settings.platform is None or probe.platform is None:
        return
    clock = SystemClock()
    path = settings.platform.log_file
    is_alone = settings.watch_group is None  # else the others have what comes meanwhile
    within_s = settings.tracking.late_window_s if is_alone else 0.0
    is_recent = before is not None and clock.unix_s() - before.at <= within_s
    again = before.events if before is not None and is_recent and not before.is_stop else ()
    if again:
        probe.catch_up()
        await _until_begun(probe)
        probe.platform.restore_events(again)
    if path is None:
        probe.caught_up()
        return

    def on_problem(why: str) -> None:
        complain("platform_log_unreadable", "file", path=str(path), why=why)

    file, has_missed = open_resumed(path, before, unix_s=clock.unix_s(), within_s=within_s)
    if has_missed and probe.joiner is not None:
        probe.joiner.missed()
    with closing(file):
        at_once = AT_ONCE_WATCHING if settings.only_watches else AT_ONCE
        if file.is_resumed:
            probe.catch_up()
            await _until_begun(probe)
        positions = LogPositions(file, path, note=feed.log_position, on_end=probe.caught_up)
        await follow(
            file,
            probe.take_platform_lines,
            on_problem,
            at_once=at_once,
            on_taken=positions.taken,
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
