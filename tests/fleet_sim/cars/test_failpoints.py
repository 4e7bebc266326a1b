"""Every failpoint of a car: its actions, and the hits of the faults behind them."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack
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
from fleet_wire.contract.messages import Command, Phase, Reason, Result
from fleet_wire.contract.topics import TopicKind
from fleet_wire.links.link import EndReason
from fleet_wire.links.reconnect import ReconnectPolicy
from tests.helpers.culprit import Seen, Suspect
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
        duration_s=0.0,
        stream_of=car.world.stream,
        number=3,
        fault="a fault",
        load_starts_s=4.0,
        record=hits.append,
    )
    return injection, hits


@pytest.mark.parametrize(
    "name", [n for n, it in vars(failpoints).items() if isinstance(it, Failpoint)]
)
def test_every_failpoint_has_a_case(name: str) -> None:
    """A failpoint that the model never asks would change nothing."""
    assert [case for case in CASES if case.failpoint is getattr(failpoints, name)], (
        f"no case for {name}"
    )


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
def test_an_action_that_changes_nothing_is_not_told(case: Case) -> None:
    """What happens is the usual, whoever may have had a hand in it."""
    car, suspect = waiting(case), Suspect()
    with car.box.set_action(case.failpoint, lambda usual, _context: usual, by=suspect):
        assert outcome(case, car) == outcome(case, waiting(case))
    assert suspect.hits == []


@each_case
def test_an_action_acts_while_it_is_in_force(case: Case) -> None:
    """It is over before anything is done to the car."""
    car, suspect = waiting(case), Suspect()
    with car.box.set_action(case.failpoint, case.action, by=suspect):
        pass
    assert outcome(case, car) == outcome(case, waiting(case))
    assert suspect.hits == []


def test_bends_act_in_order_and_the_end_of_one_leaves_the_others() -> None:
    """Each gets what the one before it has made of the usual; one that leaves it so is not told."""
    car = bench(
        NULL_BOX.model_copy(update={"can_stays_awake_s": 0.0, "can_wake": Uniform(base_s=1)})
    )
    suspects = [Suspect() for _ in range(3)]
    failpoints = [
        car.box.set_action(
            CAN_WAKE, lambda wake_s, _command: (wake_s or 0.0) + 2.0, by=suspects[0]
        ),
        car.box.set_action(
            CAN_WAKE, lambda wake_s, _command: (wake_s or 0.0) * 3.0, by=suspects[1]
        ),
        car.box.set_action(CAN_WAKE, to(9.0), by=suspects[2]),
    ]
    steps: list[tuple[Callable[[], object], float]] = [
        (failpoints[0].__enter__, 3.0),
        (failpoints[1].__enter__, 9.0),
        (failpoints[2].__enter__, 9.0),
        (lambda: failpoints[0].__exit__(None, None, None), 9.0),
        (lambda: failpoints[1].__exit__(None, None, None), 9.0),
        (lambda: failpoints[2].__exit__(None, None, None), 1.0),
    ]
    for number, (change, wakes_s) in enumerate(steps):
        change()
        car.deliver(car.command(f"c{number}"))
        car.env.run(until=car.env.now + 20.0)
        assert car.link.results()[-1].can_wake_s == wakes_s
    told = ["".join(hit.command_id or "" for hit in suspect.hits) for suspect in suspects]
    assert told == ["c0c1c2", "c1c2c3", "c3c4"]


def by(change: float) -> Callable[[float, None], float]:
    """Return an action that adds to a number."""
    return lambda value, _context: value + change


@pytest.mark.parametrize(
    ("skews_s", "guilty"),
    [
        ((20.0,), ""),
        ((31.0,), "0"),
        ((20.0, 15.0), "01"),
        ((0.0, 31.0, 0.0), "1"),
        ((31.0, -31.0), ""),
    ],
)
def test_a_wrong_clock_hits_the_commands_whose_fate_it_changes(
    skews_s: tuple[float, ...], guilty: str
) -> None:
    """A command lives for 30 s: together they find it expired, or none of them has done a thing."""
    car = bench()
    suspects = [Suspect() for _ in skews_s]
    with ExitStack() as stack:
        for suspect, skew_s in zip(suspects, skews_s, strict=True):
            stack.enter_context(car.box.set_action(CLOCK, by(skew_s), by=suspect))
        car.deliver(car.command())
    assert "".join(str(i) for i, each in enumerate(suspects) if each.hits) == guilty
    assert all(each.hits in ([], [Seen("clock", "c1")]) for each in suspects)
    is_refused = answers(car) == [(Phase.REFUSED, Reason.EXPIRED)]
    assert is_refused is bool(guilty)


def test_a_wrong_clock_is_at_fault_for_the_connection_that_it_prevents() -> None:
    """In 1970 no certificate is valid: the hit lasts until the connection stands again."""
    car = bench(NULL_BOX.model_copy(update={"needs_time_for_tls": True, "reconnect": RETRY_10_S}))
    back_to_1970, honest = Suspect(), Suspect()
    with (
        car.box.set_action(CLOCK, by(-EPOCH_S), by=back_to_1970),
        car.box.set_action(CLOCK, by(0.0), by=honest),
    ):
        car.env.run(until=5)
        car.link.lose()
        car.env.run(until=40)
        assert not car.box.modem.connection.is_reachable
    car.env.run(until=60)
    assert car.box.modem.connection.is_reachable
    assert back_to_1970.hits == [Seen("clock", None, (15.0, 45.0))]
    assert honest.hits == []


def test_a_command_that_keeps_the_box_busy_hits_those_that_find_it_so() -> None:
    """Also where others have hit these on their way; with the command the blame is over."""
    car = bench()
    slow_bus, slow_network, nobody = Suspect(), Suspect(), Suspect()
    with (
        car.box.set_action(CAN_WAKE, lambda _usual, _command: 20.0, by=slow_bus),
        car.box.set_action(CAN_WAKE, lambda usual, _command: usual, by=nobody),
    ):
        car.deliver(car.command("c1"))
    with car.box.set_action(DOWNLINK, lambda _usual, _message: 1.0, by=slow_network):
        car.deliver(car.command("c2"))
        car.deliver(car.command("c3"))
    car.env.run(until=25)
    car.deliver(car.command("c4"))
    assert slow_bus.hits == [Seen("can_wake", "c1"), Seen("busy", "c2"), Seen("busy", "c3")]
    assert slow_network.hits == [Seen("downlink", "c2"), Seen("downlink", "c3")]
    assert slow_bus.cars == slow_network.cars == {"car-1"}
    assert nobody.hits == []
    said = {each.command_id: each.reason or each.phase for each in car.link.results()}
    assert said == {
        "c1": Phase.EXECUTED,
        "c2": Reason.BUSY,
        "c3": Reason.BUSY,
        "c4": Phase.EXECUTED,
    }


def forget(_usual: bool, _command: Command) -> bool:  # noqa: FBT001 - the failpoint's form
    """Act at `DEDUPLICATION`: recognise nothing."""
    return False


def test_a_box_that_recognises_no_command_executes_it_twice() -> None:
    """Its counter is forgotten as well. Afterwards a third copy is recognised."""
    car, suspect = bench(), Suspect()
    command = car.command("c1")
    with car.box.set_action(DEDUPLICATION, forget, by=suspect):
        car.deliver(command)
        assert suspect.hits == []
        car.deliver(command)
    assert suspect.hits == [Seen("deduplication", "c1")]
    assert answers(car) == 2 * [(Phase.RECEIVED, None), (Phase.EXECUTED, None)]
    car.deliver(command)
    assert (car.box.vehicle.movement, car.world.counts.redelivered) == (2, 1)


def test_a_copy_that_is_not_recognised_finds_the_box_busy_with_the_first() -> None:
    """Two answers to one command, and one movement."""
    car, suspect = bench(NULL_BOX.model_copy(update={"actuation": Uniform(base_s=5.0)})), Suspect()
    command = car.command("c1")
    with car.box.set_action(DEDUPLICATION, forget, by=suspect):
        car.deliver(command)
        car.deliver(command)
    car.env.run(until=10)
    assert suspect.hits == [Seen("deduplication", "c1"), Seen("busy", "c1")]
    assert answers(car)[1:] == [(Phase.REFUSED, Reason.BUSY), (Phase.EXECUTED, None)]
    assert car.box.vehicle.movement == 1


def test_no_action_makes_a_box_take_two_commands_at_once() -> None:
    """One that works on a command is not asked whether it is busy with something else."""
    car, suspect = bench(NULL_BOX.model_copy(update={"actuation": Uniform(base_s=5.0)})), Suspect()
    with car.box.set_action(BUSY, lambda _usual, _command: False, by=suspect):
        car.deliver(car.command("c1"))
        car.deliver(car.command("c2"))
        car.env.run(until=10)
    assert answers(car)[1] == (Phase.REFUSED, Reason.BUSY)
    assert suspect.hits == []


def test_an_action_may_crash_the_box_and_leave_it_at_that() -> None:
    """The command is gone with the firmware, even if the action would go on with it."""
    car, suspect = bench(NULL_BOX.model_copy(update={"reboot": Uniform(base_s=40.0)})), Suspect()

    def crash(goes_on: bool, _command: Command) -> bool:  # noqa: FBT001 - the failpoint's form
        car.box.power.reboot(by=suspect)
        return goes_on

    with car.box.set_action(ACCEPTANCE, crash, by=suspect):
        car.deliver(car.command("c1"))
    car.env.run(until=100)
    assert answers(car) == []
    assert suspect.hits == [Seen("reboot", None, (0.0, 40.0))]
    car.deliver(car.command("c2"))
    assert answers(car)[-1] == (Phase.EXECUTED, None)


def test_what_a_run_does_not_get_to_the_end_of_is_left_as_it_is() -> None:
    """Its processes are thrown away with the world: their ends must not happen then."""
    car, suspect = bench(), Suspect()

    def act() -> Generator[None, None, None]:
        with (
            car.box.set_action(CLOCK, by(31.0), by=suspect),
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
