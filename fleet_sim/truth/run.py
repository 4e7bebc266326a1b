"""The live run: clients, their cars and the faults together, one phase after another."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from fleet_sim.broker.access import PLATFORM_USER
from fleet_sim.broker.process import BrokerKind, free_port
from fleet_sim.cars.movements import Movement
from fleet_sim.platform.connection import PLATFORM_LINK_LIMITS
from fleet_sim.platform.operations import Answer, Operation, Request
from fleet_sim.platform.tokens import token_of
from fleet_sim.results import readable
from fleet_sim.runs.conclude import GROUND_TRUTH
from fleet_sim.runs.directory import RunDirectory
from fleet_sim.runs.injection import Injector
from fleet_sim.runs.limits import raise_descriptor_limit
from fleet_sim.runs.lines import LineFiles
from fleet_sim.runs.live.driver import LiveDriver
from fleet_sim.runs.live.platform_api import platform_api
from fleet_sim.runs.live.run import LiveOptions, fleet_options
from fleet_sim.runs.live.run_brokers import RunBrokers
from fleet_sim.runs.live.run_fleet import RunFleet
from fleet_sim.runs.live.stop import Stop, run_loop
from fleet_sim.runs.live.workers import Workers
from fleet_sim.runs.progress import Progress
from fleet_sim.runs.rentals import Movements, Rentals
from fleet_sim.scenario.form import Scenario
from fleet_sim.truth.client import Client, Surroundings
from fleet_sim.truth.customer import Customer, Script
from fleet_sim.truth.grading import DoorMovement, Press, grade
from fleet_sim.truth.modes import CONTROL, ROUND_S, Phase, Size, is_for, vehicle_ids
from fleet_sim.truth.score import RESULT, UNLOCKS, ClientResult, GradedUnlock, TruthResult, count
from fleet_wire.contract.signing import DEMO_SECRET
from fleet_wire.links.brokers import Brokers
from fleet_wire.randomness import RandomStream

HOST: Final = "127.0.0.1"
ANSWER_S: Final = 10.0
"""The desk waits no longer for the platform."""
BOOKED_S: Final = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The clients of a run, and its phases with their scenarios."""

    clients: Sequence[Client]
    phases: Sequence[tuple[Phase, Scenario]]
    size: Size
    seed: int
    profile: str
    script: Script = field(default_factory=Script)
    listen: tuple[str, int] = (HOST, 0)
    """Host and port of the platform's API; port 0 is any free one."""


class _Desk:
    """Books cars at the platform, past HTTP."""

    def __init__(self, rentals: Rentals, driver: LiveDriver) -> None:
        self._rentals = rentals
        self._driver = driver
        self._bookings: dict[str, str] = {}

    async def book(self, vehicle_id: str) -> tuple[str | None, str | None]:
        """End a customer's booking and make another; one that cannot be ended stays."""
        token = token_of(DEMO_SECRET, vehicle_id)
        old = self._bookings.get(vehicle_id)
        ended = old and await self._ask(
            Request(operation=Operation.END, token=token, booking_id=old)
        )
        if old is None or (ended and ended.is_ok):
            ends_at = time.time() + BOOKED_S
            request = Request(
                operation=Operation.BOOK, token=token, vehicle_id=vehicle_id, ends_at=ends_at
            )
            booked = await self._ask(request)
            if booked is not None and booked.is_ok:
                self._bookings[vehicle_id] = str(booked.body["booking_id"])
        return self._bookings.get(vehicle_id), token

    async def _ask(self, request: Request) -> Answer | None:
        platform = self._rentals.platform
        assert platform is not None  # noqa: S101 - each phase has one
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def set_answer(answer: Answer) -> None:
            if not answered.done():
                answered.set_result(answer)

        with self._driver.present():
            platform.ask(request, set_answer)
        try:
            return await asyncio.wait_for(answered, ANSWER_S)
        except TimeoutError:
            return None


class _Doors:
    """The movements of every driver's door, on the monotonic clock."""

    def __init__(self) -> None:
        self.watch = Movements()
        self.rentals: Rentals | None = None
        self.starts_at = 0.0
        """The monotonic second at simulated second 0."""
        self._moved: dict[str, list[DoorMovement]] = {}

    def handle_movement(self, movement: Movement) -> None:
        """Note one, and pass it on to the watch over safety."""
        self.watch.handle_movement(movement)
        if movement.is_of_another_car:
            return  # a clone's: the door of the customer's car has not moved
        self._moved.setdefault(movement.vehicle_id, []).append(
            DoorMovement(
                at_s=self.starts_at + movement.at_s,
                is_locked=movement.is_driver_door_locked,
                is_own=self._is_own(movement),
            )
        )

    def _is_own(self, movement: Movement) -> bool:
        if movement.command is None or self.rentals is None or self.rentals.platform is None:
            return movement.command is not None
        known = self.rentals.platform.service.commands.on_wire(movement.command.command_id)
        return known is None or known.vehicle_id == movement.vehicle_id

    def of_car(self, vehicle_id: str) -> Sequence[DoorMovement]:
        """Return the movements of a car's door so far, in order of time."""
        return self._moved.get(vehicle_id, [])


