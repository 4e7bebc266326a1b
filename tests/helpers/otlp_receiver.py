"""An OTLP/HTTP backend on a real port: decodes what comes, or misbehaves as a test wants."""

from __future__ import annotations

import gzip
import ssl
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import trustme
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.helpers.http_thread import QuietHandler, served_by

Labels = tuple[tuple[str, Any], ...]


@dataclass
class OtlpReceiver:
    """What has come so far, in order. `status`: how every request is answered."""

    url: str
    status: int = 200
    hangs: bool = False
    """Whether it takes requests and never answers."""
    answers_with: dict[str, str] = field(default_factory=dict)
    """Headers of each answer."""
    body: bytes = b""
    """Of each answer."""
    paths: Counter[str] = field(default_factory=Counter)
    """How often each was asked for, answered or not."""
    headers: list[dict[str, str]] = field(default_factory=list)
    resources: list[dict[str, Any]] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    logs: list[LogRecord] = field(default_factory=list)
    collections: list[dict[str, Metric]] = field(default_factory=list)
    """Metrics by their names, one mapping a request."""
    is_over: Event = field(default_factory=Event)

    def take(self, path: str, body: bytes) -> None:
        """Decode one request."""
        signal = path.rpartition("/")[2]
        if signal == "traces":
            for traces in ExportTraceServiceRequest.FromString(body).resource_spans:
                self.resources.append(attributes(traces.resource))
                self.spans += [span for scope in traces.scope_spans for span in scope.spans]
        elif signal == "logs":
            for logs in ExportLogsServiceRequest.FromString(body).resource_logs:
                self.resources.append(attributes(logs.resource))
                self.logs += [one for scope in logs.scope_logs for one in scope.log_records]
        else:
            for metrics in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                self.resources.append(attributes(metrics.resource))
                found = [one for scope in metrics.scope_metrics for one in scope.metrics]
                self.collections.append({one.name: one for one in found})

    def trace(self, trace_id: str) -> list[Span]:
        """Return the spans of one trace."""
        return [span for span in self.spans if span.trace_id.hex() == trace_id]


def attributes(owner: Any) -> dict[str, Any]:
    """Return the attributes of a span, a record, a point or a resource as plain values."""
    return {each.key: _plain(each.value) for each in owner.attributes}


def values_of(metric: Metric) -> dict[Labels, float]:
    """Return the value of each series of a sum or a gauge, by its labels."""
    data = getattr(metric, metric.WhichOneof("data") or "")
    return {tuple(sorted(attributes(point).items())): point.as_double for point in data.data_points}


def _plain(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_plain(each) for each in value.array_value.values]
    return getattr(value, kind)


def _handler(receiver: OtlpReceiver) -> type[QuietHandler]:
    class Handler(QuietHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:  # noqa: N802 - http.server calls it so
            body = self.body()
            receiver.paths[self.path] += 1
            if receiver.hangs:
                receiver.is_over.wait()
                return
            if receiver.status == 200:
                receiver.headers.append(
                    {name.lower(): value for name, value in self.headers.items()}
                )
                if self.headers["Content-Encoding"] == "gzip":
                    body = gzip.decompress(body)
                receiver.take(self.path, body)
            self.send_response(receiver.status)
            for name, value in receiver.answers_with.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(receiver.body)))
            self.end_headers()
            self.wfile.write(receiver.body)

    return Handler


@contextmanager
def otlp_receiver(
    *, certificate: trustme.LeafCert | None = None, **behaviour: Any
) -> Iterator[OtlpReceiver]:
    """Run a backend on a free port of this machine, with a certificate over TLS."""
    receiver, context = OtlpReceiver("", **behaviour), None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
    with served_by(_handler(receiver), context) as receiver.url:
        try:
            yield receiver
        finally:
            receiver.is_over.set()
