"""What a box does with commands, in virtual time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_sim.cars.distributions import Uniform, UniformOffset
from fleet_sim.cars.failpoints import ACTUATION, OBJECTION, RELOCK
from fleet_sim.cars.parameters import NULL_BOX, BoxParameters
from fleet_wire.contract.messages import Action, Phase, Reason
from tests.helpers.culprit import Suspect
from tests.helpers.fake_link import EPOCH_S, bench


def phases(results: list) -> list[tuple[Phase, Reason | None]]:  # type: ignore[type-arg]
    """Return what each result says."""
    return [(result.phase, result.reason) for result in results]


def test_unlock_is_received_executed_and_reported() -> None:
    """A good command moves the lock; results and state follow in order, with correlation data."""
    car = bench()
    car.link.sent.clear()
    car.link.properties.clear()
    car.deliver(car.command("c1"))
    kinds = [kind.value for kind, _ in car.link.sent]
    assert kinds == ["result", "result", "state"]
    assert phases(car.link.results()) == [(Phase.RECEIVED, None), (Phase.EXECUTED, None)]
    state = car.link.states()[-1]
    assert (state.is_locked, state.last_command_id) == (False, "c1")
    assert [p.correlation_data for p in car.link.properties if p] == [b"c1", b"c1"]
    assert len(car.link.acknowledged) == 1


def test_a_null_box_takes_no_time_and_no_event() -> None:
    """Without delays everything happens inside the delivery: the event queue stays empty."""
    car = bench()
    car.deliver(car.command())
    assert car.env.peek() == float("inf")


def test_durations_are_the_boxs_own() -> None:
    """The box reports CAN wake, actuation and the time since receipt on its own clock."""
    parameters = NULL_BOX.model_copy(
        update={
            "processing": Uniform(base_s=0.1),
            "can_wake": Uniform(base_s=0.75),
            "actuation": Uniform(base_s=0.5),
        }
    )
    car = bench(parameters)
    car.deliver(car.command())
    car.env.run(until=10)
    received, executed = car.link.results()
    assert received.since_received_s == pytest.approx(0.1)
    assert executed.can_wake_s == pytest.approx(0.75)
    assert executed.actuation_s == pytest.approx(0.5)
    assert executed.since_received_s == pytest.approx(1.35)
    assert executed.box_time_ms == int((EPOCH_S + 1.35) * 1000)


def test_can_bus_stays_awake_for_the_next_command() -> None:
    """The second command within the window does not wait for the bus to wake."""
    parameters = NULL_BOX.model_copy(
        update={"can_wake": Uniform(base_s=0.75), "can_awake": Uniform(base_s=0.1)}
    )
    car = bench(parameters)
    car.deliver(car.command("c1"))
    car.env.run(until=5)
    car.deliver(car.command("c2"))
    car.env.run(until=10)
    car.env.run(until=100)
    car.deliver(car.command("c3"))
    car.env.run(until=110)
    waits = [r.can_wake_s for r in car.link.results() if r.phase is Phase.EXECUTED]
    assert waits == [0.75, 0.1, 0.75]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"signature": "0" * 64}, Reason.BAD_SIGNATURE),
        ({"signature": "é" * 64}, Reason.BAD_SIGNATURE),
        ({"expires_at_ms": int(EPOCH_S * 1000) - 1}, Reason.EXPIRED),
        ({"expires_at_ms": int(EPOCH_S * 1000) + 10_000_000}, Reason.TTL_TOO_LONG),
        ({"counter": 0}, Reason.REPLAYED),
    ],
)
def test_refusals_name_their_reason(changes: dict[str, object], reason: Reason) -> None:
    """A command that is forged, old, replayed or lives too long is refused and moves nothing."""
    car = bench()
    car.deliver(car.command("first", counter=5))
    moved = car.box.vehicle.movement
    car.deliver(car.command("second", **{"counter": 9, **changes}))
    assert phases(car.link.results()[2:]) == [(Phase.REFUSED, reason)]
    assert car.box.vehicle.movement == moved


def test_a_redelivered_command_is_answered_again_but_not_executed_again() -> None:
    """QoS 1 may bring a command twice: the lock moves once, the answer comes twice."""
    car = bench()
    message = car.command("c1")
    car.deliver(message)
    car.deliver(message)
    assert car.box.vehicle.movement == 1
    executed = [r for r in car.link.results() if r.phase is Phase.EXECUTED]
    assert len(executed) == 2
    assert car.world.counts.redelivered == 1


def test_a_copy_that_comes_while_the_first_is_worked_on_is_ignored() -> None:
    """The answer to the first copy serves the second."""
    car = bench(NULL_BOX.model_copy(update={"actuation": Uniform(base_s=1.0)}))
    message = car.command("c1")
    car.deliver(message)
    car.deliver(message)
    car.env.run(until=5)
    assert phases(car.link.results()) == [(Phase.RECEIVED, None), (Phase.EXECUTED, None)]


def test_a_busy_box_refuses_another_command() -> None:
    """One command at a time: the second is refused at once, the first goes on."""
    car = bench(NULL_BOX.model_copy(update={"actuation": Uniform(base_s=1.0)}))
    car.deliver(car.command("c1"))
    car.deliver(car.command("c2"))
    car.env.run(until=5)
    said = [(r.command_id, r.phase, r.reason) for r in car.link.results()]
    assert said == [
        ("c1", Phase.RECEIVED, None),
        ("c2", Phase.REFUSED, Reason.BUSY),
        ("c1", Phase.EXECUTED, None),
    ]
    correlations = [each.correlation_data for each in car.link.properties if each]
    assert correlations == [b"c1", b"c2", b"c1"]


def test_a_command_that_a_busy_box_has_refused_is_not_executed_when_it_comes_again() -> None:
    """The platform was told no. What the box worked on meanwhile goes well, as does what follows.

    The counter is used up at once, while the box still reads the command before it.
    """
    car = bench(NULL_BOX.model_copy(update={"processing": Uniform(base_s=1.0)}))
    first, second, third = (car.command(name) for name in ("c1", "c2", "c3"))
    for at_s, message in ((0.0, first), (0.5, second), (0.8, second), (2.0, second), (4.0, third)):
        car.world.later(at_s, car.deliver, message)
    car.env.run(until=6)
    assert [(r.command_id, r.phase, r.reason) for r in car.link.results()] == [
        ("c2", Phase.REFUSED, Reason.BUSY),
        ("c2", Phase.REFUSED, Reason.BUSY),
        ("c1", Phase.RECEIVED, None),
        ("c1", Phase.EXECUTED, None),
        ("c2", Phase.REFUSED, Reason.REPLAYED),
        ("c3", Phase.RECEIVED, None),
        ("c3", Phase.EXECUTED, None),
    ]


def test_forged_commands_do_not_stand_in_the_way_of_the_genuine_one() -> None:
    """A copy with a wrong signature, before it or meanwhile, and a flood of them with any ids.

    Each is refused for itself: the box neither remembers them nor works on them.
    """
    car = bench(NULL_BOX.model_copy(update={"processing": Uniform(base_s=1.0)}))
    genuine = car.command("c1")
    forgeries = [car.command(name, signature="0" * 64, counter=1000) for name in ("c1", "c2", "c1")]
    for message in (*forgeries, genuine, *forgeries):
        car.deliver(message)
    car.env.run(until=2)
    forged = [("c1", Reason.BAD_SIGNATURE), ("c2", Reason.BAD_SIGNATURE)]
    said = [(r.command_id, r.reason) for r in car.link.results()]
    assert said == [*forged, forged[0], *forged, forged[0], ("c1", None), ("c1", None)]
    car.deliver(genuine)
    assert phases(car.link.results()[-3:]) == [
        (Phase.RECEIVED, None),
        (Phase.EXECUTED, None),
        (Phase.EXECUTED, None),
    ]
    assert car.box.vehicle.movement == 1


def test_lock_command_locks() -> None:
    """The action decides which way the lock goes."""
    car = bench()
    car.deliver(car.command("c1"))
    car.deliver(car.command("c2", action=Action.LOCK))
    assert [state.is_locked for state in car.link.states()] == [True, False, True]


def test_the_car_locks_itself_when_no_door_was_opened() -> None:
    """After relock_after_s the lock goes back, unless it moved or a door opened meanwhile."""
    parameters = NULL_BOX.model_copy(update={"relock_after_s": 30.0})
    car = bench(parameters)
    car.deliver(car.command())
    car.env.run(until=31)
    assert car.box.vehicle.is_locked
    assert car.link.states()[-1].last_command_id is None
    car.deliver(car.command("c2"))
    car.box.vehicle.is_open = True
    car.env.run(until=100)
    assert not car.box.vehicle.is_locked


VISITED = NULL_BOX.model_copy(
    update={"relock_after_s": 30.0, "door_opens": Uniform(base_s=5.0), "max_command_ttl_s": 100.0}
)


def test_a_car_that_was_opened_does_not_lock_itself() -> None:
    """The platform hears of the door; the next customer's unlock finds it shut and locked."""
    car = bench(VISITED)
    car.deliver(car.command("c1"))
    car.env.run(until=4.9)
    assert not car.box.vehicle.is_open
    car.env.run(until=100)
    state = car.link.states()[-1]
    assert (state.is_locked, state.is_open, state.last_command_id) == (False, True, "c1")
    said = len(car.link.states())
    with car.box.set_action(ACTUATION, lambda _moves, _command: False, by=Suspect()):
        car.deliver(car.command("c2"))
    car.env.run(until=140)
    assert [(each.is_locked, each.is_open) for each in car.link.states()[said:]] == [
        (True, False),
        (True, False),
    ]
    car.deliver(car.command("c3"))
    assert [(each.is_locked, each.is_open) for each in car.link.states()[-1:]] == [(False, False)]
    car.env.run(until=150)
    car.deliver(car.command("c4", action=Action.LOCK))
    assert [(each.is_locked, each.is_open) for each in car.link.states()[-2:]] == [
        (False, True),
        (True, False),
    ]


