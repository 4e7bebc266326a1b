"""`platform-probe run`: puts the parts together, runs them, and ends them in good order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from prometheus_client.metrics_core import Metric

from fleet_wire.contract.incident import Incident, IncidentAction
from fleet_wire.links.link import BrokerAddress, Disconnected, Message
from fleet_wire.profiles.loading import load_profile
from fleet_wire.system_clock import SystemClock
from platform_probe.journal.entries import Entry
from platform_probe.journal.feed import JournalFeed, JournalTime
from platform_probe.judge.judge import Judgement
from platform_probe.judging import (
    Outlet,
    RunningJudge,
    file_outlet,
    log_outlet,
    messages_outlet,
    metrics_outlet,
    store_outlet,
)
from platform_probe.load.timers import LoopTimers
from platform_probe.outputs.earlier import (
    last_ends,
    recent,
    recent_calls,
    written_since,
)
from platform_probe.outputs.logs import (
    Logger,
    LogSink,
)
from platform_probe.outputs.messages.asking import Act
from platform_probe.outputs.messages.service import Messages
from platform_probe.outputs.metrics import ProbeMetrics
from platform_probe.outputs.otlp.sink import OtlpExport
from platform_probe.outputs.sinks import (
    DiagnosesFile,
    FanOut,
    IncidentsFile,
    JsonlSink,
    Sink,
)
from platform_probe.parts import (
    console_of,
    export_of,
    judge_of,
    links_of,
    logger_of,
    messages_of,
    metrics_of,
    pages_of,
    past_of,
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
    act: Act
    store: StoreWriter | None
    flush: Callable[[], None]
    """Sees to it that all records are written."""


async def serve(settings: ProbeSettings) -> None:  # noqa: C901, PLR0915
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
        incidents = IncidentsFile(settings.out_dir, rotation_of(settings), on_error=sink_failed)
        stack.enter_context(incidents)
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
        outlets = {"jsonl": _after(fan_out.flush, file_outlet(diagnoses, incidents))}
        if store is not None:
            outlets["store"] = store_outlet(store)
            probe.let_hear(store, store.platform_event)
        if messages is not None:
            outlets["messages"] = messages_outlet(messages)
        outlets |= {"metrics": metrics_outlet(metrics), "log": log_outlet(logger)}

        def set_aside(entry: Entry, trace: str) -> None:
            metrics.count_sink_error("judge")
            probe.complain("entry_set_aside", type(entry).__name__, traceback=trace)

        judge = RunningJudge(
            judge_of(settings), outlets, on_set_aside=set_aside, on_outlet_error=sink_failed
        )
        time = JournalTime(clock)
        judge.resume(past_of(settings.out_dir, at=time.now(), offset_s=0.0))
        for incident in judge.open_incidents:
            if messages is not None:  # what an earlier process did not come to tell
                messages.tell(incident)
        journal = JournalFeed(judge.append, clock=clock, time=time)
        probe.write_journal(journal)
        if last is not None:
            _take_up_again(probe, store, settings.out_dir, last)
        since = clock.unix_s() - TAKEN_UP_S
        probe.restore(
            recent(settings.out_dir, since=since), recent_calls(settings.out_dir, since=since)
        )

        def act(action: IncidentAction) -> bool:
            can_act = judge.can_act(action)
            journal.act(action)
            return can_act

        parts = _Parts(metrics, logger, export, messages, act, store, fan_out.flush)
        await _work(settings, probe, parts, last)


def _after(flush: Callable[[], None], outlet: Outlet) -> Outlet:
    """Return an outlet that sees to it that all records are written first."""

    def judged(judgement: Judgement, open_incidents: Sequence[Incident]) -> None:
        flush()
        outlet(judgement, open_incidents)

    return judged


def _take_up_again(probe: Probe, store: StoreWriter | None, out_dir: Path, last: LogPlace) -> None:
    """Let it know all unlocks that have a record, and whose lines are read once more.

    The store gets the records that were still on their way to it.
    """
    if not last.is_stop and last.earlier_records is not None and probe.joiner is not None:
        probe.joiner.take_up_again(written_since(out_dir, last.earlier_records))
    if store is not None and last.kept is not None and last.records is not None:
        for record in written_since(out_dir, last.records):
            store.emit(record)


async def _work(
    settings: ProbeSettings, probe: Probe, parts: _Parts, last: LogPlace | None
) -> None:
    """Let a probe that is put together do its work, and end it in good order."""
    metrics, logger, export, messages, act, store, flush = parts
    refresh = partial(_refresh_gauges, probe, messages)

    def families() -> Iterable[Metric]:
        refresh()
        return metrics.registry.collect()

    server = pages_of(
        settings, probe, metrics, refresh=refresh, messages=messages, act=act
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
