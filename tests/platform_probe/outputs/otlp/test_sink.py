"""The monitor's end of the export: what it hands on, what it drops, and what it never waits for."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fleet_wire import child_process
from fleet_wire.contract.attempt import Attempt, Source
from fleet_wire.errors import ConfigError
from platform_probe.outputs.metrics import ProbeMetrics, Unexported, new_registry
from platform_probe.outputs.otlp import sink
from platform_probe.outputs.otlp.lines import Collection, ExporterConfig
from platform_probe.outputs.otlp.sink import OtlpExport, check_sdk, exporter_config
from platform_probe.settings.otlp import OtlpSettings, Signal
from tests.helpers.fake_clock import FakeClock
from tests.helpers.otlp_lines import NATIVE_BROKER, config_for
from tests.helpers.records import STRAY, attempt_of
from tests.helpers.waiting import eventually

REPORTS = (
    b'{"exported":{"traces":1},"overflown":{"logs":2},"undelivered":{"metrics":3},"error":"x"}'
)


class Bench:
    """An export whose exporter is a little program of the test's own."""

    def __init__(self, directory: Path, **settings: Any) -> None:
        self.seen = directory / "seen"
        self.complaints: list[tuple[str, dict[str, Any]]] = []
        self.metrics = ProbeMetrics(new_registry(), version="1.2.3")
        otlp = OtlpSettings.model_validate({"endpoint": "http://backend", **settings})
        self.config = config_for("http://backend", **settings)
        self.export = OtlpExport(self.config, otlp, clock=FakeClock(), metrics=self.metrics)

    def start(self) -> None:
        """Begin."""
        self.export.start(families=self.metrics.registry.collect, complain=self.complain)

    def complain(self, event: str, _: str, **fields: Any) -> None:
        """Keep what would be logged."""
        self.complaints.append((event, fields))

    def lines(self) -> list[bytes]:
        """Return what the exporter has read so far."""
        return self.seen.read_bytes().splitlines() if self.seen.exists() else []

    def count(self, metric: str, **labels: str) -> float:
        """Return the value of one series."""
        return (
            self.metrics.registry.get_sample_value(f"unlockpath_otlp_{metric}_total", labels) or 0
        )

    def dropped(self, signal: Signal, why: Unexported) -> float:
        """Return how many were dropped so."""
        return self.count("dropped", signal=signal, why=why)


