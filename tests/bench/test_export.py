"""The measurement of the export runs, and is told."""

from __future__ import annotations

import pytest

from bench.export import measure_export, render

pytestmark = pytest.mark.long


@pytest.mark.broker
@pytest.mark.parametrize("backend", [None, [], ["--hang"]], ids=["none", "takes all", "hangs"])
async def test_every_backend_is_measured(backend: list[str] | None) -> None:
    """A second of load goes well with each."""
    measured = await measure_export(backend, rate_per_s=100, seconds=1)
    assert measured.not_ok == 0
    assert measured.monitor_us > 0
    assert (measured.exporter_us > 0) is (backend is not None)
    assert "one" in render({"one": [measured]})