def test_nobody_opens_the_door_of_a_car_that_unlocks_too_late() -> None:
    """Its customer was told no when the command's life was over, and has gone."""
    car = bench(VISITED)
    message = car.command("c1")
    car.env.run(until=40)
    with car.box.set_action(OBJECTION, lambda _reason, _command: None, by=Suspect()):
        car.deliver(message)
    assert not car.box.vehicle.is_locked
    car.env.run(until=71)
    state = car.link.states()[-1]
    assert (state.is_locked, state.is_open) == (True, False)


@pytest.mark.parametrize("error_s", [-5.0, 5.0])
def test_whether_its_customer_has_gone_is_not_for_the_boxs_clock_to_say(error_s: float) -> None:
    """The command has 8 s to live when it is executed, whatever the box believes."""
    clock_error = UniformOffset(base_s=error_s)
    car = bench(VISITED.model_copy(update={"clock_error": clock_error}))
    car.deliver(car.command(expires_at_ms=int((EPOCH_S + 8.0) * 1000)))
    car.env.run(until=6)
    assert car.box.vehicle.is_open


def test_a_car_that_locks_itself_sooner_lets_nobody_in() -> None:
    """Who comes after 5 s stands before a shut door, where it locks after one."""
    car = bench(VISITED)
    with car.box.set_action(RELOCK, lambda _usual, _command: 1.0, by=Suspect()):
        car.deliver(car.command())
    car.env.run(until=100)
    assert [(each.is_locked, each.is_open) for each in car.link.states()] == [
        (True, False),
        (False, False),
        (True, False),
    ]


