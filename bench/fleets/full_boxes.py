"""The boxes of the project itself, model and all, with parameters that take no time."""

from __future__ import annotations

import uvloop

from bench.fleets.common import FLEET_SECRET, FleetArguments, Reporter, stop_event, vehicle_id_of
from fleet_sim.cars.parameters import NULL_BOX
from fleet_sim.cars.spec import CarSpec, Traits
from fleet_sim.runs.live.fleet import FleetOptions
from fleet_sim.runs.live.run_fleet import RunFleet
from fleet_sim.runs.live.workers import Workers
from fleet_sim.runs.progress import Progress
from fleet_wire.links.brokers import Brokers
from fleet_wire.links.link import BrokerAddress


def run(arguments: FleetArguments) -> None:
    """Run the fleet until SIGTERM."""
    uvloop.run(_run(arguments))


async def _run(arguments: FleetArguments) -> None:
    stop = stop_event()
    traits = Traits(group="bench", firmware="2.4.1", operator="operator-a")
    reporter = Reporter()
    fleet = RunFleet(
        [CarSpec(vehicle_id_of(index), traits, NULL_BOX) for index in range(arguments.count)],
        FleetOptions(
            brokers=Brokers((BrokerAddress("mqtt", arguments.host, arguments.port),)),
            seed=1,
            fleet_secret=FLEET_SECRET,
            with_null_box=False,
            name="bench-sms-centre",
        ),
        Workers(),
        Progress(),
    )
    await fleet.connect(stop)
    reporter.all_connected(fleet.counts.known)
    await stop.wait()
    reporter.answered = fleet.counts.executed
    reporter.stopped()
