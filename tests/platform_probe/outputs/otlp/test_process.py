"""The exporter, from the lines that it reads to a backend on a real port."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trustme
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.logs.v1.logs_pb2 import SeverityNumber
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from prometheus_client import CollectorRegistry, Gauge, Histogram
from prometheus_client import Counter as PrometheusCounter

from fleet_wire.contract.causes import CAUSES, Cause
from platform_probe.outputs.metrics import ProbeMetrics, new_registry
from platform_probe.outputs.otlp import process
from platform_probe.outputs.otlp.lines import ExporterConfig, Report
from platform_probe.outputs.otlp.process import Outlet, Tally, run
from platform_probe.outputs.otlp.sdk import exporters
from platform_probe.settings.otlp import Signal
from tests.helpers.fake_clock import EPOCH_S
from tests.helpers.otlp_lines import config_for, log_line, metrics_line, trace_line
from tests.helpers.otlp_receiver import OtlpReceiver, attributes, otlp_receiver, values_of
from tests.helpers.records import TRACE_ID, attempt_of
from tests.helpers.waiting import PATIENCE_S, wait_for

PROTOBUF = {"Content-Type": "application/x-protobuf"}
EPOCH_NS = round(EPOCH_S * 1e9)


@pytest.fixture
def backend() -> Iterator[OtlpReceiver]:
    """Run a backend."""
    with otlp_receiver() as receiver:
        yield receiver


@pytest.fixture(autouse=True)
def gathers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test wait for more to come."""
    monkeypatch.setattr(process, "GATHER_S", 0.05)
    monkeypatch.setattr(process, "REPORT_EVERY_S", 0.05)


def exported(config: ExporterConfig, *lines: bytes) -> Report:
    """Export these lines to the end; return all that was reported."""
    reports: list[Report] = []
    run(config, BytesIO(b"".join(lines)), reports.append)
    totals = {name: Counter[Signal]() for name in ("exported", "overflown", "undelivered")}
    for one in reports:
        for name, total in totals.items():
            total.update(getattr(one, name))
    errors = [one.error for one in reports if one.error]
    counts = {name: dict(total) for name, total in totals.items()}
    return Report(error=errors[-1] if errors else None, **counts)


def test_an_unlock_becomes_a_trace(backend: OtlpReceiver) -> None:
    """Its spans come as OTLP has them, compressed, from a resource that says who sends."""
    attempt = attempt_of(cause=Cause.BOX_SILENT, total_s=20.0)
    report = exported(
        config_for(backend.url, resource={"deployment.environment.name": "test"}),
        trace_line(attempt),
    )
    assert report == Report(exported={Signal.TRACES: 1})
    assert backend.paths == {"/v1/traces": 1}
    assert backend.headers[0]["content-encoding"] == "gzip"
    root, requested, published = backend.trace(TRACE_ID)
    assert root.span_id.hex() == attempt.span_id
    assert (root.start_time_unix_nano, root.end_time_unix_nano) == (EPOCH_NS, EPOCH_NS + 20 * 10**9)
    assert (root.status.code, root.kind) == (Status.STATUS_CODE_ERROR, Span.SPAN_KIND_INTERNAL)
    assert root.status.message == CAUSES[Cause.BOX_SILENT].explanation
    assert attributes(root)["error.type"] == "box_silent"
    assert requested.parent_span_id == published.parent_span_id == root.span_id
    assert requested.status.code == Status.STATUS_CODE_UNSET
    assert published.kind == Span.SPAN_KIND_PRODUCER
    assert (
        backend.resources[0].items()
        >= {
            "service.name": "platform-probe",
            "service.version": "1.2.3",
            "deployment.environment.name": "test",
        }.items()
    )


def test_a_customers_trace_has_the_platforms_span_above(backend: OtlpReceiver) -> None:
    """It joins the trace that is there."""
    attempt = msgspec.structs.replace(attempt_of(), parent_span_id="00f067aa0ba902b7")
    exported(config_for(backend.url), trace_line(attempt))
    assert backend.spans[0].parent_span_id.hex() == "00f067aa0ba902b7"