def test_two_in_a_hundred_customers_are_slower_than_the_relock() -> None:
    """Median 6 s, sigma 0.8: 30 s is 2.01 deviations off. One state for each, as ever."""
    opened = 0
    for seed in range(1000):
        parameters = BoxParameters()
        update = {"relock_after_s": 30.0, "door_opens": parameters.door_opens}
        car = bench(NULL_BOX.model_copy(update=update), seed=seed)
        car.deliver(car.command())
        car.env.run(until=1000)
        assert len(car.link.states()) == 3
        opened += car.box.vehicle.is_open
        assert car.box.vehicle.is_locked is not car.box.vehicle.is_open
    assert 965 <= opened <= 990


def test_thermal_protection_inhibits_the_lock() -> None:
    """Eight movements within the window, and the ninth is refused until the motor has cooled."""
    parameters = NULL_BOX.model_copy(
        update={"inhibit_count": 8, "inhibit_window_s": 20.0, "inhibit_s": 30.0}
    )
    car = bench(parameters)
    for number in range(9):
        car.deliver(car.command(f"c{number}"))
    assert car.link.results()[-1].reason is Reason.ACTUATOR_INHIBITED
    car.env.run(until=29.9)
    car.deliver(car.command("too soon"))
    assert car.link.results()[-1].reason is Reason.ACTUATOR_INHIBITED
    car.env.run(until=30)
    car.deliver(car.command("later"))
    assert car.link.results()[-1].phase is Phase.EXECUTED