def exporter(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """Let a Python program take the place of the exporter's process."""
    monkeypatch.setattr(child_process, "COMMAND", (sys.executable, "-c", program))


@pytest.fixture
async def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Give an export whose exporter writes what it reads to a file."""
    made = Bench(tmp_path)
    keep = f"open({str(made.seen)!r}, 'wb', 0)"
    exporter(monkeypatch, f"import shutil, sys; shutil.copyfileobj(sys.stdin.buffer, {keep})")
    return made


async def test_everything_is_handed_on_in_order(bench: Bench) -> None:
    """After the configuration: unlocks, each once, log lines, metrics at the end.

    Those of the null box are left out. What was not reported on counts as dropped.
    """
    bench.start()
    bench.export.emit(attempt_of())
    bench.export.take_line(b'{"event":"x"}\n')
    bench.export.emit(attempt_of(source=Source.FLOOR))
    bench.export.emit(STRAY)
    bench.export.emit(msgspec.structs.replace(attempt_of(), revision=2))
    await bench.export.close()
    config, trace, log, metrics = bench.lines()
    assert msgspec.json.decode(config, type=ExporterConfig) == bench.config
    assert (trace[:1], msgspec.json.decode(trace[1:], type=Attempt)) == (b"t", attempt_of())
    assert log == b'l{"event":"x"}'
    assert metrics[:1] == b"m"
    collection = msgspec.json.decode(metrics[1:], type=Collection)
    assert {one.name for one in collection.families} == {
        one.name for one in bench.metrics.registry.collect()
    }
    assert [bench.dropped(signal, Unexported.ENDED) for signal in Signal] == [1, 1, 1]
    assert bench.complaints == []


async def test_reports_are_counted_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By signal and reason, with the backend's own words."""
    bench = Bench(tmp_path)
    said = f"no report\n{REPORTS.decode()}"
    exporter(monkeypatch, f"import sys; print({said!r}, flush=True); sys.stdin.read()")
    bench.start()
    await eventually(lambda: bench.complaints)
    await bench.export.close(at_once=True)
    assert bench.count("exported", signal="traces") == 1
    assert bench.dropped(Signal.LOGS, Unexported.QUEUE_FULL) == 2
    assert bench.dropped(Signal.METRICS, Unexported.UNDELIVERED) == 3
    ((event, fields),) = bench.complaints
    assert event == "otlp_dropped"
    assert fields["dropped"] == {Signal.LOGS: 2, Signal.METRICS: 3}
    assert fields["error"] == "x"


async def test_an_exporter_that_reads_nothing_fills_a_bounded_queue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What does not fit is dropped, and counted; the end does not wait for it."""
    monkeypatch.setattr(sink, "MAX_WRITTEN_BYTES", 1)
    bench = Bench(tmp_path, max_queued=100, metrics={"enabled": False})
    exporter(monkeypatch, "import time; time.sleep(600)")
    bench.start()
    large = b"x" * 100_000 + b"\n"
    for _ in range(20):
        bench.export.take_line(large)
    await asyncio.sleep(2 * sink.HAND_ON_EVERY_S)  # a pipe does not hold this: now lines wait here
    for _ in range(130):
        bench.export.take_line(b"y\n")
    await eventually(lambda: bench.dropped(Signal.LOGS, Unexported.QUEUE_FULL) >= 30)
    await bench.export.close(at_once=True)
    assert sum(bench.dropped(Signal.LOGS, why) for why in Unexported) == 150


async def test_an_exporter_that_ends_is_told_and_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its exit code; so is one that cannot be started at all."""
    monkeypatch.setattr(child_process, "RESTART_AFTER_S", (0.01,))
    bench = Bench(tmp_path)
    exporter(monkeypatch, "raise SystemExit(3)")
    bench.start()
    await eventually(lambda: len(bench.complaints) > 1)
    event, fields = bench.complaints[0]
    assert (event, fields["reason"]) == ("otlp_exporter_ended", "exit code 3")
    monkeypatch.setattr(child_process, "COMMAND", (str(tmp_path / "none"),))
    await eventually(lambda: "No such file" in bench.complaints[-1][1]["reason"])
    await bench.export.close()


async def test_a_signal_that_is_not_enabled_is_not_collected(bench: Bench, tmp_path: Path) -> None:
    """Nor does it take a place in the queue."""
    off = {"enabled": False}
    only_logs = Bench(tmp_path, traces=off, metrics=off)
    only_logs.start()
    only_logs.export.emit(attempt_of())
    only_logs.export.take_line(b"{}\n")
    await only_logs.export.close()
    assert bench.lines()[1:] == [b"l{}"]


def test_settings_go_before_what_the_probe_says_of_itself() -> None:
    """An operator may call the service what they want."""
    config = exporter_config(
        OtlpSettings.model_validate({"endpoint": "http://x", "resource": {"service.name": "mine"}}),
        broker=NATIVE_BROKER,
        resource={"service.name": "platform-probe", "service.version": "1"},
        started_s=0.0,
    )
    assert config.resource == {"service.name": "mine", "service.version": "1"}


@pytest.mark.parametrize("missing", ["opentelemetry", "opentelemetry.exporter.otlp.proto"])
def test_without_the_sdk_it_is_said_what_to_install(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the start, and not by a process that ends again and again."""
    check_sdk()
    monkeypatch.setattr(sink, "_SDK", f"{missing}.not_there.at_all")
    with pytest.raises(ConfigError, match=r"pip install 'unlockpath\[otlp\]'"):
        check_sdk()