def test_a_line_of_the_log_becomes_a_record(backend: OtlpReceiver) -> None:
    """With the ids of its trace, its level, its event, and a body that a person reads."""
    unlock = {"trace_id": TRACE_ID, "span_id": "00f067aa0ba902b7", "cause": "box_silent"}
    more = {"explanation": "Nothing has come.", "stages": {"intended": 0.0}, "evidence": {"a": 1}}
    report = exported(
        config_for(backend.url),
        log_line(level="warning", event="unlock", **unlock, **more),
        log_line(level="error", event="It broke.", logger="aiohttp.server"),
    )
    assert report == Report(exported={Signal.LOGS: 2})
    record, other = backend.logs
    assert (record.trace_id.hex(), record.span_id.hex()) == (TRACE_ID, "00f067aa0ba902b7")
    assert record.time_unix_nano == EPOCH_NS + 1_500_000_000
    assert (record.severity_number, record.severity_text) == (
        SeverityNumber.SEVERITY_NUMBER_WARN,
        "WARNING",
    )
    assert record.body.string_value == "Nothing has come."
    assert attributes(record) == {
        "event.name": "unlock",
        "error.type": "box_silent",
        "unlockpath.cause": "box_silent",
        "unlockpath.explanation": "Nothing has come.",
        "unlockpath.stages.intended": 0.0,
        "unlockpath.evidence.a": 1,
    }
    assert (other.body.string_value, other.event_name, other.trace_id) == ("It broke.", "", b"")
    assert attributes(other) == {"unlockpath.logger": "aiohttp.server"}


def registry_with(count: int) -> CollectorRegistry:
    """Return a counter, a gauge and a histogram, after so much has happened."""
    registry = CollectorRegistry()
    PrometheusCounter("doors", "Doors.", ["side"], registry=registry).labels("left").inc(count)
    Gauge("boxes", "Boxes.", registry=registry).set(7)
    took = Histogram("took_seconds", "Took.", registry=registry, buckets=(1, 2))
    for _ in range(count):
        took.observe(1.5)
    return registry


def test_metrics_are_those_of_the_registry(backend: OtlpReceiver) -> None:
    """The same names, labels and numbers; each bucket has its own count, as OTLP wants it."""
    exported(config_for(backend.url), metrics_line(registry_with(3)))
    (metrics,) = backend.collections
    assert values_of(metrics["doors_total"]) == {(("side", "left"),): 3}
    assert metrics["doors_total"].sum.is_monotonic
    assert metrics["doors_total"].description == "Doors."
    assert values_of(metrics["boxes"]) == {(): 7}
    (point,) = metrics["took_seconds"].histogram.data_points
    assert (point.count, point.sum, metrics["took_seconds"].unit) == (3, 4.5, "s")
    assert list(point.bucket_counts) == [0, 3, 0]
    assert list(point.explicit_bounds) == [1, 2]
    assert point.start_time_unix_nano == EPOCH_NS
    assert point.time_unix_nano == EPOCH_NS + 15 * 10**9


def test_what_has_no_series_yet_is_left_out(backend: OtlpReceiver) -> None:
    """A metric without any data point says nothing, and some backends complain of it."""
    registry = registry_with(1)
    PrometheusCounter("windows", "Windows.", ["side"], registry=registry)
    Gauge("keys", "Keys.", ["side"], registry=registry)
    Histogram("waited_seconds", "Waited.", ["side"], registry=registry)
    exported(config_for(backend.url), metrics_line(registry))
    (metrics,) = backend.collections
    assert set(metrics) == {"doors_total", "boxes", "took_seconds"}


def test_exemplars_lead_to_a_trace_and_are_sent_once(backend: OtlpReceiver) -> None:
    """From a bucket or a cause to the unlock that was counted last."""
    metrics = ProbeMetrics(new_registry(), version="1.2.3")
    attempt = attempt_of(cause=Cause.BOX_SILENT, total_s=20.0)
    metrics.emit(attempt)
    lines = [metrics_line(metrics.registry, at_s) for at_s in (time.time(), time.time() + 1)]
    exported(config_for(backend.url), *lines)
    first, second = backend.collections
    ids = (attempt.trace_id, attempt.span_id)
    for metric in ("unlock_duration_seconds", "unlocks_total", "region_unlocks_total"):
        assert exemplars_of(first[f"unlockpath_{metric}"]) == [ids]
        assert exemplars_of(second[f"unlockpath_{metric}"]) == []


