"""The measurement of the export runs, and is told."""

from __future__ import annotations

import pytest

from bench.export import ExportMeasurement, measure_export, render

pytestmark = pytest.mark.long


@pytest.mark.broker
@pytest.mark.parametrize("backend", [None, [], ["--hang"]], ids=["none", "takes all", "hangs"])
async def test_every_backend_is_measured(backend: list[str] | None) -> None:
    """A second of load goes well with each."""
    measured = await measure_export(backend, rate_per_s=100, seconds=1)
    assert measured.not_ok == 0
    assert measured.monitor_us > 0
    assert (measured.exporter_us > 0) is (backend is not None)


def test_medians_are_told() -> None:
    """One line for each backend."""
    measured = [
        ExportMeasurement(
            monitor_us=each,
            exporter_us=2 * each,
            p50_ms=0.5,
            p99_ms=1.5,
            not_ok=0,
            exported=7,
            dropped=0,
        )
        for each in (100.0, 300.0, 200.0)
    ]
    head, line = (each.split() for each in render({"one": measured}).splitlines())
    assert head[:2] == ["monitor", "µs"]
    assert line == ["one", "200", "400", "0.5", "1.5", "0", "7", "0"]
