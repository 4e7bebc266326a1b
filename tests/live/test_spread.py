"""Boxes spread over several processes and brokers: the same run, and what a lost part costs."""

from __future__ import annotations

import asyncio
import shlex
import signal
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from fleet_wire.contract.topics import TopicKind, topic_of
from fleet_wire.links.link import BrokerAddress
from tests.helpers.brokers import running_mosquitto
from tests.helpers.commands import (
    SCENARIO,
    finish,
    lines,
    pids_with,
    run,
    start,
    summary,
    write_scenario,
)
from tests.helpers.hand_made_boxes import AnyClient, links_to, presences
from tests.helpers.pages import blocks, page
from tests.helpers.waiting import eventually, wait_for

pytestmark = [pytest.mark.long, pytest.mark.broker]

NOBODY = 1
"""A port on which nobody listens."""
FAULTS = """\
faults:
  - name: ack_lost_executed
    target: {share: 0.3}
    window: {start_s: 0}
    parameters: {loss: 1}
"""
PLATFORM = "platform: {}\n"
SHOWN = blocks(page("scale.md"), "bash")[0].splitlines()


def decided(out: Path) -> list[tuple[Any, ...]]:
    """Return what a run has decided about each unlock, without what the clock decides."""
    keys = ("scheduled_s", "vehicle_id", "outcome", "cause")
    return sorted(tuple(line.get(key) for key in keys) for line in lines(out / "attempts.jsonl"))


def touched(out: Path) -> list[tuple[Any, ...]]:
    """Return what the ground truth says of each fault and each hit."""
    truth = lines(out / "ground_truth.jsonl")
    injections = [
        (line["injection"], line["fault"], tuple(sorted(line["vehicles"])), len(line["attempts"]))
        for line in truth
        if line["type"] == "injection"
    ]
    hits = sorted(
        (line["injection"], line["vehicle_id"], line["what"])
        for line in truth
        if line["type"] == "hit"
    )
    return [*injections, *hits]


async def all_have_left(boxes: int, *brokers: BrokerAddress) -> None:
    """Wait until brokers retain of so many boxes, and the null box, that they were shut down."""
    presence = topic_of(TopicKind.PRESENCE, "+")
    async with AsyncExitStack() as stack:
        links = [await stack.enter_async_context(links_to(each)) for each in brokers]
        late = [AnyClient(each, "late", presence) for each in links]
        everybody = [("offline", "shutdown")] * (boxes + 1)
        await eventually(
            lambda: [end for each in late for end in presences(each).values()] == everybody
        )


def test_it_decides_the_same_in_one_process_and_in_four_on_two_brokers(tmp_path: Path) -> None:
    """Every unlock, every fault, every hit; and locks are watched over in all processes."""
    scenario = write_scenario(tmp_path, f"{SCENARIO}{FAULTS}{PLATFORM}")
    whole, spread = tmp_path / "whole", tmp_path / "spread"
    code, stdout, stderr = run("fleet_sim", "run", scenario, "--out", whole)
    assert code == 0, stdout + stderr
    with running_mosquitto() as one, running_mosquitto() as other:
        brokers = f"{one.address},{other.address}"
        code, stdout, stderr = run(
            *("fleet_sim", "run", scenario, "--out", spread),
            *("--broker", brokers, "--processes", 4),
        )
        asyncio.run(all_have_left(30, one.address, other.address))
    assert code == 0, stdout + stderr
    assert "30 boxes say goodbye" in stdout
    assert decided(spread) == decided(whole)
    assert {outcome for *_, outcome, _ in decided(spread)} == {"ok", "unknown"}
    assert touched(spread) == touched(whole)
    result = summary(spread)
    assert result["boxes"] == {
        "configured": 30,
        "connected_max": 30,
        "processes": 4,
        "lost_processes": [],
        "silent_processes": [],
    }
    assert result["safety"] == summary(whole)["safety"]
    assert result["safety"]["movements"] == 80


def test_customers_rent_cars_of_a_spread_fleet(tmp_path: Path) -> None:
    """Theirs are in the process of the run; faults strike them and the others."""
    customers = """\
customers:
  stages: [{kind: constant, rate_per_s: 2, duration_s: 3}]
  targets: {share: 0.5}
  walk: {base_s: 0.2}
  drive: {base_s: 0.5}
"""
    scenario = write_scenario(tmp_path, f"{SCENARIO}{FAULTS}{customers}")
    out = tmp_path / "run"
    code, stdout, stderr = run("fleet_sim", "run", scenario, "--out", out, "--processes", 3)
    assert code == 0, stdout + stderr
    assert "ending 3 processes and 1 broker, then comes the report" in stdout
    result = summary(out)
    assert result["boxes"]["configured"] == result["boxes"]["connected_max"] == 30
    assert result["customers"]["pressed"] == 6
    assert result["customers"]["opened"] >= 3
    assert result["safety"]["findings"] == 0
    attempts = lines(out / "attempts.jsonl")
    rented = {line["vehicle_id"] for line in attempts if line["source"] == "customer"}
    assert rented
    injection, *hits = lines(out / "ground_truth.jsonl")
    assert injection["vehicles"]
    struck = {line["vehicle_id"] for line in hits if line["type"] == "hit"}
    assert struck <= set(injection["vehicles"])


def test_boxes_alone_are_spread_over_processes(tmp_path: Path) -> None:
    """One process to speak to, and to end; the ground truth names each car once."""
    scenario = write_scenario(tmp_path, f"{SCENARIO}{FAULTS}")
    out = tmp_path / "truth"
    shown = next(line for line in SHOWN if line.startswith("fleet-sim boxes"))
    with running_mosquitto() as one, running_mosquitto() as other:
        here = {
            "scenarios/quiet_city.yaml": str(scenario),
            "mqtt://b1.example:1883,mqtt://b2.example:1883": f"{one.address},{other.address}",
        }
        words = [here.get(word, word) for word in shlex.split(shown)[1:]]
        process = start("fleet_sim", *words, "--seed", 1, "--out", out)
        wait_for(lambda: len(lines(out / "ground_truth.jsonl")) > 1)
        process.send_signal(signal.SIGTERM)
        code, stdout, stderr = finish(process)
    assert code == 0, stdout + stderr
    assert "connected 30 of 30 boxes" in stdout
    assert "fault ack_lost_executed begins" in stdout
    began, injection = lines(out / "ground_truth.jsonl")
    assert began["type"] == "began"
    assert 0 < len(injection["vehicles"]) < 30
    assert len(set(injection["vehicles"])) == len(injection["vehicles"])
    assert not pids_with([str(out)])


def test_the_run_that_the_page_shows(tmp_path: Path) -> None:
    """With fewer cars and unlocks."""
    shown = next(line for line in SHOWN if line.startswith("fleet-sim run"))
    less = ("--set", "fleet.count=10", "--set", "load.stages.0.duration_s=2")
    code, stdout, stderr = run(
        "fleet_sim", *shlex.split(shown)[1:], *less, "--out", tmp_path / "run"
    )
    assert code in (0, 1), stdout + stderr  # it expects more cars than these
    assert summary(tmp_path / "run")["boxes"]["processes"] == 4
