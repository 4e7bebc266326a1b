"""The exporter: what waits, what comes back, and where it goes; `exported.txt` has what arrives."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import trustme
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from fleet_wire.contract.causes import Cause
from platform_probe.outputs.metrics import ProbeMetrics, new_registry
from platform_probe.outputs.otlp.lines import Report
from platform_probe.outputs.otlp.process import Outlet, Tally
from platform_probe.outputs.otlp.sdk import exporters
from platform_probe.settings.otlp import Signal
from tests.helpers.export_player import exported, registry_with
from tests.helpers.otlp_lines import config_for, log_line, metrics_line, trace_line
from tests.helpers.otlp_receiver import OtlpReceiver, otlp_receiver, values_of
from tests.helpers.records import attempt_of
from tests.helpers.waiting import PATIENCE_S, wait_for


@pytest.fixture
def backend() -> Iterator[OtlpReceiver]:
    """Run a backend."""
    with otlp_receiver() as receiver:
        yield receiver


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


def test_the_end_is_not_held_up_by_a_backend_that_never_answers() -> None:
    """What it was to take is not reported: the monitor counts it as lost with the exporter."""
    with otlp_receiver(hangs=True) as backend:
        config = msgspec.structs.replace(config_for(backend.url), drain_s=0.2)
        assert exported(config, log_line()) == Report()
        assert backend.paths["/v1/logs"] == 1


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
