"""What it costs to watch customers: `python -m bench.watching [--rounds N] [--rate N] [--quick]`.

Customers' unlocks go over a real broker to full boxes without delays, with nobody watching, with a
subscriber that hears what a monitor does and only acknowledges it, with a monitor that follows
MQTT, with one that joins the platform's log as well, and with that one where all customers have one
account, in turn, so that a disturbance hits all alike. Then, in a process of its own, many unlocks
that are all under way.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from statistics import median

import msgspec
import uvloop

from bench.child_fleet import cpu_s, running_fleet
from bench.commands import ReadyCommand, make_commands
from bench.driver import EXECUTED_MARK, Driver
from bench.fleets.common import vehicle_id_of
from bench.measure import Plan, measure, quantile
from bench.probe_process import child_of, settings_in, start_probe
from bench.probe_run import run_c_driver
from bench.results import Goal, aligned, goals_table
from fleet_sim.broker.process import BrokerProcess, start_broker
from fleet_wire.contract.platform_log import PlatformEvent, PlatformStep, encode_events
from fleet_wire.contract.trace_context import TRACEPARENT, TraceContext, span_id_of
from fleet_wire.links.lean.link import LeanLinkFactory
from fleet_wire.links.link import LinkFactory, Message, PublishProperties
from platform_probe.judge_process.outputs import read_commit

WAYS = {
    "nobody": "nobody watches",
    "bare": "a subscriber acknowledges, and no more",
    "mqtt": "a monitor follows MQTT",
    "joined": "a monitor joins the platform's log",
    "one account": "the same, all of one account",
}
"""The last is what no fleet has: the rule on an account that opens many cars sees each unlock."""
MOST_BARE_ROUND_TRIPS = 6.0
"""CPU that measuring may use for an unlock, in round trips of a bare link (64 in flight, 10,000
connections): machines differ, and the bare link shows by how much."""
MOST_WITH_JUDGING = 8.0
"""The same of both processes together."""
MOST_OF_C_DRIVER = 1.5
"""The p99 of a round trip, in that of a driver in C whose unlocks nobody watches.

That driver writes no platform's log, and the processors have four busy processes less. So the same
is shown of our driver with nobody watching, and of the driver in C beside a monitor.
"""
_BARE = Plan(open_loop_s=1.0)
_READY_S = 60.0
_JOINED_WITHIN_S = 10.0
_JUDGED_WITHIN_S = 60.0
_MICROSECONDS, _MILLISECONDS = 1e6, 1e3


@dataclass(frozen=True, slots=True)
class WatchPlan:
    """How much is measured."""

    boxes: int = 2_000
    rate_per_s: float = 2_000.0
    duration_s: float = 10.0
    rounds: int = 3
    in_flight: int = 10_000
    bare: Plan = _BARE


QUICK = WatchPlan(
    boxes=200,
    duration_s=2.0,
    rounds=1,
    bare=replace(_BARE, boxes=200, closed_loop_s=0.5, open_loop_s=0.5),
)


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """What one load came to."""

    way: str
    sent: int
    written: int
    """Records of the monitor."""
    whole: int
    """Of these, with the platform's side."""
    cpu_us: float
    """That of the measuring process, per unlock, idle work included."""
    judge_us: float
    """That of the judge's process, until it has judged all."""
    broker_us: float
    """The broker's, per unlock."""
    p50_ms: float
    """Round trip of a command, as its sender sees it."""
    p99_ms: float


class LoggingDriver(Driver):
    """Sends commands as a platform does: what it does stands in its log, and in the same trace.

    Each unlock is another customer's, with a booking of its own: nobody presses again, as hardly
    anybody does in a fleet. With `one_account` all are of one customer.
    """

    def __init__(self, link_factory: LinkFactory, log: Path, *, one_account: bool) -> None:
        super().__init__(link_factory)
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
        self._one_account = one_account

    def before(self, command: ReadyCommand) -> PublishProperties:
        """Write the lines up to the broker's PUBACK, which is taken for granted."""
        name = _command_id(command.payload)
        steps = (
            PlatformStep.REQUESTED,
            PlatformStep.ANSWERED,
            PlatformStep.PUBLISHED,
            PlatformStep.ACCEPTED,
        )
        self._write(steps, name, vehicle_id_of(command.box))
        trace = TraceContext(_trace_id(name), span_id_of(name))
        return PublishProperties(
            correlation_data=name.encode(), user_properties=((TRACEPARENT, trace.traceparent),)
        )

    def on_message(self, message: Message) -> None:
        """Write that it was executed."""
        super().on_message(message)
        if EXECUTED_MARK in message.payload:
            car = message.topic.split("/")[1]
            self._write((PlatformStep.ENDED,), _command_id(message.payload), car)

    def _write(self, steps: Sequence[PlatformStep], command_id: str, car: str) -> None:
        customer = "bench" if self._one_account else command_id
        os.write(
            self._log, encode_events(_event(step, command_id, car, customer) for step in steps)
        )