class _TruthRun:
    """One run. Make it where the event loop runs."""

    def __init__(
        self, plan: Plan, directory: RunDirectory, brokers: RunBrokers, progress: Progress
    ) -> None:
        self._plan = plan
        self._directory = directory
        self._files = LineFiles(directory.path)
        self._brokers = brokers
        self._progress = progress
        self._stop = Stop(progress)
        self._unlocks: list[GradedUnlock] = []
        self._safety: dict[str, int] = {}
        self._defects = 0
        self._first_defect: str | None = None

    async def run(self) -> TruthResult:
        """Grade all clients, and write the result. Raises `UnlockpathError`."""
        started_at, began_s = datetime.now(UTC), time.monotonic()
        plan = self._plan
        host, port = plan.listen
        listen = (host, port or free_port())  # the same in all phases
        async with AsyncExitStack() as stack:
            stack.callback(self._files.close)
            await self._start_clients(stack, f"http://{listen[0]}:{listen[1]}")
            for number, (phase, scenario) in enumerate(plan.phases, 1):
                if not self._stop.asked.is_set():
                    await self._phase(number, phase, scenario, listen)
            errors = {client.name: client.error for client in plan.clients}
        counts = count(self._unlocks)
        result = TruthResult(
            seed=plan.seed,
            profile=plan.profile,
            started_at=started_at.isoformat(timespec="seconds"),
            duration_s=round(time.monotonic() - began_s, 1),
            is_interrupted=self._stop.asked.is_set(),
            model_defects=self._defects,
            first_model_defect=self._first_defect,
            safety=self._safety,
            clients={
                client.name: ClientResult(
                    **{**client.as_json(), "error": errors[client.name]},
                    modes=counts.get(client.name, {}),
                )
                for client in plan.clients
            },
        )
        with self._directory.writing(RESULT):
            self._directory.write_json(RESULT, result)
        return result

    async def _start_clients(self, stack: AsyncExitStack, api_url: str) -> None:
        plan = self._plan
        surroundings = Surroundings(
            broker_url=self._brokers.brokers.urls_with_secrets(),
            api_url=api_url,
            profile=plan.profile,
        )
        for client in plan.clients:
            stack.push_async_callback(client.close)
            self._progress.phase(f"starting client {client.name}")
            await client.start(self._directory.path / client.name, surroundings)

    async def _phase(
        self, number: int, phase: Phase, scenario: Scenario, listen: tuple[str, int]
    ) -> None:
        """Play the cars of some modes, and let customers use them."""
        plan, path = self._plan, self._directory.path / f"phase-{number}"
        path.mkdir()
        files = LineFiles(path, lambda error: self._progress.note(f"{error}; going on without it"))
        options = fleet_options(scenario, LiveOptions(seed=plan.seed), self._brokers)
        doors, specs = _Doors(), scenario.cars()
        options = replace(
            options,
            on_movement=doors.handle_movement,
            says_goodbye=True,
            with_null_box=False,
            name=f"sms-centre-{number}",
        )
        cars = readable.number_of(len(specs), "car")
        self._progress.phase(f"phase {number} of {len(plan.phases)}, {phase.name}: {cars}")
        fleet = RunFleet(specs, options, Workers(), self._progress)
        doors.starts_at = fleet.driver.began_at
        rentals = Rentals(
            scenario,
            fleet.here.fleet,
            doors.watch,
            files=files,
            links=fleet.here.links(
                PLATFORM_LINK_LIMITS, brokers=self._brokers.as_user(PLATFORM_USER)
            ),
            vehicle_ids=frozenset(spec.vehicle_id for spec in specs),
        )
        doors.rentals = rentals
        async with AsyncExitStack() as stack:
            stack.callback(files.close)
            stack.push_async_callback(_leave, fleet, rentals)
            await fleet.connect(self._stop.asked)
            with fleet.driver.present():
                rentals.start()
            assert rentals.platform is not None  # noqa: S101 - the scenario has one
            server = platform_api(rentals.platform, fleet.driver, write=rentals.write_event)
            await server.start(*listen)
            stack.push_async_callback(server.stop)
            with fleet.driver.present():
                Injector(
                    specs,
                    fleet.here.fleet,
                    load_starts_s=fleet.driver.now_s(),
                    record=files.opened(GROUND_TRUTH),
                    around=rentals.fault_targets(self._brokers.control),
                ).inject_all(scenario)
            rentals.safety.load_starts_s = fleet.driver.now_s()
            await self._visits(phase, fleet, rentals, doors)
        defects, first = fleet.defects
        self._defects += defects
        self._first_defect = self._first_defect or first
        for kind, found in rentals.safety.counts.items():
            self._safety[kind.value] = self._safety.get(kind.value, 0) + found

    async def _visits(self, phase: Phase, fleet: RunFleet, rentals: Rentals, doors: _Doors) -> None:
        """Run a customer for each car, until all have been there, or the user wants an end."""
        plan, begins_s = self._plan, time.monotonic()
        rounds_s = tuple(number * ROUND_S for number in range(plan.size.rounds))
        desk = _Desk(rentals, fleet.driver)
        customers = [
            (client, mode, vehicle_id, self._customer(client, mode, fleet, vehicle_id, desk))
            for client in plan.clients
            for mode in phase.modes
            if is_for(mode, asks_platform=client.through == "api")
            for vehicle_id in vehicle_ids(client.name, mode, plan.size)
        ]
        self._progress.note(f"{readable.number_of(len(customers), 'customer')} on their way")
        lives = [
            asyncio.ensure_future(customer.live(begins_s, rounds_s)) for *_, customer in customers
        ]
        stop = asyncio.ensure_future(self._stop.asked.wait())
        stop.add_done_callback(lambda _stop: [life.cancel() for life in lives])
        results = await asyncio.gather(*lives, return_exceptions=True)
        stop.cancel()
        if failed := [each for each in results if isinstance(each, Exception)]:
            raise failed[0]
        for client, mode, vehicle_id, customer in customers:
            for press in customer.presses:
                self._grade(client, mode, vehicle_id, press, doors.of_car(vehicle_id))

    def _customer(
        self, client: Client, mode: str, fleet: RunFleet, vehicle_id: str, desk: _Desk
    ) -> Customer:
        return Customer(
            fleet.here.fleet.boxes[vehicle_id],
            client,
            desk.book,
            self._plan.script,
            present=fleet.driver.present,
            stream=RandomStream.named(self._plan.seed, f"truth/{vehicle_id}"),
            is_certain=mode == CONTROL,
        )

    def _grade(
        self, client: Client, mode: str, vehicle_id: str, press: Press, door: Sequence[DoorMovement]
    ) -> None:
        screens = client.screens_of(vehicle_id)
        graded = grade(press, screens, door)
        until_s = press.returned_s or press.left_s
        since_s = press.pressed_s - ROUND_S
        unlock = GradedUnlock(
            client=client.name,
            mode=mode,
            vehicle_id=vehicle_id,
            grade=graded.grade,
            why=graded.why,
            press=press,
            screens=tuple(each for each in screens if since_s <= each.at_s <= until_s),
            door=tuple(each for each in door if since_s <= each.at_s <= until_s),
        )
        self._unlocks.append(unlock)
        self._files.append(UNLOCKS, unlock)


