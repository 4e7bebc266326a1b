"""Faults that act on the real broker, in shortened shipped scenarios, against mosquitto.

All run side by side: they mostly wait.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.commands import finish, lines, start, summary
from tests.helpers.virtual_runs import SCENARIOS

pytestmark = [pytest.mark.long, pytest.mark.broker]

SHORT = (
    "fleet.count=60",
    "load.stages.0.duration_s=16",
    "load.deadline_s=6",
    "load.command_ttl_s=6",
    "faults.0.window={start_s: 2, end_s: 18}",
)
NOTHING_FAILS = "attempts.by_outcome.failed: {equals: 0}"
SOMEBODY_LISTENS = "attempts.by_cause.no_subscriber: {equals: 0}"


def expect(*expectations: str) -> str:
    """Return the override that replaces what a scenario expects."""
    return f"expect={{{', '.join((NOTHING_FAILS, *expectations))}}}"


RUNS = {
    "queue_full_drop": (
        *SHORT,
        "load.stages.0.duration_s=20",
        "load.command_ttl_s=60",
        "faults.0.window={start_s: 2, end_s: 8}",
        "faults.0.parameters.max_queued_messages=10",  # full soon, however busy the machine is
        "fleet.groups.tunnel.box.network_stable=2",
        expect(
            "attempts.by_cause.box_offline: {min: 6}", "stray.late: {max: 14}", SOMEBODY_LISTENS
        ),
    ),
    "client_id_takeover": (
        *SHORT,
        expect(
            "attempts.ok_share: {min: 0.8}",
            "unlock_ok.p99_s: {min: 3.5}",
            SOMEBODY_LISTENS,
        ),
    ),
    "reconnect_storm": (
        *SHORT,
        "faults.0.parameters.retry_s=12",
        expect(
            "attempts.by_cause.box_offline: {min: 8}",
            "attempts.by_cause.box_silent: {equals: 0}",
            "unlock_ok.p50_s: {max: 4}",
        ),
    ),
    "half_open_tcp_nat": (
        *SHORT,
        "fleet.groups.behind-nat.box.keepalive_s=20",
        "faults.0.parameters={ping_timeout_s: 4}",
        expect(
            "attempts.by_cause.box_silent: {min: 8}",
            "attempts.by_cause.box_offline: {max: 6}",
            "attempts.ok_share: {min: 0.4}",
        ),
    ),
}


@pytest.fixture(scope="module")
def runs(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, tuple[Path, subprocess.Popen[str]]]]:
    """Start all the runs at once."""
    directory = tmp_path_factory.mktemp("runs")
    started = {}
    for name, overrides in RUNS.items():
        options = [word for override in overrides for word in ("--set", override)]
        out = directory / name
        process = start(
            "fleet_sim",
            *("run", SCENARIOS[name], "--out", out, "--listen", "127.0.0.1:0", *options),
        )
        started[name] = (out, process)
    yield started
    for _, process in started.values():
        with process:  # closes its pipes, also where no test has read them
            process.terminate()


@pytest.mark.parametrize("name", RUNS)
def test_a_fault_acts_on_the_real_broker(
    name: str, runs: dict[str, tuple[Path, subprocess.Popen[str]]]
) -> None:
    """The effect is the catalogue's, on real sockets and in mosquitto itself."""
    out, process = runs[name]
    code, stdout, stderr = finish(process)
    assert code == 0, stdout + stderr
    assert summary(out)["broker"].startswith("mosquitto")
    truth, *hits = lines(out / "ground_truth.jsonl")
    assert truth["attempts"]
    assert {hit["type"] for hit in hits} == {"hit"}
    assert not (out / "fleet.log").read_text(encoding="utf-8")
    if name == "queue_full_drop":
        limit = f"max_queued_messages {truth['parameters']['max_queued_messages']}"
        assert limit in (out / "broker" / "mosquitto.conf").read_text(encoding="utf-8")
        assert "messages are being dropped" in (out / "broker" / "mosquitto.log").read_text()