def _command_id(payload: bytes) -> str:
    return payload.partition(b'"command_id":"')[2].partition(b'"')[0].decode()


def _trace_id(command_id: str) -> str:
    return blake2b(command_id.encode(), digest_size=16).hexdigest()


def _event(step: PlatformStep, command_id: str, car: str, customer: str) -> PlatformEvent:
    is_of_request = step in (PlatformStep.REQUESTED, PlatformStep.ANSWERED)
    return PlatformEvent(
        step,
        time.time(),
        f"request-of-{command_id}",
        "unlock",
        trace_id=_trace_id(command_id),
        vehicle_id=car,
        booking_id=f"booking-of-{customer}",
        account_id=None if step is PlatformStep.REQUESTED else f"account-of-{customer}",
        command_id=None if step is PlatformStep.REQUESTED else command_id,
        endpoint="/vehicles/{vehicle_id}/unlock" if is_of_request else None,
        method="POST" if is_of_request else None,
        status=202 if step is PlatformStep.ANSWERED else None,
        outcome="executed" if step is PlatformStep.ENDED else None,
        app_version="5.12.0" if is_of_request else None,
        api_release="2026.11",
    )


async def measure_way(way: str, plan: WatchPlan) -> Watched:
    """Start a broker, boxes and perhaps a monitor, and let customers come."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as name,
        start_broker("mosquitto", Path(name)) as broker,
    ):
        directory = Path(name)
        log = directory / "platform.jsonl"
        log.touch()
        async with (
            running_fleet("full", host=broker.address.host, port=broker.port, count=plan.boxes),
            _listener(way, directory, broker, log) as pid,
        ):
            return await _customers(way, plan, broker, directory, log, pid)


async def _customers(
    way: str, plan: WatchPlan, broker: BrokerProcess, directory: Path, log: Path, pid: int | None
) -> Watched:
    total = round(plan.rate_per_s * plan.duration_s)
    commands = make_commands(total, plan.boxes)
    links = LeanLinkFactory(broker.address, loop=asyncio.get_running_loop())
    driver = LoggingDriver(links, log, one_account=way == "one account")
    await driver.connect()
    judge = child_of(pid, "judge_process") if pid else None
    if judge:
        await _judged(directory, time.time())  # its start belongs to no unlock
    before_s, broker_s = cpu_s(pid) if pid else 0.0, cpu_s(broker.pid)
    judged_s = cpu_s(judge) if judge else 0.0
    load = await driver.open_loop(commands, rate_per_s=plan.rate_per_s)
    broker_s = cpu_s(broker.pid) - broker_s
    records = await _written(directory, total) if pid and way != "bare" else []
    used_s = cpu_s(pid) - before_s if pid else 0.0
    if judge:
        await _judged(directory, time.time())
        judged_s = cpu_s(judge) - judged_s
    driver.disconnect()
    latencies_s = sorted(load.latencies_s)
    return Watched(
        way=way,
        sent=load.sent,
        written=len(records),
        whole=sum(b'"platform":{' in record for record in records),
        cpu_us=used_s * _MICROSECONDS / max(load.sent, 1),
        judge_us=judged_s * _MICROSECONDS / max(load.sent, 1),
        broker_us=broker_s * _MICROSECONDS / max(load.sent, 1),
        p50_ms=_MILLISECONDS * quantile(latencies_s, 0.50),
        p99_ms=_MILLISECONDS * quantile(latencies_s, 0.99),
    )


async def _written(directory: Path, total: int) -> list[bytes]:
    """Return the monitor's records, when all are there or nothing more comes."""
    until_s = time.monotonic() + _JOINED_WITHIN_S
    path = directory / "attempts.jsonl"
    while True:
        records = path.read_bytes().splitlines() if path.exists() else []
        if len(records) >= total or time.monotonic() > until_s:
            return records
        await asyncio.sleep(0.5)


