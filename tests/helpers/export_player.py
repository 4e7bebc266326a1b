"""Plays transcripts of the exporter: what a backend on a real port gets, and what is reported."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from unittest import mock

from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from prometheus_client import CollectorRegistry, Gauge, Histogram
from prometheus_client import Counter as PrometheusCounter

from fleet_wire.contract.attempt import Attempt
from platform_probe.outputs.otlp import process
from platform_probe.outputs.otlp.lines import ExporterConfig, Report
from platform_probe.settings.otlp import Signal
from tests.helpers.fake_clock import EPOCH_S
from tests.helpers.join_player import JoinPlayer
from tests.helpers.otlp_lines import config_for, log_line, metrics_line, trace_line
from tests.helpers.otlp_receiver import OtlpReceiver, attributes, otlp_receiver, values_of
from tests.helpers.track_player import TrackPlayer
from tests.helpers.transcripts import DETAIL, Player

PROTOBUF = {"Content-Type": "application/x-protobuf"}
USUAL = ("messaging.", "network.", "server.", "unlockpath.attempt_id", "unlockpath.vehicle_id")
"""Beginnings of attributes that are told of a `whole` trace alone."""


OF_THE_SDK = ("telemetry.", "service.instance.id")


def exported(config: ExporterConfig, *lines: bytes) -> Report:
    """Export these lines to the end; return all that was reported."""
    reports: list[Report] = []
    with (
        mock.patch.object(process, "GATHER_S", 0.05),
        mock.patch.object(process, "REPORT_EVERY_S", 0.05),
    ):
        process.run(config, BytesIO(b"".join(lines)), reports.append)
    totals = {name: Counter[Signal]() for name in ("exported", "overflown", "undelivered")}
    for one in reports:
        for name, total in totals.items():
            total.update(getattr(one, name))
    errors = [one.error for one in reports if one.error]
    counts = {name: dict(total) for name, total in totals.items()}
    return Report(error=errors[-1] if errors else None, **counts)


def registry_with(count: int) -> CollectorRegistry:
    """Return a counter, a gauge and a histogram, after so much has happened, and some without."""
    registry = CollectorRegistry()
    PrometheusCounter("doors", "Doors.", ["side"], registry=registry).labels("left").inc(count)
    Gauge("boxes", "Boxes.", registry=registry).set(7)
    took = Histogram("took_seconds", "Took.", registry=registry, buckets=(1, 2))
    for _ in range(count):
        took.observe(1.5)
    PrometheusCounter("windows", "Windows.", ["side"], registry=registry)
    Gauge("keys", "Keys.", ["side"], registry=registry)
    Histogram("waited_seconds", "Waited.", ["side"], registry=registry)
    return registry


@dataclass
class ExportPlayer(Player):
    """An exporter before a backend; it exports what a row has led to.

    Unlocks are those of a tracker, or behind `platform` of a joiner. `whole` tells all attributes
    and the resource, `answers` how the backend answers, `nobody` that there is none.
    """

    inner: TrackPlayer | JoinPlayer = field(default_factory=TrackPlayer)
    settings: dict[str, Any] = field(default_factory=dict)
    behaviour: dict[str, Any] = field(default_factory=lambda: {"answers_with": PROTOBUF})
    is_whole: bool = False
    url: str | None = None
    lines: list[bytes] = field(default_factory=list)
    seen: list[Attempt] = field(default_factory=list)

    def verbs(self) -> Mapping[str, Callable[..., object]]:
        """Return the function of each verb."""
        return {
            **super().verbs(),
            **self.inner.verbs(),
            "garbage": lambda text: self.lines.append(str(text).replace(r"\n", "\n").encode()),
            "log": lambda **more: self.lines.append(
                log_line(**{name: _read(value) for name, value in more.items()})
            ),
            "metrics": lambda count, at=15: self.lines.append(
                metrics_line(registry_with(count), EPOCH_S + at)
            ),
            "nobody": lambda: setattr(self, "url", "http://127.0.0.1:1"),
            "platform": lambda: setattr(self, "inner", JoinPlayer()),
            "set": lambda **more: self.settings.update(
                {name: _read(value) for name, value in more.items()}
            ),
            "whole": lambda: setattr(self, "is_whole", True),
        }

    def news(self) -> list[str]:
        """Export the unlocks and lines that came since it was asked last; return what arrived."""
        records = [one for one in self.inner.bench.records if isinstance(one, Attempt)]
        new = [one for one in records if not any(one is each for each in self.seen)]
        self.seen += new
        lines, self.lines[:] = [*map(trace_line, new), *self.lines], []
        if not lines:
            return []
        with otlp_receiver(**self.behaviour) as backend:
            report = exported(config_for(self.url or backend.url, **self.settings), *lines)
            return [_of_report(report), *self._arrived(backend)]

    def _do_answers(self, status: int = 200, body: str = "", **headers: str) -> None:
        self.behaviour = {
            "status": status,
            "body": bytes.fromhex(body),
            "answers_with": {**PROTOBUF, **headers},
        }

    def _arrived(self, backend: OtlpReceiver) -> Iterator[str]:
        if self.is_whole:
            yield f"resource {_words(backend.resources[0], OF_THE_SDK)}"
            yield f"encoding {backend.headers[0]['content-encoding']}, {dict(backend.paths)}"
        hidden = () if self.is_whole else USUAL
        root_id = b""
        for span in backend.spans:
            if span.name == "unlock":
                root_id = span.span_id
            else:
                assert span.parent_span_id == root_id
            yield _of_span(span, hidden)
        yield from (_of_log(one) for one in backend.logs)
        for collection in backend.collections:
            yield from map(_of_metric, collection.values())


def _read(value: Any) -> Any:
    is_json = isinstance(value, str) and value.startswith(("{", "["))
    return json.loads(value) if is_json else value


def _of_report(report: Report) -> str:
    parts = [
        f"{name} {', '.join(f'{number} {signal}' for signal, number in sorted(counts.items()))}"
        for name in ("exported", "overflown", "undelivered")
        if (counts := getattr(report, name))
    ]
    error = re.sub(r".*\[Errno \d+\] ([A-Za-z ]+).*", r"\1", report.error or "")
    return "; ".join([*parts, *filter(None, [error])]) or "nothing reported"


def _of_span(span: Span, hidden: tuple[str, ...]) -> str:
    kind = Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower()
    begin_s, end_s = (
        f"{nanoseconds / 1e9 - EPOCH_S:.4g}"
        for nanoseconds in (span.start_time_unix_nano, span.end_time_unix_nano)
    )
    failed = span.status.code == Status.STATUS_CODE_ERROR
    why = f", failed{': ' + span.status.message if span.status.message else ''}" if failed else ""
    is_root = span.name == "unlock"
    below = f" below {span.parent_span_id.hex()}" if is_root and span.parent_span_id else ""
    text = f"{span.name}{below}, {kind}, {begin_s} to {end_s} s{why}"
    said = _words(attributes(span), hidden)
    return f"{'' if is_root else DETAIL}{text}; {said}"


def _of_log(record: LogRecord) -> str:
    at_s = record.time_unix_nano / 1e9 - EPOCH_S
    trace = f" of {record.trace_id.hex()}" if record.trace_id else ""
    said = _words(attributes(record), ())
    return f"{record.severity_text} at {at_s:.4g}{trace}: {record.body.string_value}; {said}"


def _of_metric(metric: Metric) -> str:
    if metric.WhichOneof("data") == "histogram":
        (point,) = metric.histogram.data_points
        since_s, at_s = (
            nanoseconds / 1e9 - EPOCH_S
            for nanoseconds in (point.start_time_unix_nano, point.time_unix_nano)
        )
        counts = "+".join(map(str, point.bucket_counts))
        bounds = ", ".join(f"{bound:g}" for bound in point.explicit_bounds)
        value = f"{point.count} of {point.sum:g} {metric.unit}, {counts} up to {bounds}"
        return f"{metric.name}: {value}, from {since_s:g} to {at_s:g} s"
    series = (
        f"{' '.join(label for _, label in labels)} {value:g}".strip()
        for labels, value in values_of(metric).items()
    )
    is_sum = metric.WhichOneof("data") == "sum"
    kind = "counter" if is_sum and metric.sum.is_monotonic else "gauge"
    return f"{metric.name}, {kind}, {metric.description} {', '.join(series)}"


def _words(said: Mapping[str, Any], hidden: tuple[str, ...]) -> str:
    told = (f"{name}={value}" for name, value in said.items() if not name.startswith(hidden))
    return " ".join(told)
