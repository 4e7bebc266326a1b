"""What a box puts on the wire, and what it takes from it: what others rely on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fleet_sim.cars.box import Box
from fleet_sim.cars.box_states import Power
from fleet_sim.cars.distributions import Uniform
from fleet_sim.cars.failpoints import BUSY, UPLINK
from fleet_sim.cars.parameters import NULL_BOX, BoxParameters
from fleet_sim.cars.spec import CarSpec, Traits
from fleet_wire.contract.messages import Phase, Reason
from fleet_wire.contract.topics import TopicKind
from fleet_wire.contract.trace_context import TraceContext, trace_context_of
from tests.helpers.culprit import Seen, Suspect
from tests.helpers.fake_link import EPOCH_S, Bench, bench
from tests.helpers.faulty import answers

NOW_MS = int(EPOCH_S * 1000)
SLEEPER = NULL_BOX.model_copy(update={"asleep_share": 1.0, "sms_loss": 0.0})


def sent_as(car: Bench) -> dict[TopicKind, set[tuple[str, int, bool]]]:
    """Return topic, QoS and whether to retain it, of what the box sent of each kind."""
    found: dict[TopicKind, set[tuple[str, int, bool]]] = {}
    for (kind, _), envelope in zip(car.link.sent, car.link.envelopes, strict=True):
        found.setdefault(kind, set()).add(envelope)
    return found


def wake(car: Bench) -> None:
    """Wake a box that sleeps."""
    car.box.power.receive_sms()


def crash(car: Bench) -> None:
    """Let the firmware crash."""
    car.box.power.reboot(by=Suspect())


@pytest.mark.parametrize("parameters", [NULL_BOX, BoxParameters()], ids=["null", "usual"])
def test_state_and_presence_are_retained_and_answers_are_not(parameters: BoxParameters) -> None:
    """Who subscribes later learns how the car is, and is told no old answer; on every radio."""
    car = bench(parameters)
    car.env.run(until=60)
    car.deliver(car.command())
    car.env.run(until=90)
    assert len(car.link.acknowledged) == 1, "else the broker would send it again, and again"
    car.box.heartbeat()
    assert sent_as(car) == {
        TopicKind.STATE: {("cars/car-1/state", 1, True)},
        TopicKind.PRESENCE: {("cars/car-1/presence", 1, True)},
        TopicKind.RESULT: {("cars/car-1/result", 1, False)},
        TopicKind.TELEMETRY: {("cars/car-1/telemetry", 0, False)},
    }


def test_a_box_that_falls_asleep_leaves_word_for_those_who_come_later() -> None:
    """Its goodbye takes the place of the presence that is retained."""
    car = bench(SLEEPER)
    assert sent_as(car)[TopicKind.PRESENCE] == {("cars/car-1/presence", 1, True)}


def test_the_will_takes_the_place_of_the_presence() -> None:
    """On the same topic and retained, so that nobody believes in a box that is lost."""
    parameters = NULL_BOX.model_copy(update={"session_expiry_s": 600, "keepalive_s": 45})
    session = bench(parameters).link.handler.session()
    assert session.will is not None
    assert (session.will.topic, session.will.retain) == ("cars/car-1/presence", True)
    assert session.will.qos == 1
    assert (session.session_expiry_s, session.keepalive_s) == (600, 45)
    assert not session.clean_start, "what came while the box was away would be lost"


@pytest.mark.parametrize(
    ("life_ms", "answer"),
    [
        (-1, (Phase.REFUSED, Reason.EXPIRED)),
        (0, (Phase.EXECUTED, None)),
        (50_000, (Phase.EXECUTED, None)),  # 10 s for a clock that is behind
        (50_001, (Phase.REFUSED, Reason.TTL_TOO_LONG)),
    ],
)
def test_a_command_lives_from_now_to_the_longest_life(
    life_ms: int, answer: tuple[Phase, Reason | None]
) -> None:
    """A stolen command must not open the car tomorrow, and a fresh one must today."""
    car = bench(NULL_BOX.model_copy(update={"max_command_ttl_s": 40.0}))
    car.deliver(car.command(expires_at_ms=NOW_MS + life_ms))
    assert answers(car)[-1] == answer


def test_the_box_counts_its_own_time_from_the_command_on() -> None:
    """However long the box has run, the answer says how long the command took."""
    parameters = NULL_BOX.model_copy(
        update={"processing": Uniform(base_s=0.25), "actuation": Uniform(base_s=0.5)}
    )
    car = bench(parameters)
    car.env.run(until=1_000)
    car.deliver(car.command())
    car.env.run(until=1_010)
    assert [result.since_received_s for result in car.link.results()] == [0.25, 0.75]


def test_everything_that_comes_is_counted() -> None:
    """The counts say what a fleet was asked, and what became of it."""
    car = bench()
    for number in range(3):
        executed = car.command(f"good-{number}")
        car.deliver(executed)
        car.deliver(executed)
        car.deliver(car.command(f"old-{number}", expires_at_ms=NOW_MS - 1))
        car.deliver(car.command(f"forged-{number}", signature="0" * 64))
        car.deliver(car.message(b"no command"))
    counts = car.world.counts
    assert (counts.commands, counts.malformed, counts.redelivered) == (12, 3, 3)
    assert (counts.executed, counts.refused) == (3, 6)


def test_a_box_may_be_busy_for_one_command_and_not_for_another() -> None:
    """A fault decides by the command, and what it decides is said of that command."""
    car, suspect = bench(), Suspect()
    with car.box.set_action(BUSY, lambda _, command: command.command_id == "c2", by=suspect):
        car.deliver(car.command("c1"))
        assert answers(car)[-1] == (Phase.EXECUTED, None)
        car.deliver(car.command("c2"))
        assert answers(car)[-1] == (Phase.REFUSED, Reason.BUSY)
    assert suspect.hits == [Seen("busy", "c2")]
    assert car.world.counts.refused == 1


def test_an_answer_may_be_lost_by_what_it_answers() -> None:
    """A fault decides by the command on the way up, too."""
    car, suspect = bench(), Suspect()
    with car.box.set_action(
        UPLINK, lambda usual, sent: None if sent.command_id == "c1" else usual, by=suspect
    ):
        car.deliver(car.command("c1"))
        assert car.link.results() == []
        car.deliver(car.command("c2"))
    assert {result.command_id for result in car.link.results()} == {"c2"}
    assert {hit.command_id for hit in suspect.hits} == {"c1"}


def test_a_state_that_is_lost_hits_the_command_that_moved_the_lock() -> None:
    """The car is open, its answers say so, and nobody hears it of the lock."""
    car, suspect = bench(), Suspect()
    said = len(car.link.states())
    with car.box.set_action(
        UPLINK, lambda usual, sent: None if sent.kind is TopicKind.STATE else usual, by=suspect
    ):
        car.deliver(car.command("c1"))
    assert answers(car)[-1] == (Phase.EXECUTED, None)
    assert len(car.link.states()) == said
    assert suspect.hits == [Seen("uplink", "c1")]


def test_all_that_sleep_are_counted() -> None:
    """The fleet's gauge adds up its cars."""
    car = bench(SLEEPER)
    other = Box(car.world, CarSpec("car-2", Traits(group="test"), SLEEPER))
    other.power.start()
    car.env.run(until=5)
    assert car.world.counts.asleep == 2
    other.power.receive_sms()
    assert car.world.counts.asleep == 1