async def _judged(directory: Path, until: float) -> None:
    """Return when the judge has committed all of the journal up to a moment, Unix seconds."""
    ends_s = time.monotonic() + _JUDGED_WITHIN_S
    while time.monotonic() < ends_s:
        commit = read_commit(directory)
        if commit is not None and commit.at >= until:
            return
        await asyncio.sleep(0.5)


@asynccontextmanager
async def _listener(
    way: str, directory: Path, broker: BrokerProcess, log: Path
) -> AsyncIterator[int | None]:
    """Run a monitor that opens no cars, or what else listens, until the block ends.

    Give its process id; None where nobody listens.
    """
    if way == "nobody":
        yield None
        return
    if way == "bare":
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.bare_subscriber"),
            *(broker.address.host, str(broker.port)),
            stdout=asyncio.subprocess.PIPE,
        )
    else:
        settings = {
            **settings_in(directory, str(broker.address)),
            "log_level": "warning",
            "platform": None if way == "mqtt" else {"log_file": str(log)},
        }
        process = await start_probe(directory, settings)
    try:
        assert process.stdout is not None  # noqa: S101 - we asked for a pipe
        await asyncio.wait_for(_until_it_listens(process.stdout), _READY_S)
        yield process.pid
    finally:
        process.kill()
        await process.communicate()  # its pipe ends before the loop does


async def _until_it_listens(output: asyncio.StreamReader) -> None:
    """Pass over what is said before: who does not listen measures nothing."""
    async for line in output:
        if b'"ready"' in line or b"subscribed" in line:
            return
    raise ConnectionError("the listener has ended")


class Results(msgspec.Struct, frozen=True):
    """All that was measured."""

    boxes: int
    rate_per_s: float
    duration_s: float
    ways: dict[str, list[Watched]]
    """A measurement for each round."""
    bare_round_trip_us: list[float]
    """CPU of boxes that only answer, per command with 64 in flight; one a round."""
    c_driver_p99_ms: list[float]
    """Round trips of a driver in C that sends the same load, with nobody watching."""
    c_driver_watched_p99_ms: list[float]
    """The same where a monitor follows MQTT."""
    in_flight: dict[str, float]
    """Unlocks under way, the MiB that they take, and those of the whole process."""


def measure_watching(plan: WatchPlan) -> Results:
    """Return what each way came to, a round after the other, and what memory is taken."""
    ways, bare_us, c_driver_ms, watched_ms = uvloop.run(_rounds(plan))
    answer = subprocess.run(
        [sys.executable, "-m", "bench.watching_memory", str(plan.in_flight)],
        check=True,
        capture_output=True,
    )
    memory: dict[str, float] = msgspec.json.decode(answer.stdout)
    return Results(
        plan.boxes,
        plan.rate_per_s,
        plan.duration_s,
        ways,
        bare_us,
        c_driver_ms,
        watched_ms,
        memory,
    )


async def _rounds(
    plan: WatchPlan,
) -> tuple[dict[str, list[Watched]], list[float], list[float], list[float]]:
    measured: dict[str, list[Watched]] = {way: [] for way in WAYS}
    bare_us: list[float] = []
    c_driver_ms: list[float] = []
    watched_ms: list[float] = []
    for number in range(1, plan.rounds + 1):
        print(f"round {number} of {plan.rounds}: bare boxes answer, to compare with", flush=True)
        bare_us.append((await measure("bare", plan.bare)).cpu_us_at_most)
        c_driver_ms.append(await _c_driver_p99_ms(plan, "nobody"))
        watched_ms.append(await _c_driver_p99_ms(plan, "mqtt"))
        for way, title in WAYS.items():
            print(f"round {number} of {plan.rounds}: {title}", flush=True)
            measured[way].append(await measure_way(way, plan))
    return measured, bare_us, c_driver_ms, watched_ms


