"""Customers of a live run: over HTTP and a real broker, and the same lines as in virtual time."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fleet_wire.contract.attempt import Stage
from fleet_wire.contract.messages import Phase
from fleet_wire.profiles.loading import load_profile
from tests.helpers.brokers import running_mosquitto
from tests.helpers.commands import lines, run, start, summary, write_scenario
from tests.helpers.own_commands import run_here
from tests.helpers.places import ROOT
from tests.helpers.waiting import PATIENCE_S, wait_for

pytestmark = pytest.mark.broker

SERVING = re.compile(r"serving (http://127\.0\.0\.1:\d+);")

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


def test_everybody_drives_and_some_bring_the_car_back(directory: Path) -> None:
    """As far as the run lasts: it is over when all have got in."""
    found: dict[str, Any] = summary(directory)
    assert found["customers"]["opened"] == 18
    assert found["customers"]["ended"] > 0
    assert found["safety"]["movements"] > 18
    assert found["platform"]["to_publish"]["p50_s"] < 1
    report = (directory / "report.html").read_text(encoding="utf-8")
    assert "What customers lived through" in report


@contextmanager
def platform_elsewhere(scenario: Path, broker_url: str, log: Path) -> Iterator[str]:
    """Run a platform in a process of its own until the block ends; yield its URL."""
    command = ("platform", scenario, "--broker", broker_url, "--listen", "127.0.0.1:0")
    with ExitStack() as stack:
        elsewhere = stack.enter_context(start("fleet_sim", *command, "--log-file", log))
        stack.callback(elsewhere.terminate)
        assert elsewhere.stdout is not None
        urls = (SERVING.search(line) for line in elsewhere.stdout)
        yield next(found[1] for found in urls if found is not None)


@pytest.mark.long
def test_customers_may_ask_a_platform_elsewhere(tmp_path: Path) -> None:
    """At a URL, with tokens of the fleet's secret: the run has no platform of its own."""
    scenario = write_scenario(tmp_path, SCENARIO.partition("expect:")[0])
    log, out = tmp_path / "elsewhere.jsonl", tmp_path / "run"
    with running_mosquitto() as broker, ExitStack() as stack:
        broker_url = str(broker.address)
        url = stack.enter_context(platform_elsewhere(scenario, broker_url, log))
        code, output, errors = run(
            "fleet_sim",
            *("run", scenario, "--broker", broker_url, "--platform", url),
            *("--listen", "127.0.0.1:0", "--out", out),
        )
    assert code == 0, output + errors
    assert summary(out)["customers"]["opened"] == 18
    assert not (out / "platform.jsonl").exists()
    asked = {each["account_id"] for each in lines(log) if each.get("account_id")}
    assert {"customer-00000", "customer-00017"} <= asked


@pytest.mark.long
def test_customers_rent_boxes_that_are_played_alone(tmp_path: Path) -> None:
    """Boxes, platform and customers are three parts, and every customer opens a car."""
    scenario = write_scenario(tmp_path, SCENARIO.partition("expect:")[0])
    log = tmp_path / "elsewhere.jsonl"
    with running_mosquitto() as broker, ExitStack() as stack:
        broker_url = str(broker.address)
        url = stack.enter_context(platform_elsewhere(scenario, broker_url, log))
        command = ("boxes", scenario, "--broker", broker_url, "--platform", url)
        boxes = stack.enter_context(start("fleet_sim", *command))
        stack.callback(boxes.terminate)
        assert boxes.stdout is not None
        reports = (line for line in boxes.stdout if "; 18 customers" in line)
        assert "unanswered" not in next(reports)
        wait_for(lambda: len(_opened(log)) == 18)
        boxes.terminate()
        assert boxes.wait(PATIENCE_S) == 0


def _opened(log: Path) -> set[str]:
    """Return the commands that a platform's log says have opened a car."""
    return {
        each["command_id"]
        for each in lines(log)
        if (each["event"], each.get("operation")) == ("ended", "unlock")
        and each["outcome"] == "executed"
    }
