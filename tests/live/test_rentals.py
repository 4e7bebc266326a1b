"""Customers of a live run: over HTTP and a real broker, and the same lines as in virtual time."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.commands import lines, run, summary, write_scenario

pytestmark = pytest.mark.broker

SCENARIO = """\
description: customers in fast motion
seed: 4
fleet:
  groups:
    - {name: city, count: 40}
customers:
  stages:
    - {kind: constant, rate_per_s: 3, duration_s: 6}
  phone: {loss: 0}
  walk: {base_s: 0.2, spread_s: 1}
  opens_door: 0.5
  drive: {base_s: 0.5, spread_s: 1}
  locks: 0.1
  ends: 0.1
expect:
  customers.pressed: { equals: 18 }
  customers.opened_share: { equals: 1 }
  attempts.ok_share: { min: 0.9 }
  platform.problems: { equals: 0 }
  safety.findings: { equals: 0 }
"""


@pytest.fixture(scope="module", params=["live", "virtual"])
def directory(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run it in either mode, and return the directory of the run."""
    path = tmp_path_factory.mktemp(request.param)
    out = path / "run"
    code, output, errors = run(
        "fleet_sim",
        *("run", write_scenario(path, SCENARIO), "--mode", request.param, "--out", out),
        *(("--listen", "127.0.0.1:0") if request.param == "live" else ()),
    )
    assert code == 0, output + errors
    return out


def test_each_unlock_is_found_from_the_phone_to_the_door(directory: Path) -> None:
    """By its trace: the customer's press, the platform's steps, the monitor's attempt."""
    customers = lines(directory / "customers.jsonl")
    pressed = {each["trace_id"]: each for each in customers if each["step"] == "pressed"}
    attempts = {each["trace_id"]: each for each in lines(directory / "attempts.jsonl")}
    assert attempts.keys() <= pressed.keys()
    by_trace: dict[str, Counter[str]] = {}
    for event in lines(directory / "platform.jsonl"):
        by_trace.setdefault(event["trace_id"], Counter())[event["event"]] += 1
    for trace_id, attempt in attempts.items():
        assert attempt["vehicle_id"] == pressed[trace_id]["vehicle_id"]
        steps = by_trace[trace_id]
        assert steps["requested"] == steps["ended"] == steps["accepted"] == 1, steps
    assert len(attempts) >= 18


def test_everybody_drives_and_some_bring_the_car_back(directory: Path) -> None:
    """As far as the run lasts: it is over when all have got in."""
    found: dict[str, Any] = summary(directory)
    assert found["customers"]["opened"] == 18
    assert found["customers"]["ended"] > 0
    assert found["safety"]["movements"] > 18
    assert found["platform"]["to_publish"]["p50_s"] < 1
    report = (directory / "report.html").read_text(encoding="utf-8")
    assert "What customers lived through" in report
