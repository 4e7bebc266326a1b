"""The monitor's end of the export: a sink that hands everything to the exporter's process.

Nothing here waits for anybody. Items that the exporter does not read in time stay here until the
bound, and are then dropped and counted. An exporter that dies is started again.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from importlib.util import find_spec
from typing import Final

import msgspec
from prometheus_client.metrics_core import Metric

from fleet_wire.child_process import ChildProcess
from fleet_wire.clock import Clock
from fleet_wire.contract.attempt import Attempt, Record, Source
from fleet_wire.errors import ConfigError
from platform_probe.outputs.families import Family
from platform_probe.outputs.metrics import ProbeMetrics, Unexported
from platform_probe.outputs.otlp.lines import LETTERS, ExporterConfig, Report, Target
from platform_probe.outputs.otlp.spans import Broker
from platform_probe.settings.otlp import OtlpSettings, Signal

DRAIN_S: Final = 5.0
"""How long, at the end, a backend gets to take what still waits."""
DRAIN_MARGIN_S: Final = 1.0
"""An exporter that is not done so long after its time is killed."""
HAND_ON_EVERY_S: Final = 0.1
"""Lines go to the exporter together: a write for each would cost more than the line."""
MAX_WRITTEN_BYTES: Final = 2**18
"""While so much has been written and not been read, lines wait here, where they are counted."""
MODULE: Final = "platform_probe.outputs.otlp.process"
_SIGNALS: Final = {letter[0]: signal for signal, letter in LETTERS.items()}
_SDK: Final = "opentelemetry.exporter.otlp.proto.http"


def exporter_config(
    settings: OtlpSettings, *, broker: Broker, resource: Mapping[str, str], started_s: float
) -> ExporterConfig:
    """Return what the exporter has to know. Raises `ConfigError` for what cannot be.

    `resource` says who sends; what the settings say goes before it. `started_s` is Unix time.
    """
    check_sdk()
    return ExporterConfig(
        targets={
            signal: Target(settings.url_of(signal), settings.headers_of(signal))
            for signal in settings.signals
        },
        ca_file=None if settings.ca_file is None else str(settings.ca_file),
        timeout_s=settings.timeout_s,
        max_queued=settings.max_queued,
        drain_s=DRAIN_S,
        resource={**resource, **settings.resource},
        broker=broker,
        started_ns=round(started_s * 1e9),
        is_delta=settings.metrics.temporality == "delta",
        version=resource["service.version"],
    )


def check_sdk() -> None:
    """Raise `ConfigError` where the packages are not there that the exporter needs."""
    try:
        is_there = find_spec(_SDK) is not None
    except ModuleNotFoundError:
        is_there = False
    if not is_there:
        raise ConfigError(
            ["otlp needs the OpenTelemetry SDK, which is not there: pip install 'unlockpath[otlp]'"]
        )


class OtlpExport:
    """Takes records, lines of the log and the metrics; a sink of records."""

    def __init__(
        self,
        config: ExporterConfig,
        settings: OtlpSettings,
        *,
        clock: Clock,
        metrics: ProbeMetrics,
    ) -> None:
        self._child = ChildProcess(MODULE, config, on_line=self._on_line, on_end=self._on_end)
        self._signals = frozenset(config.targets)
        self._max_queued = settings.max_queued
        self._collect_every_s = settings.metrics.every_s
        self._clock = clock
        self._metrics = metrics
        self._families: Callable[[], Iterable[Metric]]
        self._complain: Callable[..., None]
        self._encode = msgspec.json.Encoder().encode
        self._decode_report = msgspec.json.Decoder(Report).decode
        self._lines: deque[bytes] = deque()
        """Items that wait for the exporter. Threads that log put into it too."""
        self._with_exporter: Counter[Signal] = Counter()
        """Items that the exporter has, and has not reported on."""
        self._dropped: Counter[Signal] = Counter()
        self._tasks: list[asyncio.Task[None]] = []

    def emit(self, record: Record) -> None:
        """Queue the record of an unlock. Those of the null box are no traces.

        Nor are later revisions: a backend keeps each span as it came first, or shows it twice.
        """
        if not isinstance(record, Attempt) or record.source is Source.FLOOR:
            return
        if record.is_first:
            self._queue_payload(Signal.TRACES, self._encode(record) + b"\n")

    def take_line(self, line: bytes) -> None:
        """Queue a line of the log, with its end. Never blocks; any thread may call it."""
        self._queue_payload(Signal.LOGS, line)

    def start(
        self, *, families: Callable[[], Iterable[Metric]], complain: Callable[..., None]
    ) -> None:
        """Start the exporter, and begin to feed it. Call it in the event loop.

        `families` returns all metrics, brought up to date; `complain` logs at a limited rate.
        """
        self._families, self._complain = families, complain
        self._child.start()
        work = [self._hand_on_for_ever()]
        if Signal.METRICS in self._signals:
            work.append(self._collect_for_ever())
        self._tasks = [asyncio.ensure_future(each) for each in work]

    async def close(self, *, at_once: bool = False) -> None:
        """Hand on what there is, and wait until the backend has it, for `DRAIN_S` at most."""
        await self._child.was_started.wait()
        for task in self._tasks:
            task.cancel()
        if Signal.METRICS in self._signals:
            await self._collect()
        self._hand_on()
        await self._child.close(within_s=0 if at_once else DRAIN_S + DRAIN_MARGIN_S)
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._drop(self._with_exporter, Unexported.ENDED)
        self._drop(_count_by_signal(self._lines), Unexported.ENDED)

    # Handing on

    def _queue_payload(self, signal: Signal, payload: bytes) -> None:
        if signal not in self._signals:
            return
        if len(self._lines) < self._max_queued:
            self._lines.append(LETTERS[signal] + payload)
        else:
            self._drop({signal: 1}, Unexported.QUEUE_FULL)

    async def _hand_on_for_ever(self) -> None:
        while True:
            await asyncio.sleep(HAND_ON_EVERY_S)
            self._hand_on()

    def _hand_on(self) -> None:
        process = self._child.process
        pipe = None if process is None else process.stdin
        if pipe is None or pipe.is_closing() or not self._lines:
            return
        if pipe.transport.get_write_buffer_size() < MAX_WRITTEN_BYTES:
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            self._with_exporter.update(_count_by_signal(lines))
            pipe.write(b"".join(lines))

    async def _collect_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._collect_every_s)
            await self._collect()

    async def _collect(self) -> None:
        """Collect the metrics, one in each turn of the event loop, between unlocks."""
        at_ns = round(self._clock.unix_s() * 1e9)
        parts = []
        for one in self._families():
            parts.append(self._encode(Family.from_metric(one)))
            await asyncio.sleep(0)
        self._queue_payload(Signal.METRICS, b"[%d,[%b]]\n" % (at_ns, b",".join(parts)))

    # The exporter

    def _on_end(self, reason: str, _wait_s: float) -> None:
        self._drop(self._with_exporter, Unexported.ENDED)
        self._with_exporter.clear()
        self._complain(
            "otlp_exporter_ended",
            "exporter",
            reason=reason,
            explanation="the process that exports ended, and is started again in a while; what"
            " it had is dropped and counted",
        )

    def _on_line(self, line: bytes) -> None:
        with suppress(msgspec.MsgspecError):  # no report: what a library has printed
            self._take_report(self._decode_report(line))

    def _take_report(self, report: Report) -> None:
        for signal, count in report.exported.items():
            self._metrics.exported[signal].inc(count)
        self._drop(report.overflown, Unexported.QUEUE_FULL)
        self._drop(report.undelivered, Unexported.UNDELIVERED)
        for counts in (report.exported, report.overflown, report.undelivered):
            self._with_exporter.subtract(counts)
        if report.overflown or report.undelivered:
            self._complain(
                "otlp_dropped",
                "queue" if report.error is None else "backend",  # a reason is always told
                dropped=dict(self._dropped),
                error=report.error,
                explanation="the OTLP backend is slower than what comes, or does not take it:"
                " unlocks, log lines and collections of metrics dropped since the start",
            )

    def _drop(self, counts: Mapping[Signal, int], why: Unexported) -> None:
        for signal, count in counts.items():
            self._dropped[signal] += count
            self._metrics.unexported[signal, why].inc(count)


def _count_by_signal(lines: Iterable[bytes]) -> Counter[Signal]:
    return Counter(_SIGNALS[line[0]] for line in lines)
