"""Customers of a live run: over HTTP and a real broker, and the same lines as in virtual time."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import msgspec
import pytest

from fleet_wire.contract.attempt import Stage
from fleet_wire.contract.messages import Phase
from fleet_wire.profiles.loading import load_profile
from tests.helpers.commands import lines, run, write_scenario
from tests.helpers.own_commands import run_here
from tests.helpers.places import ROOT

pytestmark = pytest.mark.broker


SCENARIO = (ROOT / "tests/helpers/scenarios/rentals.yaml").read_text("utf-8")


@pytest.fixture(
    scope="module",
    params=[("live", "native"), ("virtual", "native"), ("virtual", "ovms")],
    ids=" ".join,
)
def directory(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run it in either mode, also on a wire without traces; return the directory of the run."""
    mode, profile = request.param
    path = tmp_path_factory.mktemp(mode)
    out = path / "run"
    code, output, errors = (run if mode == "live" else run_here)(
        "fleet_sim",
        *("run", write_scenario(path, SCENARIO), "--mode", mode, "--out", out),
        *("--profile", profile),
        *(("--listen", "127.0.0.1:0") if mode == "live" else ()),
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


def test_each_unlock_has_one_record_that_names_each_hop(directory: Path) -> None:
    """With its time, from both sources, and the hops add up; on any wire what it can show."""
    manifest = msgspec.json.decode((directory / "manifest.json").read_bytes())
    profile = load_profile(manifest["scenario"]["fleet"]["profile"])
    hidden = set() if Phase.RECEIVED in profile.traits.phases else {"box_received", "box_executed"}
    latest = {each["attempt_id"]: each for each in lines(directory / "attempts.jsonl")}
    assert len({each["trace_id"] for each in latest.values()}) == len(latest) >= 18
    for attempt in latest.values():
        assert attempt["sources_missing"] == []
        if attempt["outcome"] == "ok":
            assert [*attempt["stages"]] == [stage for stage in Stage if stage not in hidden]
            assert sum(attempt["hops_s"].values()) == pytest.approx(attempt["total_s"], abs=1e-5)
