"""Hands traces, logs and metrics to the OpenTelemetry SDK, and by its exporters to a backend.

Spans and log records are made as the SDK's finished ones, and not by its tracers and loggers. The
unlocks are over, and their ids have been on the wire. The metrics are those of the monitor's own
registry: what a backend has and what `/metrics` shows are the same numbers under the same names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec
import requests
from google.protobuf.message import DecodeError
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExportResult
from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags
from opentelemetry.trace import SpanKind as SdkSpanKind

from fleet_wire.contract.attempt import Attempt
from fleet_wire.contract.causes import CAUSES
from fleet_wire.error_text import shortened
from platform_probe.outputs.families import Family, Sample
from platform_probe.outputs.otlp.lines import Collection, ExporterConfig, Target
from platform_probe.outputs.otlp.spans import (
    Span,
    SpanKind,
    flat,
    hops_at,
    spans_of,
)
from platform_probe.settings.otlp import Signal

Export = Callable[[Sequence[bytes]], str | None]
"""Hands a batch of lines on; returns what went wrong, or None."""
SCOPE: Final = "platform_probe"
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
_KINDS: Final = {kind: SdkSpanKind[kind.name] for kind in SpanKind}
_SEVERITIES: Final = {
    "debug": SeverityNumber.DEBUG,
    "info": SeverityNumber.INFO,
    "warning": SeverityNumber.WARN,
    "error": SeverityNumber.ERROR,
}
_NANOSECONDS: Final = 1e9
_SHOWN_LETTERS: Final = 300
_PROTOBUF: Final = "application/x-protobuf"


def exporters(config: ExporterConfig) -> dict[Signal, Export]:
    """Return for each signal what hands a batch of its lines on, and returns what went wrong."""
    kinds: dict[Signal, Callable[[ExporterConfig], Export]] = {
        Signal.TRACES: _Traces,
        Signal.LOGS: _Logs,
        Signal.METRICS: _Metrics,
    }
    return {kind: kinds[kind](config) for kind in config.targets}


class _Session(requests.Session):
    """Keeps the result of the last request: the SDK's exporters return only whether it worked."""

    def __init__(self) -> None:
        super().__init__()
        self.outcome = "nothing was sent"
        self.rejection: str | None = None
        """The part that the backend rejected; None: it has all."""

    def request(self, *arguments: Any, **options: Any) -> requests.Response:
        """Send a request. The authority that is set wins over the one of the environment."""
        try:
            response = super().request(*arguments, **{"verify": self.verify, **options})
        except requests.RequestException as error:
            self.outcome = shortened(f"{error}", _SHOWN_LETTERS)
            raise
        self.outcome = f"HTTP status {response.status_code} {response.reason}"
        self.rejection = _rejection_in(response)
        if response.is_redirect:  # to the exporters this would be a success
            self.outcome += f" to {shortened(response.headers['location'])}"
            raise requests.RequestException(self.outcome)
        return response


def _rejection_in(response: requests.Response) -> str | None:
    """Return what a partial success says (OTLP 1.5, "Partial Success"), which all signals share."""
    if response.headers.get("Content-Type") != _PROTOBUF or not response.content:
        return None
    try:
        partial = ExportTraceServiceResponse.FromString(response.content).partial_success
    except DecodeError:
        return None
    if not partial.rejected_spans:
        return None
    message = shortened(partial.error_message, _SHOWN_LETTERS)
    return f"the backend took this but for {partial.rejected_spans}: {message}"


class _Exporter:
    """The parts that the exporters of all signals share."""

    def __init__(self, config: ExporterConfig) -> None:
        self._config = config
        self._session = _Session()
        self._resource = Resource.create(config.resource)
        self._scope = InstrumentationScope(SCOPE, config.version)

    def _options(self, kind: Signal) -> dict[str, Any]:
        target: Target = self._config.targets[kind]
        return {
            "endpoint": target.url,
            "headers": target.headers,
            "certificate_file": self._config.ca_file,
            "timeout": self._config.timeout_s,
            "compression": Compression.Gzip,
            "session": self._session,
        }