async def _leave(fleet: RunFleet, rentals: Rentals) -> None:
    """End the connections of the platform and the boxes: the broker serves another phase."""
    with fleet.driver.present():
        rentals.leave()
    await fleet.close()


def run_truth(
    plan: Plan,
    directory: RunDirectory,
    progress: Progress,
    *,
    brokers: Brokers | None = None,
    broker_kind: BrokerKind = "auto",
) -> TruthResult:
    """Grade all clients at these brokers, or a private one; return the result.

    Raises `UnlockpathError`.
    """
    raise_descriptor_limit(sum(scenario.fleet.count for _, scenario in plan.phases))

    async def work() -> TruthResult:
        return await _TruthRun(plan, directory, around, progress).run()

    with (
        directory.none_if_refused(),
        RunBrokers(brokers)
        if brokers is not None
        else RunBrokers.private(
            _joint_scenario(plan.phases), directory.path / "broker", kind=broker_kind
        ) as around,
    ):
        return run_loop(work)


def _joint_scenario(phases: Sequence[tuple[Phase, Scenario]]) -> Scenario:
    """Return a scenario that needs of a broker what all phases need."""
    scenario = max((each for _, each in phases), key=lambda each: each.fleet.count)
    faults = tuple(entry for _, each in phases for entry in each.faults)
    return scenario.model_copy(update={"faults": faults})