def test_thermal_protection_counts_in_any_window() -> None:
    """Not in windows laid end to end: seven movements late in one and five early in the next."""
    parameters = NULL_BOX.model_copy(
        update={"inhibit_count": 8, "inhibit_window_s": 20.0, "inhibit_s": 30.0}
    )
    car = bench(parameters)
    moves_at_s = [0.0, 14.0, 15.0, 16.0, 17.0, 18.0, 19.0, 20.0, 21.0]
    for number, at_s in enumerate(moves_at_s):
        car.env.run(until=at_s + 1)
        car.deliver(car.command(f"c{number}"))
        assert car.link.results()[-1].phase is Phase.EXECUTED, at_s
    car.deliver(car.command("too many"))
    assert car.link.results()[-1].reason is Reason.ACTUATOR_INHIBITED
    car.env.run(until=60)
    for number in range(20):
        car.env.run(until=60 + (number + 1) * 2.9)
        car.deliver(car.command(f"slow{number}"))
        assert car.link.results()[-1].phase is Phase.EXECUTED, number


def test_low_voltage_refuses() -> None:
    """Below the actuator's least voltage the lock does not move."""
    car = bench(NULL_BOX.model_copy(update={"voltage_v": 8.5}))
    car.deliver(car.command())
    assert car.link.results()[-1].reason is Reason.LOW_VOLTAGE


def test_a_clock_ahead_finds_commands_expired() -> None:
    """A box whose clock runs ahead by more than a command's life refuses it as expired."""
    car = bench(NULL_BOX.model_copy(update={"clock_error": Uniform(base_s=60.0)}))
    car.deliver(car.command())
    assert car.link.results()[-1].reason is Reason.EXPIRED


def test_clocks_are_ahead_and_behind() -> None:
    """By 2 s at most, in either direction about as often."""
    parameters = NULL_BOX.model_copy(update={"clock_error": BoxParameters().clock_error})
    errors_s = []
    for seed in range(300):
        car = bench(parameters, seed=seed)
        car.deliver(car.command())
        errors_s.append((car.link.results()[-1].box_time_ms or 0) / 1000 - EPOCH_S)
    assert -2.001 <= min(errors_s) < -1.9
    assert 1.9 < max(errors_s) < 2.0
    assert 120 < sum(error_s < 0 for error_s in errors_s) < 180


@pytest.mark.parametrize(
    ("longer_s", "answer"),
    [(0.0, (Phase.EXECUTED, None)), (9.0, (Phase.REFUSED, Reason.TTL_TOO_LONG))],
)
def test_a_clock_that_is_behind_finds_no_command_to_live_too_long(
    longer_s: float, answer: tuple[Phase, Reason | None]
) -> None:
    """One that lives as long as may be is accepted by a clock 2 s behind, one 9 s longer is not."""
    update = {"clock_error": UniformOffset(base_s=-2.0), "max_command_ttl_s": 30.0}
    car = bench(NULL_BOX.model_copy(update=update))
    car.deliver(car.command(expires_at_ms=int((EPOCH_S + 30.0 + longer_s) * 1000)))
    assert phases(car.link.results())[-1] == answer


@given(st.binary(max_size=300))
def test_no_payload_can_break_a_box(payload: bytes) -> None:
    """Random bytes are acknowledged and counted, and the next command is executed."""
    car = bench()
    car.deliver(car.message(payload))
    assert car.world.counts.malformed == 1
    car.deliver(car.command())
    assert car.link.results()[-1].phase is Phase.EXECUTED


def test_default_parameters_give_the_composite_latency_of_the_sources() -> None:
    """Awake box, idle radio, sleeping bus: about 2.3 s at the median, about 3.3 s at p95."""
    totals = []
    for seed in range(400):
        car = bench(BoxParameters(), seed=seed)
        car.env.run(until=60)
        sent_s = car.env.now
        car.deliver(car.command())
        while not any(r.phase is Phase.EXECUTED for r in car.link.results()):
            car.env.step()
        totals.append(car.env.now - sent_s)
    totals.sort()
    assert 1.9 < totals[200] < 2.7
    assert 2.5 < totals[380] < 3.5


def test_same_seed_same_times() -> None:
    """Two boxes of one seed answer at the same instants; another seed gives others."""

    def times(seed: int) -> list[float]:
        car = bench(BoxParameters(), seed=seed)
        car.env.run(until=60)
        car.deliver(car.command())
        car.env.run(until=90)
        return [r.since_received_s or 0.0 for r in car.link.results()]

    assert times(3) == times(3)
    assert times(3) != times(4)