def test_a_box_without_power_stays_so() -> None:
    """What was begun before (a boot, a wake, a deep sleep) comes to nothing."""
    slow = Uniform(base_s=20.0)
    times = {"boot": slow, "modem_resume": slow}
    for parameters, begin in (
        ({"cold_start_share": 1.0}, None),
        ({"asleep_share": 1.0}, wake),
        ({}, lambda car: car.box.power.sleep_deeply(20.0, by=Suspect())),
    ):
        car = bench(NULL_BOX.model_copy(update={**times, **parameters}))
        car.env.run(until=10)
        if begin is not None:
            begin(car)
        with car.box.power.without_power(by=Suspect()):
            car.env.run(until=1_000)
            assert car.power() is Power.OFF


def test_the_battery_is_measured_in_millivolts() -> None:
    """As the boxes' converters do, not to the last bit of a sum."""
    car, suspect = bench(), Suspect()
    with car.box.vehicle.load(by=suspect) as load:
        car.box.vehicle.draw(load, 0.12345)
        assert car.box.vehicle.voltage_v == 12.477


def test_a_lost_sms_is_lost_for_good() -> None:
    """The box is not even awake for a moment."""
    car = bench(SLEEPER.model_copy(update={"sms_loss": 1.0}))
    car.env.run(until=10)
    car.box.send_sms()
    car.env.run(until=5_000)
    assert car.link.calls == ["connect", "disconnect"]


@pytest.mark.parametrize(("begin", "share"), [(wake, 1.0), (crash, 0.0)])
def test_boxes_take_their_own_time_to_come_back(
    begin: Callable[[Bench], None], share: float
) -> None:
    """A distribution is drawn from, for each box by itself."""
    slow, awake_at_s = Uniform(base_s=5, spread_s=5), []
    times = {"modem_resume": slow, "reboot": slow, "asleep_share": share}
    for seed in range(3):
        car = bench(SLEEPER.model_copy(update=times), seed=seed)
        car.env.run(until=10)
        begin(car)
        while car.power() is not Power.AWAKE:
            car.env.step()
        awake_at_s.append(car.env.now)
    assert len(set(awake_at_s)) == 3
    assert all(15 <= each <= 20 for each in awake_at_s)


def test_answers_carry_the_commands_trace_and_a_span_of_the_box() -> None:
    """Whoever takes an answer can join it to the trace, with correlation data or without."""
    sent = TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
    properties = [("traceparent", sent.traceparent), ("tracestate", "a=1"), ("origin", "me")]
    car = bench()
    car.deliver(car.command(user_properties=properties))
    car.deliver(car.command("c2", user_properties=properties, correlation_data=None))
    with_properties = [one for one in car.link.properties if one is not None]
    assert [one.correlation_data for one in with_properties] == [b"c1", b"c1", None, None]
    for one in with_properties:
        own = trace_context_of(one.user_properties)
        assert own is not None
        assert own.trace_id == sent.trace_id
        assert own.span_id != sent.span_id
        assert [name for name, _ in one.user_properties] == ["traceparent", "tracestate"]


def test_a_box_invents_no_trace() -> None:
    """Without a command's trace an answer has none, and without anything no properties at all."""
    car = bench()
    car.deliver(car.command(user_properties=[("traceparent", "?")]))
    car.deliver(car.command("c2", correlation_data=None))
    assert {one.user_properties for one in car.link.properties if one is not None} == {()}
    assert len([one for one in car.link.properties if one is not None]) == 2