async def _c_driver_p99_ms(plan: WatchPlan, way: str) -> float:
    """Return the p99 of the round trips of a driver in C, watched in one of the ways."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as name,
        start_broker("mosquitto", Path(name)) as broker,
    ):
        host, port = broker.address.host, broker.port
        load = replace(
            plan.bare,
            boxes=plan.boxes,
            rate_per_s=plan.rate_per_s,
            open_loop_s=plan.duration_s,
        )
        async with (
            running_fleet("full", host=host, port=port, count=plan.boxes),
            _listener(way, Path(name), broker, Path(name) / "platform.jsonl"),
        ):
            return (await run_c_driver(load, host, port)).p99_ms


def render_watching(results: Results) -> str:
    """Return the tables as text."""
    head = (
        f"{results.boxes:,} full boxes without delays, {results.rate_per_s:,.0f} customers'"
        f" unlocks/s for {results.duration_s:g} s; CPU per unlock: who listens, its"
        " judge, the broker."
    )
    rows = [["", *(name for name, _, _ in _COLUMNS)]]
    rows += [
        [
            WAYS[way],
            *(format(median(getattr(one, name) for one in rounds), form)
              for _, name, form in _COLUMNS),
        ]
        for way, rounds in results.ways.items()
    ]  # fmt: skip
    return "\n\n".join((head, aligned(rows), goals_table(_goals(results), of="watching")))


_COLUMNS = (
    ("sent", "sent", ",.0f"),
    ("written", "written", ",.0f"),
    ("joined", "whole", ",.0f"),
    ("CPU µs", "cpu_us", ".1f"),
    ("judge µs", "judge_us", ".1f"),
    ("broker µs", "broker_us", ".1f"),
    ("p50 ms", "p50_ms", ".2f"),
    ("p99 ms", "p99_ms", ".2f"),
)


def _goals(results: Results) -> Sequence[Goal]:
    nobody, bare, mqtt, joined, one_account = (results.ways[way] for way in WAYS)
    memory = results.in_flight
    bare_us = results.bare_round_trip_us
    measuring = [one.cpu_us / us for one, us in zip(joined, bare_us, strict=True)]
    both = [(one.cpu_us + one.judge_us) / us for one, us in zip(joined, bare_us, strict=True)]
    c_driver_ms = results.c_driver_p99_ms
    p99s = [one.p99_ms / ms for one, ms in zip(joined, c_driver_ms, strict=True)]
    watched = [
        ms / nobodys
        for ms, nobodys in zip(results.c_driver_watched_p99_ms, c_driver_ms, strict=True)
    ]
    return [
        Goal("CPU an unlock, joined, µs", [one.cpu_us for one in joined], None, form=".1f"),
        Goal("the same, of one account, µs", [one.cpu_us for one in one_account], None, form=".1f"),
        Goal("CPU a round trip of bare boxes, µs", bare_us, None, form=".1f"),
        Goal("CPU, joined / that round trip", measuring, MOST_BARE_ROUND_TRIPS),
        Goal("the same with the judge's process", both, MOST_WITH_JUDGING),
        Goal("round trip p99, joined / C driver, nobody", p99s, MOST_OF_C_DRIVER),
        Goal("round trip p99, joined / nobody", _ratios(joined, nobody, "p99_ms"), None),
        Goal("round trip p99 of the C driver, MQTT alone / nobody", watched, None),
        Goal("CPU, joined / MQTT alone", _ratios(joined, mqtt, "cpu_us"), None),
        Goal("not written once", [abs(one.sent - one.written) for one in joined], 0, form=".0f"),
        Goal(
            "without the platform's side", [one.sent - one.whole for one in joined], 0, form=".0f"
        ),
        Goal("round trip p50, bare subscriber / nobody", _ratios(bare, nobody, "p50_ms"), None),
        Goal("round trip p50, MQTT alone / bare", _ratios(mqtt, bare, "p50_ms"), None),
        Goal("round trip p50, joined / bare", _ratios(joined, bare, "p50_ms"), 1.05),
        Goal(f"{memory['count']:,.0f} in flight, MiB", [memory["in_flight"]], 60, form=".1f"),
        Goal("and the whole process, MiB", [memory["process"]], None, form=".1f"),
    ]


def _ratios(of: Sequence[Watched], to: Sequence[Watched], name: str) -> list[float]:
    return [getattr(one, name) / getattr(other, name) for one, other in zip(of, to, strict=True)]


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.watching", description=__doc__)
    parser.add_argument("--rate", type=float, default=2_000.0, help="customers' unlocks a second")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one short round")
    arguments = parser.parse_args()
    plan = WatchPlan(rate_per_s=arguments.rate, rounds=arguments.rounds)
    print(render_watching(measure_watching(QUICK if arguments.quick else plan)))


if __name__ == "__main__":
    main()
