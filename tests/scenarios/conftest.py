"""Fixtures for tests that run scenarios."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the report out: it takes longer than the run, and has tests of its own."""
    monkeypatch.setattr("fleet_sim.results.report.write_report", lambda *_: None)
