"""The store's measurement runs, and is told; what cannot run here is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.store import __main__ as bench_store
from bench.store.__main__ import make_files, measure_here
from bench.store.lines import attempt_lines

pytestmark = pytest.mark.long


@pytest.mark.parametrize("name", ["this store", "SQLite FTS5"])
def test_contenders_find_the_same(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that need nothing installed; all unlocks of a car are found."""
    monkeypatch.setattr(bench_store, "CARS", 20)
    make_files(tmp_path, 400)
    measured = measure_here(name, tmp_path)
    cars = [line for line in attempt_lines(400, cars=20, seed=1) if b'"car-00007"' in line]
    assert measured.found == len(cars) > 0
    assert measured.find_ms > 0
    assert measured.mb_per_s > 0
    assert (measured.diagnose_ms is not None) is (name == "this store")