class _Traces(_Exporter):
    """Attempts become spans."""

    def __init__(self, config: ExporterConfig) -> None:
        super().__init__(config)
        self._exporter = OTLPSpanExporter(**self._options(Signal.TRACES))
        self._decode = msgspec.json.Decoder(Attempt).decode
        self._hops = hops_at(config.broker)

    def __call__(self, lines: Sequence[bytes]) -> str | None:
        spans = [
            self._span(span) for line in lines for span in spans_of(self._decode(line), self._hops)
        ]
        is_done = self._exporter.export(spans) is SpanExportResult.SUCCESS
        return self._session.rejection if is_done else self._session.outcome

    def _span(self, span: Span) -> ReadableSpan:
        parent = span.parent_span_id
        status = Status(StatusCode.UNSET)
        if span.cause is not None:
            status = Status(StatusCode.ERROR, CAUSES[span.cause].explanation)
        return ReadableSpan(
            span.name,
            context=_context(span.trace_id, span.span_id, is_remote=False),
            parent=None
            if parent is None
            else _context(span.trace_id, parent, is_remote=span.is_parent_remote),
            resource=self._resource,
            attributes=span.attributes,
            kind=_KINDS[span.kind],
            status=status,
            start_time=span.start_ns,
            end_time=span.end_ns,
            instrumentation_scope=self._scope,
        )


def _context(trace_id: str, span_id: str, *, is_remote: bool) -> SpanContext:
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote, _SAMPLED)


class _Logs(_Exporter):
    """Lines of the log become log records."""

    def __init__(self, config: ExporterConfig) -> None:
        super().__init__(config)
        self._exporter = OTLPLogExporter(**self._options(Signal.LOGS))

    def __call__(self, lines: Sequence[bytes]) -> str | None:
        records = [self._record(msgspec.json.decode(line)) for line in lines]
        is_done = self._exporter.export(records) is LogRecordExportResult.SUCCESS
        return self._session.rejection if is_done else self._session.outcome

    def _record(self, line: dict[str, Any]) -> ReadableLogRecord:
        """Return the record of a line of docs/log.md; its body is what a person would read."""
        at_ns = round(line.pop("at") * _NANOSECONDS)
        level, event = line.pop("level"), line.pop("event")
        trace_id, span_id = line.pop("trace_id", None), line.pop("span_id", None)
        attributes = flat(line)
        is_named = "logger" not in line
        if is_named:
            attributes["event.name"] = event
        if (cause := line.get("cause")) is not None:
            attributes["error.type"] = cause
        record = LogRecord(
            timestamp=at_ns,
            observed_timestamp=at_ns,
            severity_text=level.upper(),
            severity_number=_SEVERITIES[level],
            body=line.get("explanation", event),
            attributes=attributes,
            event_name=event if is_named else None,
        )
        if trace_id is not None and span_id is not None:
            record.trace_id, record.span_id = int(trace_id, 16), int(span_id, 16)
            record.trace_flags = _SAMPLED
        return ReadableLogRecord(record, self._resource, self._scope)


