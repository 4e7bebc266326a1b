"""Every failpoint of a car: its actions, and the hits of the faults behind them."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, get_args, get_type_hints

import pytest

from fleet_sim.cars import failpoints
from fleet_sim.cars.box_states import Power
from fleet_sim.cars.distributions import Uniform
from fleet_sim.cars.failpoints import (
    ACCEPTANCE,
    ACTUATION,
    BAD_CERTIFICATE,
    BUSY,
    CAN_WAKE,
    CLOCK,
    COMMANDS_REMEMBERED,
    CONNACK,
    DEDUPLICATION,
    DIAL,
    DOWNLINK,
    OBJECTION,
    PUBACK,
    RECONNECT,
    RELOCK,
    RESULT,
    RESUME,
    SMS,
    STATED,
    SUBACK,
    UPLINK,
    DialStage,
    Failpoint,
    OutgoingMessage,
)
from fleet_sim.cars.parameters import NULL_BOX, BoxParameters
from fleet_sim.faults import Hit, Injection
from fleet_sim.faults.registry import FaultWindow
from fleet_wire.contract.messages import Command, Phase, Reason, Result
from fleet_wire.contract.topics import TopicKind
from fleet_wire.links.link import EndReason
from fleet_wire.links.reconnect import ReconnectPolicy
from tests.helpers.culprit import Suspect
from tests.helpers.fake_link import EPOCH_S, Bench, bench
from tests.helpers.faulty import answers

RETRY_10_S = ReconnectPolicy(full_jitter=False, base_s=10.0, jitter_s=0.0)
RETRY_30_S = ReconnectPolicy(full_jitter=False, base_s=30.0, jitter_s=0.0)
AWAKE = NULL_BOX.model_copy(update={"reconnect": RETRY_10_S, "relock_after_s": 20.0})
ASLEEP = AWAKE.model_copy(
    update={
        "asleep_share": 1.0,
        "sms_loss": 0.0,
        "sms_wake": Uniform(base_s=2.0),
        "modem_resume": Uniform(base_s=8.0),
    }
)
BEGINS_S = 10.0
"""When something is done to a car in the cases below."""


class Scene(NamedTuple):
    """A car, and what is done to it so that its failpoints are asked."""

    parameters: BoxParameters
    act: Callable[[Bench], object]


def bring_copies(car: Bench) -> None:
    """Bring a command and its copy."""
    command = car.command("c1")
    car.deliver(command)
    car.deliver(command)


IN_FORCE: list[AbstractContextManager[None]] = []
"""Actions that no case is about: they act as long as they are held."""


def lose_and_distrust(car: Bench) -> None:
    """Lose the connection; the first handshake after it fails."""

    def fail(usual_s: float | None, stage: DialStage) -> float | None:
        return 0.0 if stage is DialStage.TLS and car.env.now < BEGINS_S + 15.0 else usual_s

    action = car.box.set_action(DIAL, fail, by=Suspect())
    action.__enter__()
    IN_FORCE.append(action)
    car.link.lose()


UNLOCKED = Scene(AWAKE, lambda car: car.deliver(car.command("c1")))
COPIED = Scene(AWAKE, bring_copies)
EXPIRED = Scene(
    AWAKE, lambda car: car.deliver(car.command("c1", expires_at_ms=int(EPOCH_S * 1000)))
)
LOST = Scene(AWAKE, lambda car: car.link.lose())
REFUSED = Scene(AWAKE, lambda car: car.link.lose(EndReason.REFUSED, 136))
DISTRUSTED = Scene(AWAKE, lose_and_distrust)
CALLED = Scene(ASLEEP, lambda car: car.box.send_sms())


def seen_of(car: Bench) -> dict[str, Any]:
    """Return all that can be seen of a car."""
    said = car.link.results()
    box_time_ms = said[-1].box_time_ms if said else None
    return {
        "said": [str(result.reason or result.phase) for result in said],
        "box_s": None if box_time_ms is None else round(box_time_ms / 1000 - EPOCH_S, 3),
        "acknowledged": len(car.link.acknowledged),
        "movements": car.box.vehicle.movement,
        "is_locked": car.box.vehicle.is_locked,
        "stated": [state.is_locked for state in car.link.states()[-1:]],
        "power": car.power(),
        "connects": car.link.calls.count("connect"),
        "subscriptions": car.link.sessions[-1].subscriptions,
    }


UNMOVED: dict[str, Any] = {"movements": 0, "is_locked": True, "stated": [True]}
SILENT: dict[str, Any] = {"said": [], "box_s": None}
STILL_ASLEEP = {"power": Power.ASLEEP, "connects": 1}
STILL_WAKING = {"power": Power.WAKING, "connects": 1}
ON_COMMAND = ("c1", BEGINS_S, None)
NOW = (None, BEGINS_S, None)
ON_CONNECT = (None, BEGINS_S + 10.0, None)
WHILE_CALLED = (None, BEGINS_S, BEGINS_S)


class Case(NamedTuple):
    """One action, and what it changes of what is seen of a car so many seconds later."""

    failpoint: Failpoint[Any, Any]
    action: Callable[[Any, Any], Any]
    changed: dict[str, Any]
    scene: Scene = UNLOCKED
    after_s: float = 1.0
    hit: tuple[str | None, float, float | None] = ON_COMMAND
    """The command, and the seconds from when until when."""


def to(value: object) -> Callable[[Any, Any], Any]:
    """Return an action that returns one value."""
    return lambda _usual, _context: value


YES, NO = to(value=True), to(value=False)


def without_received(usual: float | None, sent: OutgoingMessage) -> float | None:
    """Lose the first answer to a command."""
    return None if b'"received"' in sent.payload else usual


def for_executed(value: Result | None) -> Callable[[Result | None, Command], Result | None]:
    """Return an action on the last answer to a command that went well."""
    return lambda usual, _command: value if usual and usual.phase is Phase.EXECUTED else usual


CASES = [
    Case(
        DIAL, lambda usual, stage: 5.0 if stage is DialStage.TCP else usual,
        {"connects": 1}, LOST, 14.0, ON_CONNECT,
    ),
    Case(
        CONNACK, lambda usual_s, code: 30.0 if code == 136 else usual_s,
        {"connects": 1}, REFUSED, 29.0, NOW,
    ),
    Case(CONNACK, to(None), {"connects": 1}, REFUSED, 900.0, NOW),
    Case(BAD_CERTIFICATE, to(None), {"connects": 1}, DISTRUSTED, 900.0, ON_CONNECT),
    Case(SUBACK, to(()), {"subscriptions": ()}, LOST, 11.0, ON_CONNECT),
    Case(RECONNECT, to(RETRY_30_S), {"connects": 1}, LOST, 29.0, NOW),
    Case(
        UPLINK, lambda usual, sent: 5.0 if sent.kind is TopicKind.STATE else usual,
        {"stated": [True]},
    ),
    Case(UPLINK, without_received, {"said": ["executed"]}),
    Case(DOWNLINK, to(0.5), {"box_s": 10.5}),
    Case(DOWNLINK, to(None), UNMOVED | SILENT | {"acknowledged": 0}),
    Case(PUBACK, NO, {"acknowledged": 0}),
    Case(SMS, to(None), STILL_ASLEEP, CALLED, 90.0, WHILE_CALLED),
    Case(SMS, to(60.0), STILL_WAKING, CALLED, 65.0, WHILE_CALLED),
    Case(RESUME, to(20.0), STILL_WAKING, CALLED, 15.0, (None, 12.0, None)),
    Case(BUSY, YES, UNMOVED | {"said": ["busy"], "box_s": None}),
    Case(
        DEDUPLICATION, NO,
        {"said": ["received", "executed", "received", "executed"], "movements": 2}, COPIED,
    ),
    Case(CLOCK, lambda unix_s, _: unix_s + 31.0, UNMOVED | {"said": ["expired"], "box_s": 41.0}),
    Case(OBJECTION, to(Reason.MALFORMED), UNMOVED | {"said": ["malformed"]}),
    Case(
        OBJECTION, to(None),
        {"said": ["received", "executed"], "movements": 1, "is_locked": False, "stated": [False]},
        EXPIRED,
    ),
    Case(ACCEPTANCE, NO, UNMOVED | SILENT),
    Case(CAN_WAKE, to(0.5), {"box_s": 10.5}),
    Case(
        CAN_WAKE, to(None),
        UNMOVED | {"said": ["received", "can_bus_no_ack"], "box_s": 13.2}, after_s=4.0,
    ),
    Case(ACTUATION, NO, UNMOVED),
    Case(STATED, YES, {"stated": [True]}),
    Case(RESULT, for_executed(None), {"said": ["received"]}),
    Case(
        RESULT, for_executed(Result("c1", Phase.REFUSED, Reason.BUSY)),
        {"said": ["received", "busy"], "box_s": None},
    ),
    Case(RELOCK, to(5.0), {"is_locked": True, "movements": 2, "stated": [True]}, after_s=6.0),
    Case(RELOCK, to(None), {"is_locked": False, "movements": 1, "stated": [False]}, after_s=100.0),
]  # fmt: skip
each_case = pytest.mark.parametrize(
    "case", CASES, ids=[f"{number}-{case.failpoint.name}" for number, case in enumerate(CASES)]
)


def waiting(case: Case) -> Bench:
    """Return the car of a case, to which nothing has been done yet."""
    car = bench(case.scene.parameters)
    car.env.run(until=BEGINS_S)
    return car


def outcome(case: Case, car: Bench) -> dict[str, Any]:
    """Do to a car what the case says, and return what is seen of it then."""
    case.scene.act(car)
    car.env.run(until=BEGINS_S + case.after_s)
    return seen_of(car)


def injected(car: Bench) -> tuple[Injection, list[Hit]]:
    """Return an injection on the car, and the list of what it will have hit."""
    hits: list[Hit] = []
    injection = Injection(
        world=car.world,
        boxes=[car.box],
        window=FaultWindow(0.0),
        stream_of=car.world.stream,
        number=3,
        fault="a fault",
        load_starts_s=4.0,
        record=hits.append,
    )
    return injection, hits


def test_every_failpoint_has_a_case() -> None:
    """A failpoint that the model never asks would change nothing."""
    every = {each for each in vars(failpoints).values() if isinstance(each, Failpoint)}
    assert {case.failpoint for case in CASES} == every


@each_case
def test_an_action_changes_what_happens_and_is_told(case: Case) -> None:
    """The case's own changes and no others; the hit has car, failpoint, command and time."""
    usual = outcome(case, waiting(case))
    assert all(usual[key] != value for key, value in case.changed.items())
    car = waiting(case)
    injection, hits = injected(car)
    with car.box.set_action(case.failpoint, case.action, by=injection):
        assert outcome(case, car) == usual | case.changed
    command_id, at_s, until_s = case.hit
    hit = Hit(
        injection=3,
        fault="a fault",
        vehicle_id="car-1",
        what=case.failpoint.name,
        at_s=at_s - 4.0,
        until_s=None if until_s is None else until_s - 4.0,
        command_id=command_id,
    )
    assert hits == [hit]


