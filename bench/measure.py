"""One measurement: a fresh broker, one fleet, and two loads on it."""

from __future__ import annotations

import asyncio
import math
import tempfile
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.child_fleet import ChildFleet, cpu_s, running_fleet
from bench.commands import make_commands
from bench.driver import Driver, LoadResult
from bench.fleets.common import ConnectedLine
from fleet_sim.broker.process import BrokerProcess, start_broker
from fleet_wire.links.lean.link import LeanLinkFactory

IN_FLIGHT = 64
_MOST_ROUND_TRIPS_PER_S = 30_000
"""Hardly any stack comes near: so many commands are made for each second of the closed loop."""
_KIB = 1024
_MICROSECONDS = 1e6
_MILLISECONDS = 1e3


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    boxes: int = 10_000
    rate_per_s: float = 2_000.0
    closed_loop_s: float = 2.0
    open_loop_s: float = 5.0
    probe_s: float = 30.0
    """Of the real probe: long enough that its start does not count for much."""


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """What one fleet came to. CPU is that of the fleet's process per command answered."""

    kind: str
    boxes: int
    connects_per_s: float
    connect_cpu_us: float
    """Of the fleet's process, for each box that it made and connected."""
    kib_per_box: float
    """Resident memory above that of the empty process, when all boxes are connected."""
    kib_per_box_loaded: float
    """The same, after both loads."""
    round_trips_per_s: float
    """With 64 commands in flight."""
    cpu_us_at_most: float
    """At that rate."""
    rate_per_s: float
    """Of the open loop, on which all that follows was measured."""
    cpu_us: float
    broker_cpu_us: float
    p50_ms: float
    p99_ms: float
    lost: int
    """In either loop."""


@dataclass(frozen=True, slots=True)
class _Loaded:
    load: LoadResult
    fleet_cpu_us: float
    broker_cpu_us: float


async def measure(kind: str, plan: Plan) -> Measurement:
    """Start a broker and the fleet, and put the two loads on it."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as directory,
        start_broker("mosquitto", Path(directory)) as broker,
    ):
        async with running_fleet(
            kind, host=broker.address.host, port=broker.port, count=plan.boxes
        ) as fleet:
            return await _measure(kind, plan, broker, fleet)


async def _measure(kind: str, plan: Plan, broker: BrokerProcess, fleet: ChildFleet) -> Measurement:
    connected = fleet.connected
    paced_total = round(plan.rate_per_s * plan.open_loop_s)
    closed_total = round(_MOST_ROUND_TRIPS_PER_S * plan.closed_loop_s)
    commands = make_commands(closed_total + paced_total, connected.connected)
    driver = Driver(LeanLinkFactory(broker.address, loop=asyncio.get_running_loop()))
    await driver.connect()
    most = await _with_cpu(
        driver.closed_loop(
            iter(commands[:closed_total]), in_flight=IN_FLIGHT, duration_s=plan.closed_loop_s
        ),
        fleet,
        broker,
    )
    paced = await _with_cpu(
        driver.open_loop(commands[closed_total:], rate_per_s=plan.rate_per_s), fleet, broker
    )
    driver.disconnect()
    stopped = await fleet.stop()
    latencies_s = sorted(paced.load.latencies_s)
    return Measurement(
        kind=kind,
        boxes=connected.connected,
        connects_per_s=connected.connected / connected.seconds,
        connect_cpu_us=_MICROSECONDS * connected.cpu_s / connected.connected,
        kib_per_box=_kib_per_box(connected, connected.rss_bytes),
        kib_per_box_loaded=_kib_per_box(connected, stopped.rss_bytes),
        round_trips_per_s=most.load.answered / most.load.elapsed_s,
        cpu_us_at_most=most.fleet_cpu_us,
        rate_per_s=plan.rate_per_s,
        cpu_us=paced.fleet_cpu_us,
        broker_cpu_us=paced.broker_cpu_us,
        p50_ms=_MILLISECONDS * quantile(latencies_s, 0.50),
        p99_ms=_MILLISECONDS * quantile(latencies_s, 0.99),
        lost=most.load.lost + paced.load.lost,
    )


def quantile(ascending: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` of all are not above; nan of none."""
    if not ascending:
        return math.nan
    return ascending[max(0, math.ceil(share * len(ascending)) - 1)]


async def _with_cpu(
    load: Awaitable[LoadResult], fleet: ChildFleet, broker: BrokerProcess
) -> _Loaded:
    fleet_s, broker_s = cpu_s(fleet.pid), cpu_s(broker.pid)
    done = await load
    per_answer = _MICROSECONDS / max(done.answered, 1)
    return _Loaded(
        load=done,
        fleet_cpu_us=(cpu_s(fleet.pid) - fleet_s) * per_answer,
        broker_cpu_us=(cpu_s(broker.pid) - broker_s) * per_answer,
    )


def _kib_per_box(connected: ConnectedLine, rss_bytes: int) -> float:
    return (rss_bytes - connected.baseline_rss_bytes) / _KIB / connected.connected
