"""Plays transcripts of the emulated platform: what phones ask, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from fleet_sim.cars.failpoints import Failpoint
from fleet_sim.cars.movements import Movement
from fleet_sim.customers.parameters import CustomerParameters
from fleet_sim.customers.population import Population
from fleet_sim.customers.records import CustomerEvent, CustomerStep, Witnesses
from fleet_sim.faults import FAULTS, Hit, Injection
from fleet_sim.faults.registry import FaultWindow
from fleet_sim.platform import answers, failpoints
from fleet_sim.platform.open_requests import OpenRequest
from fleet_sim.platform.operations import Answer, Operation, Request
from fleet_sim.platform.parameters import NULL_PLATFORM, PlatformParameters
from fleet_wire.contract import problems
from fleet_wire.contract.platform_log import PlatformEvent, PlatformStep
from fleet_wire.contract.refusals import refused_because
from tests.helpers.car_words import begin_on_car, box_parameters, calculated, changed, plain
from tests.helpers.platform_bench import CAR, PlatformBench
from tests.helpers.transcripts import Player, by_moment

OF_REQUESTS = (PlatformStep.REQUESTED, PlatformStep.ACCEPTED, PlatformStep.ANSWERED)
FAILPOINTS = {each.name: each for each in vars(failpoints).values() if isinstance(each, Failpoint)}
STEADY = CustomerParameters.model_validate(
    {
        "phone": {"network": 0.05, "loss": 0},
        "walk": 10,
        "presses_again": 12,
        "reads": 2,
        "patience": 60,
        "opens_door": 3,
        "tries_door": 0,
        "drive": 100,
        "locks": 5,
        "ends": 5,
        "dials": 20,
    }
)
"""Each step takes as long as it says, and nothing is lost."""


class PlatformPlayer(Player):
    """Cars `car-0` and `car-1`, a platform, and customers, of whom Anna asks unless told otherwise.

    Bookings, commands and requests have the names `b1`, `c1` and `r1`, in their order. An unlock or
    a lock waits for a minute unless it says `wait=`. `begin FAILPOINT VALUE` lasts until `end
    FAILPOINT`; `begin car:WHAT` is about `car-0`, see `CarPlayer`. `customers 0 5` come at these
    seconds and do what customers do.
    """

    def __init__(self) -> None:
        self._happened: list[tuple[float, str]] = []
        self._names: dict[str, str] = {}
        self._asked: list[OpenRequest] = []
        self._is_asking = False
        self._population: Population | None = None
        self._lasting: dict[str, AbstractContextManager[Any]] = {}
        self._do_platform()

    def verbs(self) -> Mapping[str, Callable[..., object]]:
        """Return the function of each verb."""
        bench, box = self.bench, self.bench.box()
        return {
            **super().verbs(),
            "ask": lambda what, **more: self._ask(Operation(what), None, **more),
            "broker": lambda what: getattr(bench.broker, what)(),
            "drop": lambda: box.modem.dialler.drop_connection(by=self),
            "end": lambda name: self._lasting.pop(name).__exit__(None, None, None),
            "end_booking": partial(self._ask, Operation.END),
            "extend": partial(self._ask, Operation.EXTEND),
            "lock": partial(self._ask, Operation.LOCK, wait=60.0),
            "pass": bench.let_pass,
            "shut_down": box.modem.shut_down,
            "sms_arrives": box.power.receive_sms,
            "state": partial(self._ask, Operation.VEHICLE_STATE, None),
            "status": lambda name, **more: self._ask(
                Operation.COMMAND_STATUS, None, command_id=self._known(name), **more
            ),
            "unlock": partial(self._ask, Operation.UNLOCK, wait=60.0),
        }

    def news(self) -> list[str]:
        """Return what came since it was asked last, a line for each moment."""
        happened, self._happened = self._happened, []
        return [f"{at_s:g} s: {', '.join(whats)}" for at_s, whats in by_moment(happened)]

    def _do_platform(self, *words: str, cars: int = 2, **changes: Any) -> None:
        """Begin with another platform; keys with `box.` are parameters of its cars."""
        of_boxes, of_platform = dict[str, Any](), dict[str, Any]()
        for key, value in changes.items():
            name = key.removeprefix("box.")
            (of_platform if name == key else of_boxes)[name] = value
        self.bench = PlatformBench(
            parameters=PlatformParameters.model_validate(
                changed(NULL_PLATFORM.model_dump(), of_platform)
            ),
            box=box_parameters(words, of_boxes),
            cars=cars,
            write=self._write,
            on_movement=self._on_movement,
        )
        self._names.clear()
        self._asked.clear()
        self._population = None
        self._lasting.clear()
        self._happened.clear()

    # What is done

    def _do_begin(self, what: str, *values: Any, name: str | None = None, **more: Any) -> None:
        target, _, of_car = what.partition(":")
        if target == "car":
            begun = begin_on_car(self.bench.box(), of_car, *values, by=self, **more)
        else:
            action = _action(what, *values)
            begun = self.bench.platform.set_action(FAILPOINTS[what], action, by=self)
        begun.__enter__()
        self._lasting[name or what] = begun

    def _do_customers(self, *times_s: float, **changes: Any) -> None:
        """Let customers come at some seconds from now on, with changes of what they do."""
        values = changed(STEADY.model_dump(), changes)
        bench = self.bench
        witnesses = Witnesses(
            called_support=bench.platform.handle_call,
            record=self._on_step,
            told_open=lambda _who, car, command: self._on_told(f"{car} is open", command),
            told_locked=lambda _who, car, command: self._on_told(f"{car} is locked", command),
        )
        self._population = Population(
            bench.world,
            CustomerParameters.model_validate(values),
            times_s=[*times_s],
            boxes=bench.fleet.boxes,
            platform=bench.platform,
            witnesses=witnesses,
        )
        self._population.start(bench.env.now)

    def _do_strike(self, fault: str, lasts_s: float, *, cars: int = 1, **more: Any) -> None:
        """Open the window of a fault on the first cars."""
        bench = self.bench
        boxes = [bench.box(number) for number in range(cars)]
        injection = Injection(
            world=bench.world,
            boxes=boxes,
            cars=[box.spec for box in boxes],
            vehicle_ids=frozenset(box.vehicle_id for box in boxes),
            window=FaultWindow(lasts_s),
            stream_of=bench.world.stream,
            fault=fault,
            record=self._record,
            platform=bench.platform,
            customers=None if self._population is None else self._population.failpoints,
        )
        made = FAULTS[fault].model_validate({key: plain(its) for key, its in more.items()})
        bench.env.process(made.process(injection))
        bench.let_pass(0.1)

    def _do_book(self, car: str = CAR, *, by: str = "anna", for_s: float = 3600.0) -> None:
        self._ask(Operation.BOOK, None, car=car, by=by, for_s=for_s)

    def _ask(
        self,
        operation: Operation,
        booking: str | None,
        car: str | None = None,
        *,
        by: str = "anna",
        wait: float = 0.0,
        key: str | None = None,
        for_s: float | None = None,
        **more: Any,
    ) -> None:
        bench = self.bench
        request = Request(
            operation=operation,
            booking_id=self._known(booking),
            vehicle_id=car,
            wait_s=wait,
            idempotency_key=key,
            ends_at=None if for_s is None else bench.now + for_s,
            **({"token": bench.platform.token_of(by)} | {it: plain(more[it]) for it in more}),
        )
        number = len(self._asked) + 1
        self._is_asking = True
        self._asked.append(bench.platform.ask(request, partial(self._on_answer, number)))
        self._is_asking = False

    def _do_box_counts(self) -> None:
        counts = self.bench.world.counts
        self._note(f"the boxes got {counts.commands} commands")

    def _do_position(self) -> None:
        age_s = self.bench.box().vehicle.position_age_s(self.bench.env.now)
        self._note(f"the position is {age_s:g} s old")

    def _do_hang_up(self, name: str) -> None:
        is_logged = self._asked[int(name.removeprefix("r")) - 1].hang_up()
        if not is_logged:
            self._note("nobody to hang up on")

    # What comes of it

    def hit(
        self,
        vehicle_id: str,
        what: str,
        *,
        command_id: str | None = None,
        during_s: tuple[float, float] | None = None,  # noqa: ARG002 - Culprit's form
        customer_id: str | None = None,  # noqa: ARG002 - Culprit's form
    ) -> None:
        """Note what was changed, as a culprit."""
        self._note(f"hit {vehicle_id or '-'} {self._name(command_id, 'c') or '-'}: {what}")

    def _record(self, hit: Hit) -> None:
        during = "" if hit.until_s is None else f" for {hit.until_s - hit.at_s:.3g} s"
        command = self._name(hit.command_id, "c") or "-"
        self._note(f"hit {hit.vehicle_id or '-'} {command}: {hit.what}{during}")

    def _on_answer(self, number: int, answer: Answer) -> None:
        body = answer.body
        command = self._name(body.get("command_id"), "c")
        what = [
            "" if answer.problem is None else answer.problem.slug,
            str(body.get("state", "")),
            str(body.get("reason") or ""),
            "" if answer.retry_after_s is None else f"again in {answer.retry_after_s:.0f} s",
            command,
            self._name(body.get("booking_id"), "b") if not command else "",
        ]
        self._note(f"r{number} {answer.status} {' '.join(filter(None, what))}".rstrip())

    def _write(self, event: PlatformEvent) -> None:
        is_ours = self._is_asking or event.request_id in {each.request_id for each in self._asked}
        is_known = event.event in (PlatformStep.REQUESTED, PlatformStep.ANSWERED) and is_ours
        is_usual = self._population is not None and event.problem is None
        if (is_known and event.distance_m is None) or (is_usual and event.event in OF_REQUESTS):
            return
        what = [
            "" if is_ours or self._population else f"{event.account_id or 'somebody'}:",
            self._name(event.command_id, "c"),
            event.outcome or "",
            "" if event.status is None else str(event.status),
            event.problem or "",
            event.reason or "",
            self._ticket(event) if event.event is PlatformStep.SUPPORT_CALLED else "",
            event.shown or "",
            "" if event.distance_m is None else f"from {event.distance_m:g} m",
            "" if event.position is None else "at {:.1f}, {:.1f}".format(*event.position),
        ]
        self._note(f"log {event.event} {' '.join(filter(None, what))}".rstrip())

    def _ticket(self, event: PlatformEvent) -> str:
        booking = self._name(event.booking_id, "b")
        return f"{event.account_id} {event.vehicle_id} {booking} app {event.app_version}:"

    def _on_step(self, event: CustomerEvent) -> None:
        press = f"(press {event.press})" if (event.press or 1) > 1 else ""
        shown = "" if event.shown is None else f'"{event.shown}"'
        car = event.vehicle_id if event.step is CustomerStep.BOOKED else None
        status = "" if event.status is None else str(event.status)
        what = (event.step.value.replace("_", " "), car, press, status, event.problem, shown)
        number = int(event.customer_id.rpartition("-")[2])
        self._note(f"customer {number} {' '.join(filter(None, what))}")

    def _on_told(self, what: str, command_id: str | None) -> None:
        self._note(f"told by {self._name(command_id, 'c') or 'nothing'} that {what}")

    def _on_movement(self, movement: Movement) -> None:
        lock = "locked" if movement.is_driver_door_locked else "unlocked"
        self._note(f"{movement.vehicle_id} {lock}")

    def _note(self, what: str) -> None:
        self._happened.append((round(self.bench.env.now, 3), what))

    def _name(self, its_id: str | None, kind: str) -> str:
        """Return the name of a booking or of a command: they are numbered as they appear."""
        if its_id is None:
            return ""
        its_id = its_id.rpartition("/")[2]
        of_kind = sum(name.startswith(kind) for name in self._names.values())
        return self._names.setdefault(its_id, f"{kind}{of_kind + 1}")

    def _known(self, name: str | None) -> str | None:
        """Return the id of what has a name; any other word is an id of nobody."""
        ids = {its: each for each, its in self._names.items()}
        return None if name is None else ids.get(name, name)


def _action(failpoint: str, value: Any = None) -> Callable[[Any, Any], Any]:
    """Return an action that returns a value, or adds `+2` to the usual one."""

    def act(usual: Any, _context: Any) -> Any:
        match failpoint, value:
            case "admission", str():
                return problems.PROBLEMS[value]
            case "answer", str() if value.startswith("refused:"):
                told = refused_because(value.removeprefix("refused:"))
                return Answer(status=502, body=told.body(), problem=problems.VEHICLE_REFUSED)
            case "answer", str():
                return answers.of_problem(problems.PROBLEMS[value])
            case "answer", int():
                return Answer(status=value, body={"was": usual.status})
            case _:
                return calculated(usual, value)

    return act