@each_case
def test_an_action_learns_what_it_happens_to(case: Case) -> None:
    """What the failpoint promises, and always of the command that is worked on."""
    _, promised = get_args(get_type_hints(failpoints)[case.failpoint.name.upper()])
    car, contexts = waiting(case), []

    def action(usual: object, context: object) -> object:
        contexts.append(context)
        return case.action(usual, context)

    with car.box.set_action(case.failpoint, action, by=Suspect()):
        outcome(case, car)
    assert contexts
    assert all(isinstance(context, promised) for context in contexts)
    commands = {context.command_id for context in contexts if isinstance(context, Command)}
    assert commands <= {"c1"}


@pytest.mark.parametrize("case", [case for case in CASES if case.hit[0] is not None])
def test_an_action_of_a_command_leaves_the_next_one_alone(case: Case) -> None:
    """The box is free again, whatever became of the first."""
    car, suspect = waiting(case), Suspect()
    with car.box.set_action(case.failpoint, case.action, by=suspect):
        outcome(case, car)
    hits = len(suspect.hits)
    car.env.run(until=300)
    car.deliver(car.command("c2"))
    assert answers(car)[-2:] == [(Phase.RECEIVED, None), (Phase.EXECUTED, None)]
    assert not car.box.vehicle.is_locked
    assert len(suspect.hits) == hits