class _Metrics(_Exporter):
    """A collection of the registry becomes metrics."""

    def __init__(self, config: ExporterConfig) -> None:
        super().__init__(config)
        self._exporter = OTLPMetricExporter(**self._options(Signal.METRICS))
        self._decode = msgspec.json.Decoder(Collection).decode
        self._temporality = AggregationTemporality.CUMULATIVE
        if config.is_delta:
            self._temporality = AggregationTemporality.DELTA
        self._delivered: dict[_Key, list[float]] = {}
        """The last sent value of each series, if the backend wants differences; else empty."""
        self._delivered_ns = config.started_ns
        self._exemplars_until_ns = 0
        """Exemplars that were sent; each is sent once."""

    def __call__(self, lines: Sequence[bytes]) -> str | None:
        for line in lines:
            collection = self._decode(line)
            said: dict[_Key, list[float]] = {}
            metrics = [
                metric
                for family in collection.families
                for metric in self._metrics(family, collection.at_ns, said)
            ]
            scopes = [ScopeMetrics(self._scope, metrics, "")]
            data = MetricsData([ResourceMetrics(self._resource, scopes, "")])
            if self._exporter.export(data) is not MetricExportResult.SUCCESS:
                return self._session.outcome
            self._exemplars_until_ns = collection.at_ns
            if self._config.is_delta:
                self._delivered, self._delivered_ns = said, collection.at_ns
        return self._session.rejection

    def _metrics(
        self, family: Family, at_ns: int, said: dict[_Key, list[float]]
    ) -> Iterator[Metric]:
        """Yield the metric of a family; nothing of one that has no series yet."""
        name, unit = family.name, "s" if family.name.endswith("_seconds") else ""
        if family.kind == "counter":
            name = f"{family.name}_total"
            values = [
                self._number(one, self._new(_key(one), [one.value], said)[0], at_ns)
                for one in family.samples
                if one.name == name
            ]
            data: Any = Sum(values, self._temporality, is_monotonic=True)
        elif family.kind == "histogram":
            points = [self._histogram(series, at_ns, said) for series in _series_of(family)]
            data = Histogram(points, self._temporality)
        else:
            data = Gauge([self._number(one, one.value, at_ns) for one in family.samples])
        if data.data_points:
            yield Metric(name, family.text, unit, data)

    def _number(self, sample: Sample, value: float, at_ns: int) -> NumberDataPoint:
        exemplars = self._exemplars([sample])
        return NumberDataPoint(sample.labels, self._delivered_ns, at_ns, value, exemplars)

    def _histogram(
        self, series: _Series, at_ns: int, said: dict[_Key, list[float]]
    ) -> HistogramDataPoint:
        values = self._new(series.key, [series.total, *series.counts], said)
        counts = [round(count) for count in values[1:]]
        return HistogramDataPoint(
            series.labels,
            self._delivered_ns,
            at_ns,
            count=sum(counts),
            sum=values[0],
            bucket_counts=counts,
            explicit_bounds=series.bounds,
            min=None,  # type: ignore[arg-type]  # nobody has kept it
            max=None,  # type: ignore[arg-type]
            exemplars=self._exemplars(series.samples),
        )

    def _exemplars(self, samples: Iterable[Sample]) -> list[Exemplar]:
        """Return the examples of samples that are new: the trace of an unlock, and its span."""
        found = []
        for sample in samples:
            example = sample.exemplar
            if example is not None and example.at is not None:
                trace_id, span_id = example.labels["trace_id"], example.labels["span_id"]
                at_ns = round(example.at * _NANOSECONDS)
                if at_ns > self._exemplars_until_ns:
                    ids = {"trace_id": int(trace_id, 16), "span_id": int(span_id, 16)}
                    found.append(Exemplar({}, example.value, at_ns, **ids))
        return found

    def _new(self, key: _Key, values: list[float], said: dict[_Key, list[float]]) -> list[float]:
        """Return what to say of a series that has these values now: all, or what is new.

        One whose place was given to another begins anew.
        """
        if not self._config.is_delta:
            return values
        said[key] = values
        before = self._delivered.get(key)
        if before is None or any(new < old for new, old in zip(values, before, strict=True)):
            return values
        return [new - old for new, old in zip(values, before, strict=True)]


_Key = tuple[str, tuple[tuple[str, str], ...]]
"""A metric's name, and the labels of one of its series."""


class _Series(msgspec.Struct):
    """One series of a histogram. Each bucket has its own count; the last has no bound."""

    key: _Key
    labels: dict[str, str]
    bounds: list[float] = []
    counts: list[float] = []
    total: float = 0.0
    samples: list[Sample] = []
    """Those of its buckets."""


def _key(sample: Sample) -> _Key:
    return sample.name, tuple(sample.labels.items())


def _series_of(family: Family) -> list[_Series]:
    """Return the series of a histogram, from its samples as Prometheus has them."""
    found: dict[_Key, _Series] = {}
    for sample in family.samples:
        labels = {name: value for name, value in sample.labels.items() if name != "le"}
        key = family.name, tuple(labels.items())
        series = found.setdefault(key, _Series(key, labels))
        if sample.name.endswith("_sum"):
            series.total = sample.value
        elif sample.name.endswith("_bucket"):
            series.samples.append(sample)
            series.counts.append(sample.value - sum(series.counts))
            if sample.labels["le"] != "+Inf":
                series.bounds.append(float(sample.labels["le"]))
    return list(found.values())
