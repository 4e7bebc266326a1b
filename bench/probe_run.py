"""The real probe against a fleet of full boxes: what a user of the project gets."""

from __future__ import annotations

import asyncio
import resource
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from bench.child_fleet import c_program, cpu_s, running_fleet
from bench.commands import ReadyCommand, make_commands
from bench.measure import Plan, quantile
from bench.probe_process import settings_with_load, start_probe
from fleet_sim.broker.process import start_broker
from fleet_wire.contract.attempt import Attempt, Stage
from fleet_wire.contract.causes import Outcome

_TIMEOUT_S = 120.0
_MILLISECONDS = 1e3
_MICROSECONDS = 1e6


class ProbeFailedError(Exception):
    """The probe did not come to its end."""


class ProbeMeasurement(msgspec.Struct, frozen=True, kw_only=True):
    """What the probe wrote about one load."""

    boxes: int
    rate_per_s: float
    sent: int
    ok: int
    not_ok_by_cause: dict[str, int]
    dropped: int
    """Starts that the probe itself could not make."""
    lag_p99_ms: float
    """From the intended to the real start."""
    lag_max_ms: float
    round_trip_p50_ms: float
    round_trip_p99_ms: float
    """From the intended start to `executed`."""
    state_p99_ms: float
    """From the intended start to the changed state, when an attempt ends."""
    cpu_us: float
    """The fleet's, per unlock that went well."""
    probe_cpu_us: float
    """The probe's own, its start included."""
    c_answered_share: float
    """Of the commands that a driver in C sent before, at the same rate to the same boxes."""
    c_round_trip_p50_ms: float
    c_round_trip_p99_ms: float
    """From when a command of that driver was due to `executed`."""


async def measure_probe(plan: Plan) -> ProbeMeasurement:
    """Run `platform_probe` at the plan's rate against full boxes without delays.

    Raises `ProbeFailedError` with the end of the probe's log.
    """
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as name,
        start_broker("mosquitto", Path(name)) as broker,
    ):
        directory = Path(name)
        async with running_fleet(
            "full", host=broker.address.host, port=broker.port, count=plan.boxes
        ) as fleet:
            floor = await run_c_driver(plan, broker.address.host, broker.port)
            fleet_s, children_s = cpu_s(fleet.pid), _children_cpu_s()
            await _run_probe(directory, _settings(plan, directory, str(broker.address)))
            fleet_s, probe_s = cpu_s(fleet.pid) - fleet_s, _children_cpu_s() - children_s
        return _read(directory, plan, floor, fleet_cpu_s=fleet_s, probe_cpu_s=probe_s)


class CDriverLine(msgspec.Struct):
    """What the driver in C prints."""

    sent: int
    answered: int
    p50_ms: float
    p99_ms: float


async def run_c_driver(plan: Plan, host: str, port: int) -> CDriverLine:
    """Let a driver in C send the plan's commands: what a probe that does nothing else would see.

    Raises `ProbeFailedError` where it fails.
    """
    commands = make_commands(round(plan.rate_per_s * plan.open_loop_s), plan.boxes)
    process = await asyncio.create_subprocess_exec(
        *(str(c_program("epoll_driver")), host, str(port), str(plan.rate_per_s)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    line, _ = await process.communicate(b"".join(map(_as_read_by_c, commands)))
    if process.returncode:
        raise ProbeFailedError(f"the driver in C ended with exit code {process.returncode}")
    return msgspec.json.decode(line, type=CDriverLine)


def _as_read_by_c(command: ReadyCommand) -> bytes:
    topic = command.topic.encode()
    sizes = len(topic).to_bytes(2, "big") + len(command.payload).to_bytes(2, "big")
    return sizes + topic + command.payload


def _settings(plan: Plan, directory: Path, broker: str) -> dict[str, Any]:
    return {
        **settings_with_load(
            directory,
            broker,
            boxes=plan.boxes,
            rate_per_s=plan.rate_per_s,
            duration_s=plan.probe_s,
        ),
        "watch": False,  # nobody else sends commands here
        "exit_when_done": True,
    }


async def _run_probe(directory: Path, settings: dict[str, Any]) -> None:
    process = await start_probe(directory, settings, stderr=asyncio.subprocess.STDOUT)
    try:
        output, _ = await asyncio.wait_for(process.communicate(), _TIMEOUT_S)
    except TimeoutError:
        raise ProbeFailedError(f"the probe was not done after {_TIMEOUT_S:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise ProbeFailedError(output.decode(errors="replace")[-2000:])


def _children_cpu_s() -> float:
    """Return the CPU time of all children that have ended: the probe is the next to do so."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _read(
    directory: Path, plan: Plan, floor: CDriverLine, *, fleet_cpu_s: float, probe_cpu_s: float
) -> ProbeMeasurement:
    stats = msgspec.json.decode((directory / "probe_stats.json").read_bytes())
    decoder = msgspec.json.Decoder(Attempt)
    lines = (directory / "attempts.jsonl").read_bytes().splitlines()
    attempts = [decoder.decode(line) for line in lines]
    ok = [attempt for attempt in attempts if attempt.outcome is Outcome.OK]
    round_trips_s = sorted(attempt.stages[Stage.RESULT_RECEIVED] for attempt in ok)
    totals_s = sorted(attempt.total_s for attempt in ok)
    lag_s = stats["schedule_lag_s"]
    return ProbeMeasurement(
        boxes=plan.boxes,
        rate_per_s=plan.rate_per_s,
        sent=stats["sent"],
        ok=len(ok),
        not_ok_by_cause=Counter(str(a.cause) for a in attempts if a.outcome is not Outcome.OK),
        dropped=stats["dropped"],
        lag_p99_ms=_MILLISECONDS * lag_s["p99"],
        lag_max_ms=_MILLISECONDS * lag_s["max"],
        round_trip_p50_ms=_MILLISECONDS * quantile(round_trips_s, 0.50),
        round_trip_p99_ms=_MILLISECONDS * quantile(round_trips_s, 0.99),
        state_p99_ms=_MILLISECONDS * quantile(totals_s, 0.99),
        cpu_us=fleet_cpu_s * _MICROSECONDS / max(len(ok), 1),
        probe_cpu_us=probe_cpu_s * _MICROSECONDS / max(len(ok), 1),
        c_answered_share=floor.answered / floor.sent,
        c_round_trip_p50_ms=floor.p50_ms,
        c_round_trip_p99_ms=floor.p99_ms,
    )