@each_case
def test_an_action_that_changes_nothing_or_is_over_is_not_told(case: Case) -> None:
    """What happens is the usual, whoever may have had a hand in it."""
    usual, suspect = outcome(case, waiting(case)), Suspect()
    car = waiting(case)
    with car.box.set_action(case.failpoint, lambda its_usual, _context: its_usual, by=suspect):
        assert outcome(case, car) == usual
    car = waiting(case)
    with car.box.set_action(case.failpoint, case.action, by=suspect):
        pass
    assert outcome(case, car) == usual
    assert suspect.hits == []


def test_what_a_run_does_not_get_to_the_end_of_is_left_as_it_is() -> None:
    """Its processes are thrown away with the world: their ends must not happen then."""
    car, suspect = bench(), Suspect()

    def act() -> Generator[None, None, None]:
        with (
            car.box.set_action(CLOCK, to(0.0), by=suspect),
            car.box.modem.bearer.attenuated(99.0, by=suspect),
            car.box.modem.downlink.cut(by=suspect),
            car.box.vehicle.being(by=suspect, is_ignition_on=True),
        ):
            yield

    process = act()
    next(process)
    process.close()
    assert car.box.failpoints is not None
    assert car.box.failpoints.at_work_on(CLOCK) == [suspect]
    assert (car.box.modem.connection.has_coverage, car.link.calls) == (False, ["connect"])
    assert car.box.vehicle.cabin.is_ignition_on


def test_no_more_is_remembered_of_commands_than_is_needed() -> None:
    """A car may be hit for as long as a run lasts."""
    car, suspect = bench(), Suspect()
    with car.box.set_action(ACTUATION, NO, by=suspect):
        for number in range(100):
            car.deliver(car.command(f"c{number}"))
    assert len(suspect.hits) == 100
    assert car.box.failpoints is not None
    assert len(car.box.failpoints._hit_by) == COMMANDS_REMEMBERED
