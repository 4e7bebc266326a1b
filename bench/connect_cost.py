"""What a box that connects costs mosquitto: `python -m bench.connect_cost [--rounds N] [--quick]`.

Prints the CPU time of mosquitto's process for a connection with CONNECT and SUBSCRIBE, as a box
says them: for few and for many boxes, with sessions that end and sessions that are kept, when they
come for the first time and when all come back after their connections broke.
`fleet_sim.runs.virtual.run.CONNECT_COST_S` is taken from here.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import uvloop

from bench.child_fleet import cpu_s
from bench.fleets.common import vehicle_id_of
from bench.machine import machine_facts
from fleet_sim.broker.process import BrokerProcess, start_broker
from fleet_sim.cars.parameters import BoxParameters
from fleet_wire.contract import codec
from fleet_wire.contract.messages import Presence, PresenceReason, PresenceStatus
from fleet_wire.contract.topics import TopicKind, topic_of
from fleet_wire.links.lean.link import LeanLinkFactory
from fleet_wire.links.link import (
    Disconnected,
    Link,
    LinkFactory,
    LinkLimits,
    Message,
    Session,
    Will,
)

FEW, MANY = 1_000, 10_000
QUICK = 100
_CONNECT_TIMEOUT_S = 60.0
_SETTLE_S = 0.2
"""Until the broker has done what the last packet and the last broken connection asked of it."""
_MICROSECONDS = 1e6


@dataclass(frozen=True, slots=True)
class ConnectCost:
    """What one round of one kind came to: CPU seconds of the broker for each box."""

    first_s: float
    """When it connects to a broker that does not know it."""
    again_s: float
    """When it comes back after its connection broke."""


class _Caller:
    """A box that only connects. Implements `fleet_wire.links.link.LinkHandler`."""

    def __init__(self, index: int, link_factory: LinkFactory, *, session_expiry_s: int) -> None:
        self._vehicle_id = vehicle_id_of(index)
        self._session_expiry_s = session_expiry_s
        self.connected = asyncio.Event()
        self.link: Link = link_factory(self)

    def session(self) -> Session:
        """Return what a box says (see `fleet_sim.cars.modem.Modem.session`)."""
        presence = Presence(
            status=PresenceStatus.OFFLINE, session_id="bench-1", reason=PresenceReason.LAST_WILL
        )
        return Session(
            self._vehicle_id,
            subscriptions=(topic_of(TopicKind.COMMAND, self._vehicle_id),),
            session_expiry_s=self._session_expiry_s,
            keepalive_s=BoxParameters().keepalive_s,
            will=Will(topic_of(TopicKind.PRESENCE, self._vehicle_id), codec.encode(presence)),
        )

    def on_connected(self, *, session_present: bool) -> None:  # noqa: ARG002 - LinkHandler's form
        """Let `_connect_all` go on, and say nothing: that is no part of connecting."""
        self.connected.set()

    def on_message(self, message: Message) -> None:
        """Acknowledge what nobody sends."""
        self.link.acknowledge(message)

    def on_disconnected(self, reason: Disconnected) -> None:
        """Fail: nothing here cuts a box off."""
        raise ConnectionError(str(reason))


async def measure_connects(count: int, *, session_expiry_s: int) -> ConnectCost:
    """Start a broker, let `count` boxes connect, and again after all connections broke."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as directory,
        start_broker("mosquitto", Path(directory)) as broker,
    ):
        links = LeanLinkFactory(
            broker.address,
            loop=asyncio.get_running_loop(),
            limits=LinkLimits(connect_timeout_s=_CONNECT_TIMEOUT_S),
        )
        callers = [
            _Caller(index, links, session_expiry_s=session_expiry_s) for index in range(count)
        ]
        first_s = await _connect_all(callers, broker)
        await _break_all(callers)
        again_s = await _connect_all(callers, broker)
        await _break_all(callers)
        return ConnectCost(first_s, again_s)


async def _connect_all(callers: list[_Caller], broker: BrokerProcess) -> float:
    """Connect all and return what that cost the broker for each of them."""
    before_s = cpu_s(broker.pid)
    for caller in callers:
        caller.link.connect()
    for caller in callers:
        await caller.connected.wait()
    await asyncio.sleep(_SETTLE_S)
    return (cpu_s(broker.pid) - before_s) / len(callers)


async def _break_all(callers: list[_Caller]) -> None:
    for caller in callers:
        caller.connected.clear()
        caller.link.abort()
    await asyncio.sleep(_SETTLE_S + len(callers) / FEW * _SETTLE_S)


def render_costs(costs: dict[tuple[int, int], list[ConnectCost]]) -> str:
    """Return a table of medians, by number of boxes and session expiry."""
    lines = ["| boxes | session kept | first, µs CPU | again, µs CPU |", "|--:|---|--:|--:|"]
    for (count, session_expiry_s), rounds in costs.items():
        first = _MICROSECONDS * median(cost.first_s for cost in rounds)
        again = _MICROSECONDS * median(cost.again_s for cost in rounds)
        kept = "yes" if session_expiry_s else "no"
        lines.append(f"| {count:,} | {kept} | {first:.0f} | {again:.0f} |")
    return "\n".join(lines)


def main() -> None:
    """Run the rounds, interleaved, so that a disturbance hits all kinds alike."""
    parser = argparse.ArgumentParser(prog="python -m bench.connect_cost", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="a hundred boxes")
    arguments = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    counts = [QUICK] if arguments.quick else [FEW, MANY]
    kept_s = BoxParameters().session_expiry_s
    costs: dict[tuple[int, int], list[ConnectCost]] = {
        (count, expiry_s): [] for count in counts for expiry_s in (0, kept_s)
    }
    for _ in range(arguments.rounds):
        for (count, expiry_s), rounds in costs.items():
            rounds.append(uvloop.run(measure_connects(count, session_expiry_s=expiry_s)))
    facts = machine_facts()
    print(f"mosquitto {facts['mosquitto']} on {facts['cores']}, {arguments.rounds} rounds\n")
    print(render_costs(costs))


if __name__ == "__main__":
    main()