def exemplars_of(metric: Metric) -> list[tuple[str, str]]:
    """Return the ids of traces and spans in a metric's exemplars."""
    data = getattr(metric, metric.WhichOneof("data") or "")
    found = [one for point in data.data_points for one in point.exemplars]
    return [(one.trace_id.hex(), one.span_id.hex()) for one in found]


def test_a_backend_may_want_what_is_new(backend: OtlpReceiver) -> None:
    """Each export then has what came since the last one, and begins where that ended."""
    lines = [metrics_line(registry_with(count), EPOCH_S + 15 * count) for count in (1, 4)]
    exported(config_for(backend.url, metrics={"temporality": "delta"}), *lines)
    first, second = backend.collections
    assert [list(values_of(one["doors_total"]).values()) for one in (first, second)] == [[1], [3]]
    (point,) = second["took_seconds"].histogram.data_points
    assert (point.count, point.sum, list(point.bucket_counts)) == (3, 4.5, [0, 3, 0])
    assert point.start_time_unix_nano == EPOCH_NS + 15 * 10**9
    assert list(values_of(second["boxes"]).values()) == [7]


def test_what_a_backend_did_not_take_is_in_the_next_difference(backend: OtlpReceiver) -> None:
    """Nothing is missing from the sum of what it has."""
    config = config_for(backend.url, metrics={"temporality": "delta"}, timeout_s=0.1)
    export = exporters(config)[Signal.METRICS]
    assert export([metrics_line(registry_with(1))[1:]]) is None
    backend.status = 400
    assert export([metrics_line(registry_with(3))[1:]]) is not None
    backend.status = 200
    assert export([metrics_line(registry_with(6))[1:]]) is None
    taken = [list(values_of(one["doors_total"]).values()) for one in backend.collections]
    assert taken == [[1], [5]]
    assert export([metrics_line(registry_with(2))[1:]]) is None, "a series that began anew"
    assert list(values_of(backend.collections[-1]["doors_total"]).values()) == [2]


def test_each_signal_goes_where_it_should(backend: OtlpReceiver, tmp_path: Path) -> None:
    """To its own URL with its own headers; what is not enabled goes nowhere."""
    common, own = tmp_path / "common", tmp_path / "own"
    common.write_text("api-key: common\n")
    own.write_text("Authorization: Bearer own\n")
    traces = {"endpoint": f"{backend.url}/own/traces", "headers_file": own}
    config = config_for(backend.url, headers_file=common, traces=traces, metrics={"enabled": False})
    exported(config, trace_line(attempt_of()), log_line())
    assert backend.paths == {"/own/traces": 1, "/v1/logs": 1}
    found = {(one.get("api-key"), one.get("authorization")) for one in backend.headers}
    assert found == {("common", None), (None, "Bearer own")}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"status": 400}, "HTTP status 400 Bad Request"),
        ({"status": 401}, "HTTP status 401 Unauthorized"),
        ({"status": 413}, "HTTP status 413"),
        ({"status": 503}, "HTTP status 503 Service Unavailable"),
        ({"status": 301, "answers_with": {"Location": "https://elsewhere/"}},
         "HTTP status 301 Moved Permanently to https://elsewhere/"),
        ({"body": b""}, None),
        ({"body": b"{}"}, None),
        ({"body": b"\xff"}, None),
    ],
)  # fmt: skip
def test_what_a_backend_answers_is_told(
    backend: OtlpReceiver, answer: dict[str, Any], error: str | None
) -> None:
    """What is refused is dropped, or given up when its time is over; a success may say anything."""
    for name, value in {"answers_with": PROTOBUF, **answer}.items():
        setattr(backend, name, value)
    report = exported(config_for(backend.url, timeout_s=0.5), trace_line(attempt_of()), log_line())
    both = {Signal.TRACES: 1, Signal.LOGS: 1}
    if error is None:
        assert report == Report(exported=both)
    else:
        assert (report.exported, report.undelivered) == ({}, both)
        assert error in (report.error or "")


@pytest.mark.parametrize("status", [429, 503])
def test_a_backend_that_comes_back_gets_it(backend: OtlpReceiver, status: int) -> None:
    """What may be taken later is sent again: one such answer is no loss."""
    backend.status = status
    recovery = threading.Thread(target=lambda: _recover(backend))
    recovery.start()
    report = exported(config_for(backend.url, timeout_s=PATIENCE_S), log_line())
    recovery.join()
    assert report == Report(exported={Signal.LOGS: 1})
    assert len(backend.logs) == 1


