"""The surroundings of a run's cars: platform, customers, and the watch over every lock.

The same in both modes: the run hands in where links come from and where lines go.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from fleet_sim.broker.control import BrokerControl
from fleet_sim.cars.fleet import Fleet
from fleet_sim.cars.movements import Movement
from fleet_sim.cars.spec import NULL_CAR
from fleet_sim.customers.failpoints import CustomerFailpoints
from fleet_sim.customers.population import Population
from fleet_sim.customers.records import Witnesses
from fleet_sim.platform.gateway import EmulatedPlatform
from fleet_sim.platform.operations import Platform, SupportCall
from fleet_sim.platform.safety import Safety
from fleet_sim.runs.conclude import SAFETY
from fleet_sim.runs.injection import FaultTargets
from fleet_sim.runs.lines import LineFiles
from fleet_sim.scenario.form import Customers, Scenario, select
from fleet_wire.contract.platform_log import PlatformEvent
from fleet_wire.links.link import LinkFactory
from fleet_wire.profiles.native import NATIVE

CUSTOMERS = "customers.jsonl"
PLATFORM = "platform.jsonl"


class Movements:
    """Takes the movements of all locks from the first on, and hands them to who keeps watch."""

    def __init__(self) -> None:
        self.safety: Safety | None = None

    def handle_movement(self, movement: Movement) -> None:
        """Take one."""
        if self.safety is not None:
            self.safety.handle_movement(movement)


def population_of(
    customers: Customers,
    fleet: Fleet,
    platform: Platform,
    witnesses: Witnesses,
    *,
    failpoints: CustomerFailpoints | None = None,
) -> Population:
    """Return the customers of a scenario, who rent those boxes of a fleet that it lets them rent.

    `platform` is what they ask.
    """
    world, boxes = fleet.world, fleet.boxes
    specs = [box.spec for box in boxes.values() if box.spec is not NULL_CAR]
    targets = select(specs, customers.targets, world.seed, "customers")
    return Population(
        world,
        customers,
        times_s=customers.times_s(world.stream("customers/arrivals")),
        boxes={spec.vehicle_id: boxes[spec.vehicle_id] for spec in targets},
        platform=platform,
        witnesses=witnesses,
        failpoints=failpoints,
    )


class Rentals:
    """Platform and customers of a scenario, where it has them, and the safety of any run.

    `links` makes the platform's link to the broker, `vehicle_ids` are the cars that it knows. A
    platform that is elsewhere is not made here.
    """

    def __init__(
        self,
        scenario: Scenario,
        fleet: Fleet,
        movements: Movements,
        *,
        files: LineFiles,
        links: LinkFactory,
        vehicle_ids: frozenset[str],
        is_platform_elsewhere: bool = False,
    ) -> None:
        self._scenario = scenario
        self._fleet = fleet
        self._files = files
        self.on_event: Callable[[PlatformEvent], None] | None = None
        """Takes each line of the platform's log besides: a monitor in this process."""
        world = fleet.world
        self.safety = movements.safety = Safety(
            world,
            files.opened(SAFETY),
            others_may=bool(scenario.load.stages) or is_platform_elsewhere,
        )
        self.customer_failpoints = CustomerFailpoints()
        self.platform: EmulatedPlatform | None = None
        self.population: Population | None = None
        if scenario.has_platform and not is_platform_elsewhere:
            self._platform_lines = files.opened(PLATFORM)
            self.platform = EmulatedPlatform(
                replace(world, link_factory=links),
                scenario.platform_parameters,
                vehicle_ids=vehicle_ids,
                write=self.write_event,
            )
            self.safety.command_of = self.platform.service.commands.on_wire

    def start(self) -> None:
        """Connect the platform to the broker."""
        if self.platform is not None:
            self.platform.start()

    def start_customers(self, load_starts_s: float, platform: Platform | None = None) -> None:
        """Start customers at a simulated second; they ask `platform`, or ours in process."""
        self.safety.load_starts_s = load_starts_s
        customers, asked = self._scenario.customers, platform or self.platform
        if customers is None or asked is None:
            return
        self.population = population_of(
            customers,
            self._fleet,
            asked,
            Witnesses(
                record=self._files.opened(CUSTOMERS),
                told_open=partial(self._report_shown, self.safety.told_open),
                told_locked=partial(self._report_shown, self.safety.told_locked),
                called_support=self._called_support,
            ),
            failpoints=self.customer_failpoints,
        )
        self.population.start(load_starts_s)

    def _report_shown(
        self,
        watch: Callable[[str, str, str | None], None],
        customer_id: str,
        vehicle_id: str,
        command_id: str | None,
    ) -> None:
        """Report to the watch, with the wire's ids, what a phone showed of a car."""
        if self.platform is not None:
            command = self.platform.service.commands.get(command_id)
            command_id = None if command is None else command.wire_id
        elif self._fleet.world.profile is not NATIVE:
            return  # an external platform's ids on the wire are unknown here
        watch(customer_id, vehicle_id, command_id)

    def _called_support(self, call: SupportCall) -> None:
        """Report a call to our platform's helpdesk; an external one has none of our customers."""
        if self.platform is not None:
            self.platform.handle_call(call)

    def fault_targets(self, broker: BrokerControl | None) -> FaultTargets:
        """Return what faults of this run act on besides its cars."""
        return FaultTargets(self.platform, broker, self.customer_failpoints)

    @property
    def is_served(self) -> bool:
        """Whether every customer has opened a car, or will not."""
        return self.population is None or self.population.is_served

    def leave(self) -> None:
        """End the platform's connection: it need not hear how the boxes leave."""
        if self.platform is not None:
            self.platform.close()

    def write_event(self, event: PlatformEvent) -> None:
        """Write a line of the platform's structured log."""
        self._platform_lines(event)
        if self.on_event is not None:
            self.on_event(event)
