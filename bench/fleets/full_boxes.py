"""The boxes of the project itself, model and all, with parameters that take no time."""

from __future__ import annotations

import asyncio
import time

import uvloop

from bench.fleets.common import FLEET_SECRET, FleetOptions, Reporter, stop_event, vehicle_id
from fleet_sim.fleet import Fleet
from fleet_sim.live_driver import LiveDriver
from fleet_sim.parameters import NULL_BOX
from fleet_sim.scenario import Group, VehicleSpec
from fleet_sim.world import World
from fleet_wire.link import BrokerAddress
from fleet_wire.mqtt_link import MqttLinkFactory

_POLL_S = 0.005


def run(options: FleetOptions) -> None:
    """Run the fleet until SIGTERM."""
    uvloop.run(_run(options))


async def _run(options: FleetOptions) -> None:
    stop = stop_event()
    loop = asyncio.get_running_loop()
    broker = BrokerAddress(scheme="mqtt", host=options.host, port=options.port)
    group = Group(
        name="bench", count=options.count, firmware="2.4.1", operator="operator-a", box=NULL_BOX
    )
    driver = LiveDriver(loop)
    world = World(
        env=driver.env,
        seed=1,
        fleet_secret=FLEET_SECRET,
        epoch_unix_s=time.time(),
        link_factory=driver.wrap(MqttLinkFactory(broker, loop=loop)),
    )
    reporter = Reporter()
    specs = [VehicleSpec(vehicle_id(index), group) for index in range(options.count)]
    fleet = Fleet(world, specs, sms_centre="bench-sms-centre")
    driver.enter()
    fleet.start()
    driver.leave()
    while world.counts.known < options.count:  # noqa: ASYNC110 - the model has no event for it
        await asyncio.sleep(_POLL_S)
    reporter.all_connected(world.counts.known)
    await stop.wait()
    reporter.answered = world.counts.executed
    reporter.stopped()