def _recover(backend: OtlpReceiver) -> None:
    wait_for(lambda: backend.paths["/v1/logs"] > 0)
    backend.status = 200


def test_what_a_backend_did_not_want_is_told(backend: OtlpReceiver) -> None:
    """Its batch counts as not delivered, although a part of it was; differences go on."""
    rejection = ExportLogsPartialSuccess(rejected_log_records=1, error_message="too old")
    backend.answers_with = PROTOBUF
    backend.body = ExportLogsServiceResponse(partial_success=rejection).SerializeToString()
    lines = [metrics_line(registry_with(count)) for count in (1, 4)]
    report = exported(config_for(backend.url, metrics={"temporality": "delta"}), log_line(), *lines)
    assert report.undelivered == {Signal.LOGS: 1, Signal.METRICS: 2}
    assert report.error == "the backend took this but for 1: too old"
    doors = [list(values_of(one["doors_total"]).values()) for one in backend.collections]
    assert doors == [[1], [3]]


def test_nobody_listens_is_told(backend: OtlpReceiver) -> None:
    """With the reason."""
    config = config_for("http://127.0.0.1:1", timeout_s=0.2)
    report = exported(config, log_line())
    assert report.undelivered == {Signal.LOGS: 1}
    assert report.error is not None
    assert "refused" in report.error
    assert backend.paths == {}


def test_the_end_is_not_held_up_by_a_backend_that_never_answers() -> None:
    """What it was to take is not reported: the monitor counts it as lost with the exporter."""
    with otlp_receiver(hangs=True) as backend:
        config = msgspec.structs.replace(config_for(backend.url), drain_s=0.2)
        assert exported(config, log_line()) == Report()
        assert backend.paths["/v1/logs"] == 1


def test_one_bad_line_does_not_end_the_export(backend: OtlpReceiver) -> None:
    """Its batch is lost, and counted; nor does half a line at the end."""
    report = exported(config_for(backend.url), b"t{}\n", log_line(), log_line()[:-2])
    assert report.undelivered == {Signal.TRACES: 1}
    assert report.exported == {Signal.LOGS: 1}
    assert report.error is not None
    assert "ValidationError" in report.error


def test_tls_is_checked_by_the_authority_that_is_set(tmp_path: Path) -> None:
    """Else it is not trusted."""
    authority = trustme.CA()
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    with otlp_receiver(certificate=authority.issue_cert("127.0.0.1")) as backend:
        assert backend.url.startswith("https://")
        refused = exported(config_for(backend.url, timeout_s=0.5), log_line())
        assert refused.error is not None
        assert "certificate" in refused.error.lower()
        taken = exported(config_for(backend.url, ca_file=path), log_line())
        assert taken == Report(exported={Signal.LOGS: 1})


def test_the_oldest_make_place_for_the_newest() -> None:
    """What happens now counts more, when the backend comes back."""
    tally, taken, may_go_on = Tally(), list[bytes](), threading.Event()

    def export(lines: object) -> None:
        assert isinstance(lines, list)
        may_go_on.wait()
        taken.extend(lines)

    outlet = Outlet(Signal.LOGS, export, max_queued=3, tally=tally)
    for number in range(5):
        outlet.queue_line(b"%d" % number)
    outlet.start()
    may_go_on.set()
    outlet.close()
    outlet.join()
    assert taken == [b"2", b"3", b"4"]
    assert tally.pop_report() == Report(exported={Signal.LOGS: 3}, overflown={Signal.LOGS: 2})
    assert tally.pop_report() is None


def test_a_fault_of_ours_is_told_and_ends_nothing() -> None:
    """As what the backend does not take."""
    tally = Tally()

    def export(lines: object) -> None:
        raise RuntimeError(f"no {lines}")

    outlet = Outlet(Signal.LOGS, export, max_queued=3, tally=tally)
    outlet.queue_line(b"x")
    outlet.close()
    outlet.run()
    expected = Report(undelivered={Signal.LOGS: 1}, error="RuntimeError: no [b'x']")
    assert tally.pop_report() == expected
