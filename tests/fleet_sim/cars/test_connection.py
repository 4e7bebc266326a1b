"""How a connection is made, refused, disturbed and whole again, and who is at fault how long."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from itertools import pairwise
from typing import Any

import pytest
import simpy

from fleet_sim.cars.box_states import ConnectionState, Power
from fleet_sim.cars.distributions import Uniform
from fleet_sim.cars.failpoints import (
    CONNACK,
    DIAL,
    DOWNLINK,
    PUBACK,
    RECONNECT,
    SUBACK,
    DialStage,
    Failpoint,
)
from fleet_sim.cars.parameters import NULL_BOX, Refusal
from fleet_wire.contract.messages import Presence, PresenceReason, PresenceStatus, Telemetry
from fleet_wire.links.link import NO_MATCHING_SUBSCRIBERS, EndReason
from fleet_wire.links.reconnect import ReconnectPolicy
from tests.helpers.culprit import Seen, Suspect
from tests.helpers.fake_link import SLEEPY, Bench, bench
from tests.helpers.faulty import Street

RETRY_10_S = ReconnectPolicy(full_jitter=False, base_s=10.0, jitter_s=0.0)
STEADY_KEYS = {
    "reconnect": RETRY_10_S,
    "network_loss_s": 30.0,
    "network_stable": Uniform(base_s=12.0),
    "reboot": Uniform(base_s=40.0),
}
STEADY = NULL_BOX.model_copy(update=STEADY_KEYS)
ASLEEP = SLEEPY.model_copy(update=STEADY_KEYS)


def test_a_first_failure_is_the_first() -> None:
    """A fleet that finds no broker at its start is back within the first interval after it."""
    policy = ReconnectPolicy(base_s=1.0, cap_s=1_000.0)
    for seed in range(20):
        car = bench(
            STEADY.model_copy(update={"reconnect": policy}), seed=seed, connects_at_once=False
        )
        car.link.lose()
        car.env.run(until=1.0)
        assert car.link.calls == ["connect", "connect"]


def test_each_box_takes_its_own_time_to_connect() -> None:
    """Round trips are drawn: a fleet that starts at one moment does not connect at one moment."""
    rtt = Uniform(base_s=0.1, spread_s=0.4)
    radio = STEADY.radio.model_copy(update={"connected_rtt": rtt})
    parameters = STEADY.model_copy(update={"radio": radio, "connect_round_trips": 4})
    connected_at_s = []
    for seed in range(5):
        car = bench(parameters, seed=seed)
        while not car.link.calls:
            car.env.step()
        connected_at_s.append(car.env.now)
    assert len(set(connected_at_s)) == 5
    assert all(0.4 <= at_s < 2.0 for at_s in connected_at_s)


def test_each_connection_has_a_session_of_its_own() -> None:
    """Others tell by it whether a will is that of the connection that they know."""
    car = bench(STEADY)
    for _ in range(3):
        car.link.lose()
        car.env.run(until=car.env.now + 11)
    ids = [presence.session_id for presence in car.link.presences()]
    assert len(set(ids)) == len(ids) == 4


def test_a_clock_in_1970_ends_the_connection_at_its_tls_handshake() -> None:
    """Name and TCP take their time before: two and a bit of four stages."""
    radio = STEADY.radio.model_copy(update={"connected_rtt": Uniform(base_s=1.0)})
    parameters = STEADY.model_copy(
        update={
            "radio": radio, "connect_round_trips": 4, "needs_time_for_tls": True,
            "keeps_time": False, "cold_start_share": 1.0, "clock_sync": Uniform(base_s=1_000.0),
        }
    )  # fmt: skip
    car, seen = bench(parameters), []
    for at_s in (2.9, 3.1, 13.1):
        car.env.run(until=at_s)
        seen.append(car.box.modem.connection.state)
    assert seen == [
        ConnectionState.CONNECTING, ConnectionState.DISCONNECTED, ConnectionState.CONNECTING,
    ]  # fmt: skip


def test_a_loss_of_coverage_right_after_another_prolongs_it() -> None:
    """The connection has not proved itself yet; no hit ends before it begins."""
    car, first, second = bench(STEADY), Suspect(), Suspect()
    car.env.run(until=10)
    with car.box.modem.bearer.without_coverage(by=first):
        car.env.run(until=10.2)
    car.env.run(until=10.6)
    with car.box.modem.bearer.without_coverage(by=second):
        car.env.run(until=10.9)
    car.env.run(until=20)
    assert first.hits == [Seen("coverage", None, (10.0, 10.9))]
    assert second.hits == [Seen("coverage", None, (10.6, 10.9))]


@pytest.mark.parametrize(("lasts_s", "ends"), [(29.9, False), (30.0, True)])
def test_a_connection_is_given_up_after_its_time_without_coverage(
    lasts_s: float, *, ends: bool
) -> None:
    """Thirty seconds here: not a moment before."""
    car = bench(STEADY)
    car.env.run(until=10)
    with car.box.modem.bearer.without_coverage(by=Suspect()):
        car.env.run(until=10 + lasts_s)
    assert car.link.calls == (["connect", "leave_behind"] if ends else ["connect"])


def test_each_box_waits_its_own_time_for_a_stable_network() -> None:
    """A fleet that leaves a tunnel does not connect as one."""
    back_s = []
    for seed in range(3):
        wait = Uniform(base_s=10.0, spread_s=5.0)
        car = bench(STEADY.model_copy(update={"network_stable": wait}), seed=seed)
        with car.box.modem.bearer.without_coverage(by=Suspect()):
            car.env.run(until=100)
        while not car.box.modem.connection.is_reachable:
            car.env.step()
        back_s.append(car.env.now)
    assert len(set(back_s)) == 3
    assert all(110 <= each_s < 115 for each_s in back_s)


def test_a_cut_is_that_of_its_connection() -> None:
    """One that ends on a later connection neither harms that, nor spares it the next cut."""
    car, suspect = bench(STEADY), Suspect()
    with car.box.modem.downlink.cut(by=suspect):
        car.box.modem.dialler.drop_connection(by=suspect)
        car.env.run(until=20)
        assert car.box.modem.connection.is_reachable
    assert car.box.modem.connection.is_reachable
    with car.box.modem.downlink.cut(by=suspect):
        assert not car.box.modem.connection.is_reachable
        car.box.modem.dialler.drop_connection(by=suspect)
    car.env.run(until=60)
    assert car.link.calls == ["connect", "abort", "connect", "abort", "connect"]


@pytest.mark.parametrize(("loss_db", "has_coverage"), [(35.0, True), (36.0, False)])
def test_a_modem_finds_a_cell_at_the_limit_and_none_below(
    loss_db: float, *, has_coverage: bool
) -> None:
    """-120 dBm is just enough."""
    update = {"signal_dbm": -85.0, "signal_swing_db": 0.0}
    car = bench(STEADY.model_copy(update=update))
    with car.box.modem.bearer.attenuated(loss_db, by=Suspect()):
        assert car.box.modem.connection.has_coverage is has_coverage


def test_attenuations_add_up_and_the_end_of_one_leaves_the_other() -> None:
    """20 dB each: the signal is gone while there are two of them, whichever ends first."""
    parameters = STEADY.model_copy(update={"signal_dbm": -85.0, "signal_swing_db": 0.0})
    car, first, second, weak = bench(parameters), Suspect(), Suspect(), Suspect()
    modem = car.box.modem
    one = modem.bearer.attenuated(20.0, by=first)
    other = modem.bearer.attenuated(20.0, by=second)
    car.env.run(until=10)
    one.__enter__()
    with modem.bearer.attenuated(3.0, by=weak):
        assert modem.bearer.signal_dbm() == -108.0
    car.box.heartbeat()
    assert modem.connection.is_reachable
    car.env.run(until=20)
    other.__enter__()
    assert (modem.bearer.signal_dbm(), modem.connection.has_coverage) == (-125.0, False)
    car.env.run(until=30)
    one.__exit__(None, None, None)
    assert (modem.bearer.signal_dbm(), modem.connection.has_coverage) == (-105.0, True)
    car.env.run(until=40)
    other.__exit__(None, None, None)
    car.box.heartbeat()
    reported = [sent.signal_dbm for _, sent in car.link.sent if isinstance(sent, Telemetry)]
    assert reported == [-105.0, -85.0]
    for suspect in (first, second):
        assert suspect.hits == [Seen("coverage", None, (20.0, 30.0))]
    assert weak.hits == []


def test_a_sleeping_car_is_whole_when_an_sms_would_make_it_reachable() -> None:
    """Without coverage it is not, and need not wake up when that is back. A downlink it has not."""
    car, coverage, downlink = bench(ASLEEP), Suspect(), Suspect()
    car.env.run(until=10)
    with car.box.modem.bearer.without_coverage(by=coverage):
        car.env.run(until=20)
    with car.box.modem.downlink.cut(by=downlink):
        car.env.run(until=500)
    assert coverage.hits == [Seen("coverage", None, (10.0, 20.0))]
    assert downlink.hits == []
    assert car.power() is Power.ASLEEP


def last_words(car: Bench) -> Presence:
    """Return the presence that the broker retains."""
    return car.link.presences()[-1]


def test_a_car_falls_asleep_only_when_it_can_say_so() -> None:
    """Its sleep is due while it has no coverage: its last will is out, and nobody would wake it."""
    car, suspect = bench(ASLEEP), Suspect()
    car.env.run(until=10)
    car.box.send_sms()
    car.env.run(until=60)
    with car.box.modem.bearer.without_coverage(by=suspect):
        car.env.run(until=150)
        assert car.power() is Power.AWAKE
    car.env.run(until=221)
    assert last_words(car).status is PresenceStatus.ONLINE
    car.env.run(until=300)
    assert car.power() is Power.ASLEEP
    assert last_words(car).reason is PresenceReason.SLEEP
    assert suspect.hits == [Seen("coverage", None, (60.0, 162.0))]


def lose_coverage(car: Bench, by: Suspect) -> None:
    """Be without coverage for 100 s."""

    def garage() -> Generator[simpy.Event, Any, None]:
        with car.box.modem.bearer.without_coverage(by=by):
            yield car.env.timeout(100.0)

    car.env.process(garage())


def lose_nat_entry_for_a_minute(car: Bench, by: Suspect) -> None:
    """Be half-open for a minute."""
    car.box.modem.bearer.lose_nat_entry(60.0, by=by)


def drop(car: Bench, by: Suspect) -> None:
    """Lose the socket."""
    car.box.modem.dialler.drop_connection(by=by)


@pytest.mark.parametrize(
    ("lose", "back_s"),
    [(lose_coverage, 113.0), (lose_nat_entry_for_a_minute, 12.0), (drop, 11.0)],
)
def test_a_car_whose_goodbye_is_lost_comes_back_to_say_it_again(
    lose: Callable[[Bench, Suspect], None], back_s: float
) -> None:
    """Else its last will would say that it is offline, and nobody would send an SMS."""
    car, suspect = bench(ASLEEP), Suspect()
    car.env.run(until=1)
    assert car.box.modem.says_goodbye
    lose(car, suspect)
    car.env.run(until=back_s + 2.0)
    assert car.box.modem.connection.is_reachable
    assert last_words(car).status is PresenceStatus.ONLINE
    car.env.run(until=300)
    assert car.power() is Power.ASLEEP
    assert last_words(car).reason is PresenceReason.SLEEP
    (hit,) = suspect.hits
    assert hit.during_s is not None
    assert list(hit.during_s) == pytest.approx([1.0, back_s], abs=1.0)


def test_a_car_that_has_given_up_does_not_fall_asleep() -> None:
    """No SMS brings it back, only a boot."""
    car, suspect = bench(ASLEEP), Suspect()
    car.env.run(until=10)
    car.link.connects_at_once = False
    car.box.send_sms()
    car.env.run(until=21)
    with car.box.set_action(CONNACK, lambda _usual, _code: None, by=suspect):
        car.link.lose(EndReason.REFUSED, 136)
    car.link.connects_at_once = True
    for second in (100, 200):
        car.env.run(until=second)
        assert car.power() is Power.AWAKE
        car.box.send_sms()
    assert suspect.hits == [Seen("connack")]
    car.box.power.reboot(by=Suspect())
    car.env.run(until=300)
    assert suspect.hits == [Seen("connack"), Seen("connack", None, (21.0, 240.0))]


# How a connection is made, or not

DIALLING = STEADY.model_copy(
    update={
        "connect_round_trips": 4,
        "radio": NULL_BOX.radio.model_copy(update={"connected_rtt": Uniform(base_s=1.0)}),
    }
)
"""Each stage takes a second."""


@pytest.mark.parametrize("stage", DialStage)
def test_a_connection_fails_at_any_stage_and_is_tried_again(stage: DialStage) -> None:
    """A later stage fails later, and no stage after it is reached. The hit ends with the last."""
    car, suspect = bench(DIALLING), Suspect()
    car.env.run(until=10)
    asked: list[DialStage] = []

    def fail(usual: float | None, reached: DialStage) -> float | None:
        asked.append(reached)
        return 0.5 if reached is stage else usual

    car.link.lose()
    with car.box.set_action(DIAL, fail, by=suspect):
        car.env.run(until=20.1)
        while car.box.modem.connection.state is ConnectionState.CONNECTING:
            car.env.step()
        failed_s = car.env.now
    stages = list(DialStage)
    assert failed_s == 20.0 + 0.5 + stages.index(stage) + 1
    assert asked == stages[: stages.index(stage) + 1]
    assert car.link.calls == ["connect"]
    car.env.run(until=60)
    assert car.link.calls == ["connect", "connect"]
    assert suspect.hits == [Seen("dial"), Seen("dial", None, (20.0, failed_s + 10.0 + 4.0))]


@pytest.mark.parametrize(("until_s", "whole_s"), [(23.0, 24.0), (30.0, 30.0 + 12.0 + 4.0)])
def test_coverage_is_needed_when_the_connection_is_there_to_be_made(
    until_s: float, whole_s: float
) -> None:
    """The box dials from 20 to 24 s. A gap before that does no harm, else it begins anew."""
    car, suspect = bench(DIALLING), Suspect()
    car.env.run(until=10)
    car.link.lose()
    car.env.run(until=22)
    with car.box.modem.bearer.without_coverage(by=suspect):
        car.env.run(until=until_s)
        assert car.link.calls == ["connect"]
    car.env.run(until=whole_s - 0.1)
    assert not car.box.modem.connection.is_reachable
    car.env.run(until=100)
    assert car.link.calls == ["connect", "connect"]
    assert suspect.hits == [Seen("coverage", None, (22.0, whole_s))]


FIRM = STEADY.model_copy(
    update={
        "refusals": (
            Refusal(codes=(134, 135), retry_s=None),
            Refusal(codes=(136,), retry_s=30.0),
        )
    }
)


@pytest.mark.parametrize(("code", "retry_s"), [(137, 10.0), (136, 30.0), (134, None)])
def test_a_refused_box_does_what_its_firmware_says(code: int, retry_s: float | None) -> None:
    """By the code, by the general rule where there is none for the code, or not until a boot."""
    car = bench(FIRM)
    car.env.run(until=10)
    car.link.lose(EndReason.REFUSED, code)
    while car.link.calls.count("connect") < 2 and car.env.now < 1000:
        car.env.run(until=car.env.now + 1)
    assert car.env.now == (1000 if retry_s is None else 10 + retry_s + 1)
    assert car.box.modem.connection.is_reachable is (retry_s is not None)
    car.box.power.reboot(by=Suspect())
    car.env.run(until=1100)
    assert car.box.modem.connection.is_reachable


@pytest.mark.parametrize("changed_s", [None, 5.0])
def test_an_action_changes_what_the_firmware_does(changed_s: float | None) -> None:
    """It knows the code; its rule for other losses is not asked."""
    car, suspect, idle = bench(FIRM), Suspect(), Suspect()
    car.env.run(until=10)
    with (
        car.box.set_action(
            CONNACK, lambda usual_s, code: changed_s if code == 136 else usual_s, by=suspect
        ),
        car.box.set_action(RECONNECT, lambda _usual, _context: ReconnectPolicy(), by=idle),
    ):
        car.link.lose(EndReason.REFUSED, 136)
    car.env.run(until=14)
    assert not car.box.modem.connection.is_reachable
    car.env.run(until=500)
    assert car.box.modem.connection.is_reachable is (changed_s is not None)
    whole = [Seen("connack", None, (10.0, 15.0))] if changed_s else []
    assert suspect.hits == [Seen("connack"), *whole]
    assert idle.hits == []


def refuse_connects(street: Street) -> None:
    """Let CONNACK carry 135."""
    street.broker.refuse_connects_with = 135


def refuse_subscriptions(street: Street) -> None:
    """Let SUBACK carry 135."""
    street.broker.may_subscribe = lambda _client_id, _topic_filter: False


@pytest.mark.parametrize("refuse", [refuse_connects, refuse_subscriptions])
def test_a_box_that_a_broker_refuses_connects_when_it_boots(
    refuse: Callable[[Street], None],
) -> None:
    """Whatever the broker has learned meanwhile."""
    street = Street(parameters=FIRM)
    modem = street.boxes[0].modem
    refuse(street)
    modem.dialler.drop_connection(by=Suspect())
    street.pass_s(15.0)
    assert modem.connection.state is ConnectionState.GIVEN_UP
    street.broker.refuse_connects_with = street.broker.may_subscribe = None
    street.pass_s(1000.0)
    assert not modem.connection.is_reachable
    street.boxes[0].power.reboot(by=Suspect())
    street.pass_s(41.0)
    assert modem.connection.is_reachable


# What comes in


def test_without_a_subscription_the_box_is_online_and_no_command_comes() -> None:
    """Until the next connect, though the broker would grant it long before."""
    street, suspect = Street(parameters=STEADY), Suspect()
    (box,) = street.boxes
    street.unlock("c0")
    street.pass_s(1.0)
    box.modem.dialler.drop_connection(by=Suspect())
    dropped_s = street.env.now
    with box.set_action(SUBACK, lambda _usual, _context: (), by=suspect):
        street.pass_s(11.0)
    assert box.modem.connection.is_up
    assert street.platform.presences[-1] == ("car-0", PresenceStatus.ONLINE)
    assert (box.modem.connection.is_reachable, street.world.counts.reachable) == (False, 0)
    street.pass_s(300.0)
    street.unlock("c1")
    street.pass_s(1.0)
    assert street.platform.acks == [0, NO_MATCHING_SUBSCRIBERS]
    box.modem.dialler.drop_connection(by=Suspect())
    again_s = street.env.now
    street.pass_s(11.0)
    assert (box.modem.connection.is_reachable, street.world.counts.reachable) == (True, 1)
    street.unlock("c2")
    street.pass_s(1.0)
    assert street.executed() == ["c0", "c2"]
    instant, during = suspect.hits
    assert instant == Seen("suback")
    assert during.during_s == pytest.approx((dropped_s + 10.0, again_s + 10.0), abs=0.01)


@pytest.mark.parametrize(("failpoint", "comes"), [(PUBACK, True), (DOWNLINK, False)])
def test_a_window_of_unacknowledged_messages_keeps_out_what_comes_after(
    failpoint: Failpoint[Any, Any],
    comes: bool,  # noqa: FBT001
) -> None:
    """Twenty messages, whoever withheld them; all are at fault until the box connects anew."""
    street, suspects, idle = Street(parameters=STEADY), (Suspect(), Suspect()), Suspect()
    (box,) = street.boxes
    names = [f"c{number}" for number in range(20)]
    for suspect, part in zip(suspects, (names[:15], names[15:]), strict=True):
        assert box.modem.connection.is_reachable
        with (
            box.set_action(failpoint, lambda usual, _message: usual, by=idle),
            box.set_action(
                failpoint,
                lambda _usual, _message: None if failpoint is DOWNLINK else False,
                by=suspect,
            ),
        ):
            for name in part:
                street.unlock(name, ttl_s=300)
                street.pass_s(1.0)
    full_s = street.env.now - 1.0
    assert (box.modem.connection.is_reachable, street.world.counts.reachable) == (False, 0)
    assert street.executed() == (names if comes else [])
    street.unlock("after", ttl_s=300)
    street.pass_s(60.0)
    assert "after" not in street.executed()
    box.modem.dialler.drop_connection(by=Suspect())
    again_s = street.env.now
    street.pass_s(11.0)
    assert "after" in street.executed()
    assert set(street.executed()) == {*names, "after"}
    for suspect, part in zip(suspects, (names[:15], names[15:]), strict=True):
        *single, last = suspect.hits
        assert single == [Seen(failpoint.name, name) for name in part]
        assert last.what == failpoint.name
        assert last.during_s == pytest.approx((full_s, again_s + 10.0), abs=0.01)
    assert idle.hits == []


def test_each_connection_has_a_window_of_its_own() -> None:
    """Nineteen messages withheld on each of two: there is room for one more on either."""
    car = bench(STEADY)
    with car.box.set_action(PUBACK, lambda _usual, _message: False, by=Suspect()):
        for _ in range(2):
            for _ in range(19):
                car.deliver(car.message(b"no command"))
            assert car.box.modem.connection.is_reachable
            car.link.lose()
            car.env.run(until=car.env.now + 11.0)


def test_a_connection_that_is_made_fails_by_its_own_trouble() -> None:
    """What was to end the one before, which a crash has cut short, ends no later one."""
    car, seen = bench(STEADY), []
    with car.box.set_action(DIAL, lambda _usual, _stage: 60.0, by=Suspect()):
        car.link.lose()
        car.env.run(until=11)
        car.box.power.reboot(by=Suspect())
        for at_s in (69.9, 70.1, 110.9, 111.1):
            car.env.run(until=at_s)
            seen.append(car.box.modem.connection.state)
    assert seen == [ConnectionState.CONNECTING] * 3 + [ConnectionState.DISCONNECTED]


def test_a_connection_that_ends_with_a_code_was_not_refused() -> None:
    """Session taken over, for one: what the firmware does about refusals is not asked."""
    rule = Refusal(codes=(142,), retry_s=None)
    car = bench(STEADY.model_copy(update={"refusals": (rule,)}))
    car.link.lose(EndReason.BROKER_CLOSED, 142)
    car.env.run(until=10.1)
    assert car.link.calls == ["connect", "connect"]


# Who is at fault for the connection, and how long


def hold(context: AbstractContextManager[Any], car: Bench, from_s: float, until_s: float) -> None:
    """Enter a context and leave it at two simulated seconds."""

    def act() -> Generator[simpy.Event, Any, None]:
        yield car.env.timeout(from_s - car.env.now)
        with context:
            yield car.env.timeout(until_s - from_s)

    car.env.process(act())


def lose_coverage_shortly(car: Bench, by: Suspect) -> None:
    """Be away for less than the modem takes to give the connection up."""
    hold(car.box.modem.bearer.without_coverage(by=by), car, 100.0, 110.0)


def lose_coverage_for_long(car: Bench, by: Suspect) -> None:
    """Be away for so long that the modem waits for a stable network."""
    hold(car.box.modem.bearer.without_coverage(by=by), car, 100.0, 160.0)


def lose_coverage_twice(car: Bench, by: Suspect) -> None:
    """Let another take it as well, and for longer: together too long for the connection."""
    hold(car.box.modem.bearer.without_coverage(by=Suspect()), car, 120.0, 140.0)
    hold(car.box.modem.bearer.without_coverage(by=by), car, 100.0, 125.0)


def lose_coverage_and_connection(car: Bench, by: Suspect) -> None:
    """Let the broker close the connection meanwhile, which the box notices a little later."""
    lose_coverage_shortly(car, by)
    car.world.later(110.5 - car.env.now, car.link.lose)


def lose_downlink(car: Bench, by: Suspect) -> None:
    """Hear nothing until a new connection ends it."""
    hold(car.box.modem.downlink.cut(by=by), car, 100.0, 120.0)


def lose_nat_entry(car: Bench, by: Suspect) -> None:
    """Let the box notice it after 15 s. A second loss takes nothing away."""
    for at_s, culprit in ((100.0, by), (105.0, Suspect())):
        car.world.later(
            at_s - car.env.now,
            lambda each: car.box.modem.bearer.lose_nat_entry(15.0, by=each),
            culprit,
        )


def drop_connection(car: Bench, by: Suspect) -> None:
    """Do nothing more."""
    car.world.later(100.0 - car.env.now, lambda: car.box.modem.dialler.drop_connection(by=by))


def switch_off(car: Bench, by: Suspect) -> None:
    """Be without power for 50 s; this box boots at once."""

    def cut() -> Generator[simpy.Event, Any, None]:
        yield car.env.timeout(100.0 - car.env.now)
        with car.box.power.without_power(by=by):
            yield car.env.timeout(50.0)

    car.env.process(cut())


def crash(car: Bench, by: Suspect) -> None:
    """Boot for 40 s."""
    car.world.later(100.0 - car.env.now, lambda: car.box.power.reboot(by=by))


def sleep_deeply(car: Bench, by: Suspect) -> None:
    """Sleep for 60 s; the modem takes 8 s to come back."""
    car.world.later(100.0 - car.env.now, lambda: car.box.power.sleep_deeply(60.0, by=by))


@pytest.mark.parametrize(
    ("disturb", "what", "whole_s"),
    [
        (lose_coverage_shortly, "coverage", 110.0),
        (lose_coverage_for_long, "coverage", 160.0 + 12.0),
        (lose_coverage_twice, "coverage", 140.0 + 12.0),
        (lose_coverage_and_connection, "coverage", 110.5 + 10.0),
        (lose_downlink, "downlink", 120.0 + 10.0),
        (lose_nat_entry, "nat", 115.0 + 10.0),
        (drop_connection, "connection", 110.0),
        (switch_off, "power", 150.0),
        (crash, "reboot", 140.0),
        (sleep_deeply, "deep_sleep", 160.0 + 8.0),
    ],
)
def test_a_hit_on_the_connection_lasts_until_it_is_whole(
    disturb: Callable[[Bench, Suspect], None], what: str, whole_s: float
) -> None:
    """With all that comes after the fault itself: the boot, the wait, the next connect."""
    car, suspect = bench(STEADY.model_copy(update={"modem_resume": Uniform(base_s=8.0)})), Suspect()
    disturb(car, suspect)
    was_reachable = []
    for at_s in (99.9, 100.1, whole_s - 0.1, whole_s + 0.1):
        car.env.run(until=at_s)
        was_reachable.append(car.box.modem.connection.is_reachable)
        assert car.world.counts.reachable == car.box.modem.connection.is_reachable
    assert was_reachable == [True, False, False, True]
    car.env.run(until=300)
    assert car.box.modem.connection.is_reachable
    assert suspect.hits == [Seen(what, None, (100.0, whole_s))]
    assert suspect.cars == {"car-1"}


def test_a_connection_that_the_broker_has_closed_meanwhile_is_not_whole() -> None:
    """Keepalive 5 s: the broker is done with the car before the network is back."""
    parameters = STEADY.model_copy(update={"keepalive_s": 5})
    street, suspect = Street(parameters=parameters), Suspect()
    (box,) = street.boxes
    street.pass_s(9.0)
    with box.modem.bearer.without_coverage(by=suspect):
        street.pass_s(20.0)
    street.pass_s(5.0)
    assert not box.modem.connection.is_reachable
    street.pass_s(10.0)
    assert box.modem.connection.is_reachable
    (hit,) = suspect.hits
    assert hit.during_s == pytest.approx((10.0, 40.0), abs=0.01)


def test_who_acts_twice_is_told_once() -> None:
    """From the first time on."""
    car, suspect = bench(STEADY), Suspect()
    car.env.run(until=10)
    car.box.modem.dialler.drop_connection(by=suspect)
    car.env.run(until=15)
    car.box.power.reboot(by=suspect)
    car.env.run(until=100)
    assert suspect.hits == [Seen("connection", None, (10.0, 55.0))]


def test_what_has_no_connection_to_lose_is_not_hit() -> None:
    """A sleeping car has no NAT entry and no socket."""
    car, suspect = bench(ASLEEP), Suspect()
    car.env.run(until=10)
    car.box.modem.bearer.lose_nat_entry(5.0, by=suspect)
    car.box.modem.dialler.drop_connection(by=suspect)
    car.env.run(until=100)
    assert suspect.hits == []
    assert car.power() is Power.ASLEEP


# The signal


def signals(seed: int, *, every_s: float) -> list[float]:
    """Return the signal of a car over an hour."""
    car = bench(seed=seed)
    found = []
    while car.env.now < 3600:
        car.env.run(until=car.env.now + every_s)
        found.append(car.box.modem.bearer.signal_dbm())
    return found


def test_signals_differ_by_car_and_time_and_not_by_who_asks() -> None:
    """Within the swing about the place's own; the same seed gives the same, however often asked."""
    here, there = signals(1, every_s=60.0), signals(2, every_s=60.0)
    assert here == signals(1, every_s=20.0)[2::3]
    assert len({round(one - other) for one, other in zip(here, there, strict=True)}) > 3
    assert max(here) - min(here) == pytest.approx(NULL_BOX.signal_swing_db, abs=0.5)
    ordinary, swing = NULL_BOX.signal_dbm, NULL_BOX.signal_swing_db
    assert all(abs(each - ordinary) <= swing for each in here + there)


def test_a_signal_goes_up_and_down_once_in_a_quarter_of_an_hour() -> None:
    """Slowly: from one second to the next by a step of the modem's scale at most."""
    found = signals(1, every_s=1.0)
    assert max(abs(one - next_one) for one, next_one in pairwise(found)) == 1.0
    assert all(abs(one - other) <= 1.0 for one, other in zip(found, found[900:], strict=False))
    assert max(abs(one - other) for one, other in zip(found, found[450:], strict=False)) > 5.0
